"""The first process of a sandbox: starts the script, buries orphans, tells how the script ended.

Run by a bare interpreter (`python -I -S inside.py REPORT WORD...`) as number 1
of the sandbox's process table. When it ends, the kernel kills whatever the
script left in there. REPORT is a pipe of the agent's, which the script does
not inherit. Only the standard library, and any Python 3.8 or later.
"""

import os
import sys
import time

#: As long as the agent reads on outside of a sandbox, for what a script's last children print.
_DRAIN_SECONDS = 2.0


def main(report: int, words: "list[str]") -> None:
    """Run the script to its end and report "began", then "ended STATUS CPU_SECONDS MAX_RSS_KB"."""
    os.set_inheritable(report, False)
    os.write(report, b"began\n")
    child = os.fork()
    if child == 0:
        try:
            _bound()
            os.setsid()
            os.execv(words[0], words)  # noqa: S606 - an argv list, no shell
        except OSError as error:
            os.write(2, f"{words[0]} cannot be started: {error}\n".encode())
        finally:
            os._exit(127)
    status = _await(child)
    import resource

    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    line = f"ended {status} {usage.ru_utime + usage.ru_stime:.6f} {usage.ru_maxrss}\n"
    os.write(report, line.encode())
    os._exit(0)


def _bound() -> None:
    """Set what `agents.runner.bounds` sets from outside: there the sandbox may be faster."""
    import resource

    for name, most in (("CORE", 0), ("NOFILE", 65_536), ("NPROC", 16_384)):
        which = getattr(resource, f"RLIMIT_{name}")
        limits = resource.getrlimit(which)
        soft, hard = (most if one < 0 else min(one, most) for one in limits)
        resource.setrlimit(which, (soft, hard))


def _await(child: int) -> int:
    """Return the script's wait status, once its last children had their time."""
    while True:
        done, status = os.waitpid(-1, 0)
        if done == child:
            break
    deadline = time.monotonic() + _DRAIN_SECONDS
    try:
        while time.monotonic() < deadline:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.01)
    except ChildProcessError:
        pass
    return status


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
