"""Turns a forked child into what `python script.py` would be, up to the script's first line."""

import builtins
import ctypes
import marshal
import os
import sys
import time
from types import ModuleType
from typing import Any

from . import cradle, ending, kernel
from .importing import STATE_BYTES, Importer
from .serving import Order

_READ_BYTES = 1 << 20


def become(order: Order) -> "tuple[Any, dict[str, Any], list[BaseException]]":
    """Return the script's code, its namespace, and what went wrong with compiling it, if it did."""
    try:
        return _become(order)
    except BaseException as error:
        os.write(2, f"the warm interpreter could not begin: {error!r}\n".encode("utf-8", "replace"))
        os._exit(70)


def _become(received: Order) -> "tuple[Any, dict[str, Any], list[BaseException]]":
    source, *streams, report = received.descriptors
    order = marshal.loads(_read_all(source))  # noqa: S302 - from the agent alone
    if received.in_cradle:
        cradle.move_in(order)
    os.setsid()
    # Where the streams made ahead read and write.
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
        os.close(descriptor)
    _replace_environment(order["environment"], received.importer)
    os.chdir(order["folder"])
    sys.argv[:] = order["argv"]
    sys.orig_argv[:] = [sys.orig_argv[0], *order["argv"]]
    words = b"".join([os.fsencode(word) + b"\0" for word in sys.orig_argv])
    _write_down(received.importer.layout, words, order["environment"])
    sys.path.insert(0, order["path"])
    _begin_anew(order["threads"], received.importer)
    path = order["script"]
    namespace = _make_main(path)
    code, failed = _load(order["code"], path)
    os.write(report, b"began\n")
    os.close(report)
    return code, namespace, failed


def _read_all(descriptor: int) -> bytes:
    parts, at = [], 0
    while True:
        part = os.pread(descriptor, _READ_BYTES, at)
        if not part:
            break
        parts.append(part)
        at += len(part)
    os.close(descriptor)
    return b"".join(parts)


def _load(packed: bytes | None, path: str) -> "tuple[Any, list[BaseException]]":
    if packed is not None:
        code = marshal.loads(packed)  # noqa: S302 - compiled by the agent from the script
        import _imp

        # Compiled once for many attempts, each of which has a folder of its own.
        _imp._fix_co_filename(code, path)  # type: ignore[attr-defined,unused-ignore]
        return code, []
    with open(path, "rb") as file:
        source = file.read()
    try:
        return compile(source, path, "exec", dont_inherit=True), []
    except Exception as error:
        return None, [error.with_traceback(None)]


def _replace_environment(block: bytes, importer: Importer) -> None:
    wanted = importer.variables.copy()
    for one in block[:-1].split(b"\0"):
        name, _, value = one.partition(b"=")
        wanted[name] = value
    # Of bytes, as the C library has them: to decode and encode forty of them takes as long as the fork.
    known: dict[bytes, bytes] = getattr(os.environ, "_data")  # noqa: B009 - its type does not tell
    for name in known:
        if name not in wanted:
            os.unsetenv(name)
    for name, value in wanted.items():
        if known.get(name) != value:
            os.putenv(name, value)
    # Most are what they were; and the order is that of a process that was started with them.
    known.clear()
    known.update(wanted)


def _write_down(layout: kernel.Layout, words: bytes, variables: bytes) -> None:
    """Show both where others read them of a process, and so find whose script this is."""
    lengths = []
    for (address, size), content in ((layout.arguments, words), (layout.environment, variables)):
        ctypes.memmove(address, content[: size - 1].ljust(size, b"\0"), size)
        lengths.append(min(len(content), size))
    layout.cut(*lengths)


def _begin_anew(threads: int, importer: Importer) -> None:
    """Draw again what is drawn once in a process, and forget what was remembered of the place."""
    # Never all of them: to look at a module is to copy the memory that it lies in.
    modules: dict[str, Any] = sys.modules
    ending.hide_own_modules()
    if importer.state_of_numpy:
        # As after `seed()`: all words are used up, so the next number makes new ones of them.
        drawn = os.urandom(STATE_BYTES - 4) + (STATE_BYTES // 4 - 1).to_bytes(4, sys.byteorder)
        ctypes.memmove(importer.state_of_numpy, drawn, STATE_BYTES)
    elif "numpy.random" in modules:
        modules["numpy.random"].seed()
    if "torch" in modules:
        modules["torch"].default_generator.seed()
        if threads > 1:
            modules["torch"].set_num_threads(threads)
    # One is what they were imported with.
    if threads > 1:
        for setter in importer.setters:
            setter(threads)
    if "tempfile" in modules:
        modules["tempfile"].tempdir = None
        modules["tempfile"]._name_sequence = None
    if "uuid" in modules:
        modules["uuid"]._node = None
    if "logging" in modules:
        modules["logging"]._startTime = time.time()
    if "linecache" in modules:
        modules["linecache"].clearcache()
    process = modules.get("multiprocessing.process")
    if process is not None:
        process.ORIGINAL_DIR = os.getcwd()
        process._current_process = type(process._current_process)()
        process._parent_process = None
    matplotlib = modules.get("matplotlib")
    if matplotlib is not None:
        # In `strict` the home is another one for each attempt.
        for getter in ("get_configdir", "get_cachedir"):
            _forget(getattr(matplotlib, getter, None))


def _forget(getter: Any) -> None:
    """Let a function of matplotlib's answer anew: it keeps what it said once in a variable of its own."""
    names = getattr(getattr(getter, "__code__", None), "co_freevars", ())
    for name, cell in zip(names, getattr(getter, "__closure__", None) or (), strict=False):
        if name == "called":
            cell.cell_contents = False


def _make_main(path: str) -> "dict[str, Any]":
    module = ModuleType("__main__")
    namespace = module.__dict__
    loader = sys.modules["_frozen_importlib_external"].SourceFileLoader
    namespace["__loader__"] = loader("__main__", path)
    if sys.version_info < (3, 14):
        namespace["__annotations__"] = {}
    namespace["__builtins__"] = builtins
    namespace["__file__"] = path
    namespace["__cached__"] = None
    sys.modules["__main__"] = module
    return namespace
