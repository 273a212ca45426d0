"""From a function and its arguments to bytes that can be signed, stored and sent.

    payload    pickle of (version of Python, function or its hash, arguments)
    function   by cloudpickle; by its hash when it is not small, so that it travels once
    arguments  by cloudpickle; large arrays and bytes in them by their hashes

Functions and classes of modules that are not installed, such as the one that
is being worked on, travel by value: an agent has no such modules.
"""

import hashlib
import io
import os
import re
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pickle import PicklingError
from types import ModuleType
from typing import Any

from msgspec import Struct

from idlehands.client.errors import ClientError

#: A payload up to this size travels inside the job.
INLINE_BYTES = 4 * 1024
#: A pickled function beyond this travels by its hash.
FUNCTION_BYTES = 1024
#: Arrays and bytes from here on travel by their hashes.
PART_BYTES = 64 * 1024
#: What agents import ahead of a script, where it is quick to have from then on.
_HEAVY = (
    "numpy|scipy|pandas|sklearn|torch|torchvision|matplotlib|seaborn|statsmodels|joblib|sympy|networkx|PIL"
)
#: A name as pickles write it: a short text that begins with one of these.
_IMPORTED = re.compile(rb"\x8c[\x03-\x7f]((?:%s)(?:\.[a-z_][A-Za-z0-9_]*)*)" % _HEAVY.encode())
#: How an array that travels by its hash begins in the pickle that refers to it.
_ARRAY = b"\x8c\x05array\x94\x8c\x40"
_SEARCHED_BYTES = 256 * 1024
_OWN = frozenset({"idlehands", "bus", "schemas", "trust", "hq", "agents", "dash_app"})
_lock = threading.Lock()


class NotPicklable(ClientError, PicklingError):
    """A function or an argument that cannot be pickled; the message says which and what to do."""


class Function(Struct, frozen=True):
    """A pickled function, which many calls share."""

    name: str
    content: bytes
    imports: frozenset[str]
    parts: dict[str, Any]

    @property
    def sha256(self) -> str:
        """Return what it is called by."""
        return hashlib.sha256(self.content).hexdigest()


class Packed(Struct, frozen=True):
    """One call: what is signed, and the blobs that must be stored before it can be run."""

    name: str
    payload: bytes
    #: By their hashes: the contents that the payload refers to, and the payload itself if it is not small.
    blobs: dict[str, Any]
    #: Modules that it will import, as far as they are known to be slow.
    imports: frozenset[str]

    @property
    def sha256(self) -> str:
        """Return what the author signs."""
        return hashlib.sha256(self.payload).hexdigest()


#: Given an array or bytes, returns its hash and what to store: a place to remember what was seen already.
Take = Callable[[Any], tuple[str, Any]]


def pack_function(function: Callable[..., Any]) -> Function:
    """Return a function in the form that travels.

    Raises:
        NotPicklable: If it cannot be.
    """
    name = getattr(function, "__qualname__", None) or type(function).__qualname__
    parts: dict[str, Any] = {}
    content = _pickle(function, parts, take_part, f"the function {name}")
    return Function(name.replace("<locals>.", ""), content, _find_imports(content), parts)


def pack_call(
    function: Function,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    take: Take | None = None,
    inline_bytes: int = INLINE_BYTES,
) -> Packed:
    """Return a call in the form that travels.

    Raises:
        NotPicklable: If an argument cannot be pickled.
    """
    blobs: dict[str, Any] = dict(function.parts)
    arguments = _pickle((args, kwargs), blobs, take or take_part, f"the arguments of {function.name}")
    is_small = len(function.content) <= FUNCTION_BYTES
    if not is_small:
        blobs[function.sha256] = function.content
    import pickle

    said = function.content if is_small else function.sha256
    payload = pickle.dumps((tuple(sys.version_info[:2]), said, arguments), 4)
    imports = function.imports | _find_imports(arguments)
    if len(payload) > inline_bytes:
        blobs[hashlib.sha256(payload).hexdigest()] = payload
    return Packed(function.name, payload, blobs, imports)


