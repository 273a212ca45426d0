"""The end of a forked script as an interpreter's own would be, short of taking the libraries apart.

Traceback or `SystemExit`, threads, `atexit`, streams, and the end of all that
the script made, destructors included. What was there before the script
stays untouched: to free it would copy all of its memory first. What calls the
script's own functions is hidden: they must not find it on their stack.
"""

import atexit
import gc
import os
import signal
import sys
import weakref
from typing import Any

from . import kernel
from .hiding import hide

_older: "dict[str, Any]" = {}
_own: "list[str]" = []
_CLEARED = (
    *("path", "argv", "ps1", "ps2", "last_type", "last_value", "last_traceback"),
    *("path_hooks", "path_importer_cache", "meta_path"),
)


def note_modules() -> None:
    """Remember, in the warm interpreter, the modules that are there before any script."""
    _own[:] = [name for name in sys.modules if name == "inside" or name.startswith("inside.")]
    _older.clear()
    _older.update((name, module) for name, module in sys.modules.items() if name not in _own)


def hide_own_modules() -> None:
    """Leave, in a child, no module of the warm interpreter's own for the script to find."""
    for name in _own:
        del sys.modules[name]


@hide
def finish(failed: "list[BaseException]") -> None:
    """Tell how the script ended and end the process; never returns."""
    code = 0
    interrupted = False
    if failed:
        interrupted = isinstance(failed[0], KeyboardInterrupt)
        code = _tell(failed.pop())
    threading = sys.modules.get("threading")
    if threading is not None:
        try:
            threading._shutdown()  # type: ignore[attr-defined,unused-ignore]
        except BaseException as error:
            _say_ignored(error, threading)
    atexit._run_exitfuncs()
    is_flushed = _flush()
    _clear_modules()
    is_flushed = _flush() and is_flushed
    kernel.libc.fflush(None)
    if interrupted:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit((code if is_flushed or code else 120) & 0xFF)


@hide
def _tell(error: BaseException) -> int:
    """Return the exit code for what the script raised, once its traceback is out."""
    if isinstance(error, SystemExit):
        return _leave(error)
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, error.__traceback__
    hook = getattr(sys, "excepthook", None)
    if hook is None:
        _say("sys.excepthook is missing\n")
        sys.__excepthook__(type(error), error, error.__traceback__)
        return 1
    worse: Any = None
    try:
        hook(type(error), error, error.__traceback__)
    except BaseException as found:
        worse = found
    if isinstance(worse, SystemExit):
        return _leave(worse)
    if worse is not None:
        if worse.__traceback__.tb_frame.f_globals is globals():
            worse.__traceback__ = worse.__traceback__.tb_next
        worse.__context__ = None
        _say("Error in sys.excepthook:\n")
        sys.__excepthook__(type(worse), worse, worse.__traceback__)
        _say("\nOriginal exception was:\n")
        sys.__excepthook__(type(error), error, error.__traceback__)
    return 1


def _leave(error: SystemExit) -> int:
    value = error.code
    if value is None:
        return 0
    if isinstance(value, int):
        return int(value) if -(2**63) <= value < 2**63 else -1
    _say(f"{value}\n")
    return 1


def _say(text: str) -> None:
    try:
        if sys.stderr is not None:
            sys.stderr.write(text)
            sys.stderr.flush()
    except Exception:
        return


def _say_ignored(error: BaseException, where: Any) -> None:
    _say(f"Exception ignored in: {where!r}\n")
    sys.__excepthook__(type(error), error, error.__traceback__)


@hide
def _flush() -> bool:
    fine = True
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not _is_closed(stream):
                stream.flush()
        except BaseException as error:
            fine = fine and stream is not sys.stdout
            if stream is sys.stdout:
                _say_ignored(error, stream)
    return fine


def _is_closed(stream: Any) -> bool:
    # Whatever a script put in a stream's place need not have all that a stream has.
    try:
        return bool(stream.closed)
    except Exception:
        return False


@hide
def _clear_modules() -> None:
    """Let go of all that the script brought, in the order in which an interpreter does."""
    for name in _CLEARED:
        if hasattr(sys, name):
            setattr(sys, name, None)
    sys.stdin, sys.stdout, sys.stderr = sys.__stdin__, sys.__stdout__, sys.__stderr__
    left = []
    modules: dict[str, Any] = sys.modules
    # An interpreter that ends has no modules any more, and so shows no lines of source.
    modules["io"] = None
    for name in _find_newer(modules):
        try:
            left.append(weakref.ref(modules[name]))
        except TypeError:
            continue
        finally:
            modules[name] = None
    gc.collect()
    while left:
        held = left.pop()()
        if held is not None:
            _clear(getattr(held, "__dict__", {}))


def _find_newer(modules: "dict[str, Any]") -> "list[str]":
    """Return the names of what the script brought, in the order in which it came.

    They are at the end. To look at each of the others would copy the memory that all of them lie in.
    """
    newer = []
    count = len(modules) - len(_older)
    for name in reversed(modules):
        if _older.get(name) is not modules[name]:
            newer.append(name)
        elif len(newer) >= count:
            break
    if "__main__" not in newer and "__main__" in modules:
        newer.append("__main__")
    return newer[::-1]


@hide
def _clear(namespace: "dict[str, Any]") -> None:
    for name in list(namespace):
        if isinstance(name, str) and name.startswith("_") and not name.startswith("__"):
            namespace[name] = None
    for name in list(namespace):
        if isinstance(name, str) and name != "__builtins__":
            namespace[name] = None
