"""What this machine is, from the standard library alone: an idle agent stays small."""

import os
import sys

from schemas.facts import MachineFacts
from schemas.isolation import Isolation


def read_facts(
    *,
    labels: tuple[str, ...],
    gpus: int,
    version: str,
    isolation: tuple[Isolation, ...] = ("basic",),
    environments: tuple[str, ...] = (),
    wake: tuple[str, ...] = (),
) -> MachineFacts:
    """Return what this machine is; its GPUs are as many as its owner says."""
    return MachineFacts(
        system=_read_system(),
        python=".".join(map(str, sys.version_info[:3])),
        processor=_read_processor(),
        cores=count_cores(),
        memory_mb=_read_memory_mb(),
        gpus=gpus,
        labels=labels,
        version=version,
        isolation=isolation,
        environments=environments,
        wake=wake,
    )


def count_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _read_system() -> str:
    if hasattr(os, "uname"):
        name = os.uname()
        return f"{name.sysname} {name.release} {name.machine}"[:200]
    return sys.platform


def _read_processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()[:200]
    except OSError:
        pass
    return ""


def _read_memory_mb() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    except (AttributeError, OSError, ValueError):
        return 0