def take_part(value: Any) -> tuple[str, Any]:
    """Return the hash of an array's or bytes' content, and that content."""
    if isinstance(value, bytes):
        return hashlib.sha256(value).hexdigest(), value
    import numpy

    written = io.BytesIO()
    numpy.lib.format.write_array(written, value, allow_pickle=False)
    content = written.getbuffer()
    return hashlib.sha256(content).hexdigest(), content


def _pickle(value: Any, parts: dict[str, Any], take: Take, what: str) -> bytes:
    written = io.BytesIO()
    try:
        with _local_modules_by_value():
            _pickler(written, parts, take).dump(value)
    except Exception as error:
        raise NotPicklable(
            f"{what[0].upper()}{what[1:]} cannot be pickled: {type(error).__name__}: {error}. What holds "
            "open files, locks or connections stays where it is: make it inside of the function"
        ) from error
    return written.getvalue()


def _pickler(written: io.BytesIO, parts: dict[str, Any], take: Take) -> Any:
    # Late: only who sends calls needs it.
    return _pickler_class()(written, parts, take)


@lru_cache(maxsize=1)
def _pickler_class() -> Any:
    import cloudpickle

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
        """Takes out what is large."""

        def __init__(self, written: io.BytesIO, parts: dict[str, Any], take: Take) -> None:
            super().__init__(written, 5)
            self._parts, self._take = parts, take

        def persistent_id(self, value: Any) -> Any:
            if type(value) is bytes:
                if len(value) < PART_BYTES:
                    return None
                kind = "bytes"
            elif _is_large_array(value):
                kind = "array"
            else:
                return None
            sha256, content = self._take(value)
            self._parts[sha256] = content
            return kind, sha256

    return Pickler


def _is_large_array(value: Any) -> bool:
    kind = type(value)
    if kind.__name__ not in ("ndarray", "memmap") or kind.__module__ != "numpy":
        return False
    return bool(value.nbytes >= PART_BYTES and not value.dtype.hasobject)


def _find_imports(content: bytes) -> frozenset[str]:
    searched = content[:_SEARCHED_BYTES]
    found = {name.decode() for name in _IMPORTED.findall(searched)}
    return frozenset(found | {"numpy"} if _ARRAY in searched else found)


@contextmanager
def _local_modules_by_value() -> Iterator[None]:
    """Let cloudpickle take along what agents cannot import."""
    import cloudpickle

    # Its list of modules is one for the process.
    with _lock:
        known = cloudpickle.list_registry_pickle_by_value()
        added = [module for module in _local_modules() if module.__name__ not in known]
        for module in added:
            cloudpickle.register_pickle_by_value(module)
        try:
            yield
        finally:
            for module in added:
                if module.__name__ in cloudpickle.list_registry_pickle_by_value():
                    cloudpickle.unregister_pickle_by_value(module)


_seen: tuple[int, tuple[ModuleType, ...]] = (0, ())


def _local_modules() -> tuple[ModuleType, ...]:
    global _seen
    modules = list(sys.modules.items())
    if _seen[0] != len(modules):
        _seen = (len(modules), tuple(module for name, module in modules if _is_local(name, module)))
    return tuple(module for module in _seen[1] if sys.modules.get(module.__name__) is module)


def _is_local(name: str, module: Any) -> bool:
    if name.partition(".")[0] in _OWN or name == "__main__" or getattr(module, "__name__", "") != name:
        return False
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and file.endswith(".py") and not file.startswith(_installed())


@lru_cache(maxsize=1)
def _installed() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    found = {paths[one] for one in ("stdlib", "platstdlib", "purelib", "platlib")}
    found.update(part for part in sys.path if part.endswith(("site-packages", "dist-packages")))
    return tuple(os.path.join(one, "") for place in found for one in {place, os.path.realpath(place)})
