"""Bounds that the kernel keeps for a script and all that it starts (Linux), whatever its isolation.

They keep a script's mistake from becoming the machine's: a fork bomb or a leak of
files ends in the script's own error, nothing of its memory is written down when
it crashes, and when memory runs out the kernel ends the script and not what its
owner works with. None is above what the agent itself has, and no script can lift
one. How much of a machine a job gets is not decided here.
"""

import contextlib
from pathlib import Path

#: Open files of one process: more than any loader of data needs.
_OPEN_FILES = 65_536
#: Processes and threads of the agent's user, all together. The kernel asks nobody who is root.
_PROCESSES = 16_384
#: Of 1000: the kernel's out-of-memory killer takes a script before anything that has not asked for it.
_FIRST_TO_GO = 500


def bound(pid: int) -> None:
    """Set the bounds of a process that has just begun; its children inherit them.

    Nothing where the system has no such bounds. Safe to repeat, also when the process has ended.
    """
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_text(str(_FIRST_TO_GO))
    try:
        import resource

        set_limit = resource.prlimit
    except (ImportError, AttributeError):
        return
    most = {
        # The memory of a script may hold secrets, and nobody asked for gigabytes of it in a file.
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_NPROC: _PROCESSES,
    }
    with contextlib.suppress(OSError, ValueError):
        for which, bound in most.items():
            soft, hard = (
                bound if one == resource.RLIM_INFINITY else min(one, bound) for one in set_limit(pid, which)
            )
            set_limit(pid, which, (soft, hard))
