"""Runs one pickled call: a script like any other, whose parameters are the call.

    idlehands_call       SHA-256 of the payload; the call's author signed it
    idlehands_payload    the payload in base64, or the path of a file with it
    idlehands_blobs      paths of files that the call refers to by their SHA-256, which they are called by
    anything else        keyword arguments, as a sweep chooses them

What is unpickled was signed, or has a hash that stands in what was signed. The
last line of its output is a JSON object with the pickled result or exception;
what is large is handed in as the file `call.pickle`.
"""

import base64
import hashlib
import io
import json
import os
import pickle
import sys
import traceback
from typing import Any

ENTRY = "idlehands_call.py"
CALL, PAYLOAD, BLOBS = "idlehands_call", "idlehands_payload", "idlehands_blobs"
#: Larger results travel as a file.
INLINE_BYTES = 24 * 1024
FILE = "call.pickle"
_SHOWN_BYTES = 16 * 1024
_TRACEBACK_CHARACTERS = 16 * 1024


class CallBroken(Exception):
    """The call is not what was signed, or cannot be opened with this Python; the message says which."""


class _Unpickler(pickle.Unpickler):
    """Opens what was pickled with parts by hash."""

    def __init__(self, content: bytes, files: "dict[str, str]") -> None:
        super().__init__(io.BytesIO(content))
        self._files = files

    def persistent_load(self, reference: Any) -> Any:
        """Return a part: an array mapped from its file, so that attempts share its memory, or bytes."""
        kind, sha256 = reference
        path = _path_of(self._files, sha256)
        if kind == "array":
            import numpy

            # Written to, it becomes the attempt's own: the file stays as it is.
            return numpy.asarray(numpy.load(path, mmap_mode="c", allow_pickle=False))
        return _read_checked(path, sha256)


def _path_of(files: "dict[str, str]", sha256: str) -> str:
    if sha256 not in files:
        raise CallBroken(f"the blob {sha256} is not among those that the job names")
    return files[sha256]


def _read_checked(path: str, sha256: str) -> bytes:
    with open(path, "rb") as file:
        content = file.read()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise CallBroken(f"{os.path.basename(path)} is not what its author signed")
    return content


def _ready_pickler() -> None:
    """Let `cloudpickle` be what the call was made with: this machine's if it is the same, or the bundle's."""
    place = os.path.join(os.path.dirname(os.path.abspath(__file__)), "idlehands_vendored")
    (version,) = os.listdir(place)
    try:
        import cloudpickle

        if cloudpickle.__version__ == version:
            return
    except ImportError:
        pass
    for name in [name for name in sys.modules if name.partition(".")[0] == "cloudpickle"]:
        # Not `del`: agents import nothing ahead of a script that does that, as it may mean anything.
        sys.modules.pop(name)
    sys.path.insert(1, os.path.join(place, version))


def read_call(params: "dict[str, Any]") -> "tuple[Any, tuple[Any, ...], dict[str, Any]]":
    """Return function, arguments and keyword arguments.

    Raises:
        CallBroken: If it is not what was signed.
        Exception: Whatever opening it raises: a module may be missing here.
    """
    given = dict(params)
    signed, payload = str(given.pop(CALL)), str(given.pop(PAYLOAD))
    files = {os.path.basename(path): path for path in given.pop(BLOBS, ())}
    if os.path.isabs(payload):
        content = _read_checked(payload, signed)
    else:
        content = base64.b64decode(payload)
        if hashlib.sha256(content).hexdigest() != signed:
            raise CallBroken("the call is not what its author signed")
    if b"cloudpickle" in content or files:
        _ready_pickler()
    version, function, arguments = pickle.loads(content)  # noqa: S301 - signed by an author who is trusted here
    here = list(sys.version_info[:2])
    if list(version) != here:
        asked, has = ".".join(map(str, version)), ".".join(map(str, here))
        raise CallBroken(
            f"the call was pickled by Python {asked}, and this is Python {has}: functions travel between "
            "equal versions only. Let the job run where the interpreter is the same, or submit a script"
        )
    if isinstance(function, str):
        function = _read_checked(_path_of(files, function), function)
    opened = _Unpickler(function, files).load()
    positional, named = _Unpickler(arguments, files).load()
    return opened, positional, {**named, **given}


