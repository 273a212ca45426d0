"""Names for how an attempt failed: what happened, why, and what to do about it. Pure.

The kinds are stable words: script_missing, not_python, bundle_missing,
bundle_broken, wall_time, ended_early, output_limit, memory_limit, cpu_limit,
process_limit, disk_limit, signal, exit, cannot_start, result_too_big,
dataset_missing, dataset_broken, dataset_too_big, model_missing,
environment_failed, environment_too_big, disk_full, runner_error.
"""

import re
import signal

from schemas.facts import Failure
from schemas.specs import Limits

_TRACEBACK = "Traceback (most recent call last):"
_CHAINED = ("During handling of the above exception", "The above exception was the direct cause")
_TRACEBACK_CHARACTERS = 16_000
_SYNTAX = re.compile(r"^(?:SyntaxError|IndentationError|TabError): .*", re.M)
#: As the system says it, in Python's words and in those of libraries.
_DISK_FULL = re.compile(r"\[Errno 28\]|No space left on device")
_HINTS = {
    "SIGKILL": "; when nobody asked for that, the machine most likely ran out of memory",
    "SIGSEGV": ": the interpreter or a library in it crashed",
    "SIGABRT": ": the interpreter or a library in it gave up",
    "SIGBUS": ": the interpreter or a library in it crashed, or a disk is full",
}


def name_failure(kind: str, message: str, traceback: str = "") -> Failure:
    """Return a failure within the limits of its fields."""
    return Failure(kind, message[:4000], traceback[-_TRACEBACK_CHARACTERS:])


def name_limit(kind: str | None, limits: Limits) -> Failure | None:
    """Return the failure for a limit that was passed; None if that is no word for one."""
    passed = {
        "wall_time": f"the script ran longer than the {limits.wall_seconds:g} s allowed, and was stopped",
        "output_limit": f"the script printed more than the {limits.output_mb} MiB allowed, and was killed",
        "memory_limit": "the script and what it started used more than the "
        f"{limits.memory_mb} MiB of memory allowed, and were killed",
        "cpu_limit": "the script and what it started used more than the "
        f"{limits.cpu_seconds:g} s of processor time allowed, and were killed",
        "process_limit": f"the script started more than the {limits.processes} processes allowed at one "
        "time, itself included, and all were killed",
        "disk_limit": f"the script wrote more than the {limits.disk_mb} MiB allowed to its folders, and "
        "was killed",
    }.get(kind or "")
    return None if kind is None or passed is None else name_failure(kind, passed)


def name_exit(returncode: int, entry: str, stderr: str, stdout: str = "") -> Failure:
    """Return the failure for a process that ended with a code that is not 0.

    Args:
        returncode: As `subprocess` has it: negative for a signal.
        entry: The script's name in its bundle.
        stderr: The end of its standard error, where the traceback is.
        stdout: The end of its standard output, used when stderr is empty.
    """
    if returncode < 0:
        return _name_signal(-returncode, stderr)
    if _TRACEBACK not in stderr and f'{entry}", line ' in stderr:
        syntax = _SYNTAX.findall(stderr)
        if syntax:
            return name_not_python(entry, syntax[-1], find_traceback(stderr))
    found = find_traceback(stderr) or find_traceback(stdout)
    last = found.rstrip().rsplit("\n", 1)[-1].strip()
    if _DISK_FULL.search(last):
        return name_failure(
            "disk_full", f"the disk was full, and the script exited with code {returncode}: {last}", found
        )
    why = f": {last}" if last else ", and printed nothing on stderr"
    return name_failure("exit", f"the script exited with code {returncode}{why}", found)


def name_not_python(entry: str, why: str, where: str = "") -> Failure:
    """Return the failure for a script that Python cannot compile."""
    return name_failure(
        "not_python", f"{entry} is not Python that this machine's interpreter can run: {why}", where
    )


def find_traceback(text: str) -> str:
    """Return the last traceback in `text` with what it was chained from, or else the last 20 lines."""
    start = text.rfind(_TRACEBACK)
    if start < 0:
        return "\n".join(text.rstrip().splitlines()[-20:])
    while start > 0 and text[:start].rstrip().rsplit("\n", 1)[-1].startswith(_CHAINED):
        earlier = text.rfind(_TRACEBACK, 0, start)
        if earlier < 0:
            break
        start = earlier
    return text[start:].rstrip()


def _name_signal(number: int, stderr: str) -> Failure:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    hint = _HINTS.get(name, "")
    return name_failure("signal", f"the script was killed by {name} ({number}){hint}", find_traceback(stderr))
