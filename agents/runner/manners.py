"""How a job takes its place on a machine that somebody uses: on which cores, and at which priority.

Lowest is SCHED_IDLE at nice 19; its reads and writes then come last too, as
the kernel derives them from it. It cannot be taken back without rights of
root; the cores can.
"""

import contextlib
import os
from collections.abc import Iterable

from msgspec import Struct


class Manners(Struct, frozen=True):
    """What the owner's policy asks of jobs."""

    half_cores: bool = False
    lowest_priority: bool = False


def apply_manners(manners: Manners, pids: Iterable[int]) -> None:
    """Let every thread of these processes behave so. What is gone, or not ours, is passed over."""
    for pid in pids:
        for thread in _threads_of(pid):
            with contextlib.suppress(OSError):
                if manners.lowest_priority:
                    _lower(thread)
                if hasattr(os, "sched_setaffinity"):
                    os.sched_setaffinity(thread, choose_cores(manners))


def choose_cores(manners: Manners) -> set[int]:
    """Return the cores for jobs: all that this process may use, or the upper half of them."""
    own = sorted(os.sched_getaffinity(0))
    return set(own[-max(1, len(own) // 2) :] if manners.half_cores else own)


def _lower(thread: int) -> None:
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))
    if hasattr(os, "setpriority"):
        os.setpriority(os.PRIO_PROCESS, thread, 19)


def _threads_of(pid: int) -> list[int]:
    try:
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    except OSError:
        return [pid]