def _pickle(value: Any) -> bytes:
    try:
        return pickle.dumps(value, 5)
    except Exception:
        # Slower to have, and takes what was defined in somebody's notebook.
        _ready_pickler()
        import cloudpickle

        return bytes(cloudpickle.dumps(value, 5))


def _pickle_exception(error: BaseException) -> bytes:
    """Return an exception that can be opened again; one of its words alone if it cannot be itself."""
    error.__cause__ = error.__context__ = None
    try:
        content = _pickle(error.with_traceback(None))
        pickle.loads(content)  # noqa: S301 - our own, a line ago
    except Exception:
        return pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"), 5)
    return content


def _tell(ended: str, value: Any, content: bytes, more: "dict[str, Any]") -> None:
    said: dict[str, Any] = {"call": ended, "type": type(value).__qualname__, **more}
    if len(content) <= INLINE_BYTES:
        said["pickle"] = base64.b64encode(content).decode()
    else:
        said.update(file=FILE, sha256=hashlib.sha256(content).hexdigest())
        folder = os.environ["IDLEHANDS_SAVED"]
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, FILE), "wb") as file:
            file.write(content)
    shown = _show(value) if ended == "returned" else {}
    sys.stdout.write(("\n" if _Line.is_open else "") + json.dumps({**shown, "idlehands": said}) + "\n")
    sys.stdout.flush()


def _show(value: Any) -> "dict[str, Any]":
    """Return what tables and sweeps can use of a result: a dictionary of JSON values, or a number."""
    if isinstance(value, bool) or not isinstance(value, (dict, int, float)):
        return {}
    shown = dict(value) if isinstance(value, dict) else {"value": value}
    try:
        is_fit = all(isinstance(name, str) for name in shown) and len(json.dumps(shown)) <= _SHOWN_BYTES
    except (TypeError, ValueError, RecursionError):
        return {}
    return shown if is_fit else {}


class _Line:
    """Whether what was printed last ended without a newline."""

    is_open = False


def _watch_lines() -> None:
    write = sys.stdout.write

    def watched(text: str) -> int:
        if text:
            _Line.is_open = not text.endswith("\n")
        return write(text)

    sys.stdout.write = watched  # type: ignore[method-assign]


def main() -> int:
    """Run the call, tell what came of it, and return the exit code."""
    if os.path.basename(sys.argv[0]) != ENTRY:
        # Only under this name HQ asks for the author's own signature; a disk may know others for it.
        raise CallBroken(f"this script runs as {ENTRY} only")
    params = json.load(sys.stdin)
    _watch_lines()
    try:
        function, positional, named = read_call(params)
        value = function(*positional, **named)
        content = _pickle(value)
    except BaseException as error:
        # The frames of this file are nobody's business.
        trace = error.__traceback__.tb_next if error.__traceback__ else None
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        text = "".join(traceback.format_exception(type(error), error, trace))
        content = _pickle_exception(error)
        _tell("raised", error, content, {"traceback": text[-_TRACEBACK_CHARACTERS:]})
        sys.stderr.write(text)
        return 1
    _tell("returned", value, content, {})
    return 0


def _imports() -> None:
    """Name, for whoever reads this file, what the call is going to import. Never called."""
    # ruff: noqa: F401, I001
    import abc
    import collections
    import dataclasses
    import enum
    import itertools
    import logging
    import platform
    import struct
    import threading
    import types
    import uuid
    import weakref
    import idlehands_imports  # type: ignore[import-not-found,unused-ignore]


if __name__ == "__main__":
    sys.exit(main())
