"""The bundle that runs calls: one for all calls that import the same libraries.

It brings its own cloudpickle, so that agents need none, compiled for the
Python that made it: another version of Python compiles the source.
"""

import hashlib
import importlib.util
import marshal
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from idlehands.bundle import Bundle, pack_files
from schemas.calls import CALL_ENTRY

_INSIDE = Path(__file__).with_name("inside")
_PICKLERS = ("__init__.py", "cloudpickle.py")
#: As the script finds it.
VENDORED = "idlehands_vendored"
_IMPORTS_AT_MOST = 40
#: Hash-based, and not compared with the source.
_UNCHECKED = 1


@lru_cache(maxsize=64)
def build_call_bundle(imports: frozenset[str]) -> Bundle:
    """Return the bundle of calls that will import these modules. The same modules give the same bytes."""
    files = {
        CALL_ENTRY: (_INSIDE / CALL_ENTRY).read_bytes(),
        "idlehands_imports.py": _write_imports(imports),
        **_read_pickler(),
    }
    content = pack_files(files)
    return Bundle(hashlib.sha256(content).hexdigest(), content, CALL_ENTRY, tuple(sorted(files)))


def _write_imports(imports: Iterable[str]) -> bytes:
    names = sorted(imports)[:_IMPORTS_AT_MOST]
    lines = [
        '"""What the call is going to import. Read, never run."""',
        *(f"import {name}" for name in names),
    ]
    return ("\n".join(lines) + "\n").encode()


@lru_cache(maxsize=1)
def _read_pickler() -> dict[str, bytes]:
    import cloudpickle

    folder = Path(cloudpickle.__file__).parent
    files: dict[str, bytes] = {}
    for name in _PICKLERS:
        source = (folder / name).read_bytes()
        # Not beside the script: there it would come before one that a warm interpreter has imported.
        path = f"{VENDORED}/{cloudpickle.__version__}/cloudpickle/{name}"
        # Version 2 has no references: the same code gives the same bytes.
        code = marshal.dumps(compile(source, path, "exec", dont_inherit=True), 2)
        head = importlib.util.MAGIC_NUMBER + _UNCHECKED.to_bytes(4, "little")
        compiled = Path(importlib.util.cache_from_source(path, optimization="")).as_posix()
        files[path] = source
        files[compiled] = head + importlib.util.source_hash(source) + code
    return files
