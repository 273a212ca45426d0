"""What this machine offers to run scripts in: interpreters by name, and whether uv can build environments.

    HOME/environments.json    {"torch-gpu": "/opt/torch/bin/python"}: the owner's names
    PATH                      python3.8, python3.9 ... where they are programs and not shims

Imports next to nothing and runs nothing: an idle agent holds all of it.
"""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from agents.runner.isolation import find_program
from schemas.names import ENVIRONMENT_PATTERN
from schemas.specs import BUILT

_VERSION = re.compile(r"python3\.\d{1,2}")
_RESERVED = frozenset({BUILT, "agent", "auto"})
_NAMES_AT_MOST = 100


class InterpretersBroken(Exception):
    """The owner's names for interpreters cannot be used; the message says why and what to do."""


def find_uv() -> str | None:
    """Return uv's program: on PATH, or as its wheel put it beside this interpreter."""
    suffix = ".exe" if sys.platform == "win32" else ""
    beside = os.path.join(os.path.dirname(os.path.abspath(sys.executable)), f"uv{suffix}")
    return find_program(f"uv{suffix}") or (beside if os.access(beside, os.X_OK) else None)


def find_interpreters(home: Path, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return this machine's interpreters by the names that jobs may ask for.

    Raises:
        InterpretersBroken: If the owner's file cannot be used.
    """
    found: dict[str, str] = {}
    for folder in environ.get("PATH", os.defpath).split(os.pathsep):
        try:
            names = os.listdir(folder) if os.path.isabs(folder) else []
        except OSError:
            continue
        for name in names:
            path = os.path.join(folder, name)
            if _VERSION.fullmatch(name) and name not in found and _is_program(path):
                found[name] = path
    return {**found, **_read_named(home / "environments.json")}


def offered(home: Path, uv: str | None) -> tuple[str, ...]:
    """Return what jobs may ask to run in here.

    Raises:
        InterpretersBroken: As `find_interpreters`.
    """
    return tuple(sorted([*find_interpreters(home), *([BUILT] if uv else [])]))


def remove_unfinished(home: Path) -> None:
    """Remove what an agent left that died while it built. Call it under the home's lock."""
    folder = home / "environments"
    try:
        left = [entry.path for entry in os.scandir(folder) if not _is_finished(entry)]
    except OSError:
        return
    if left:
        import shutil

        for path in left:
            shutil.rmtree(path, ignore_errors=True)


def _is_finished(entry: "os.DirEntry[str]") -> bool:
    return entry.name == "cache" or os.path.exists(os.path.join(entry.path, "ready.json"))


def _is_program(path: str) -> bool:
    """Tell a program from the shims of pyenv and its like, which may lead nowhere."""
    try:
        with open(path, "rb") as file:
            return os.access(path, os.X_OK) and file.read(2) != b"#!"
    except OSError:
        return False


def _read_named(file: Path) -> dict[str, str]:
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InterpretersBroken(f"{file} cannot be read: {error}") from None
    # Late: who names none needs no JSON.
    import json

    try:
        named = json.loads(content)
    except ValueError as error:
        raise InterpretersBroken(f"{file} cannot be read: {error}") from None
    if not isinstance(named, dict) or len(named) > _NAMES_AT_MOST:
        raise InterpretersBroken(
            f'{file} must be a JSON object such as {{"torch-gpu": "/opt/torch/bin/python"}}'
        )
    for name, path in named.items():
        if not re.match(ENVIRONMENT_PATTERN, name) or name in _RESERVED:
            raise InterpretersBroken(f"{file}: {name!r} cannot be the name of an interpreter")
        if not isinstance(path, str) or not os.path.isabs(path) or not os.access(path, os.X_OK):
            raise InterpretersBroken(f"{file}: {name}: {path!r} is no absolute path of a program")
    return named
