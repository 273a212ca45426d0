"""Builds `idlehands_client-VERSION-py3-none-any.whl`: what a program imports beside its own packages.

    python deploy/client_wheel.py DIR

It holds one top-level package, `idlehands`, with the modules that
`idlehands.connect`, `Executor` and the joblib backend reach. What they import of
`bus`, `schemas` and `trust` lies in `idlehands._vendored`, and their import
lines say so. A module that would need `hq`, `agents` or `dash_app` is an error.
"""

import ast
import base64
import hashlib
import re
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENDORED = ("bus", "schemas", "trust")
FORBIDDEN = ("hq", "agents", "dash_app")
ROOTS = (
    "idlehands",
    "idlehands.executor",
    "idlehands.joblib",
    "idlehands.client.house_async",
    "idlehands.calls.inside.idlehands_call",
)
REQUIRES = ("paho-mqtt", "msgspec", "cryptography", "cloudpickle", "platformdirs")
_IMPORT = re.compile(rf"^(\s*from )({'|'.join(VENDORED)})(?=[.\s])", re.M)
_PLAIN = re.compile(rf"^\s*import ({'|'.join(VENDORED)})\b", re.M)


class NotLight(Exception):
    """The client would need what only a house or an agent has; the message says which module asks."""


def main(folder: Path) -> Path:
    """Write the wheel into a folder and return its path."""
    version, requires = _read_project()
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"idlehands_client-{version}-py3-none-any.whl"
    about = f"idlehands_client-{version}.dist-info"
    files = dict(_read_modules())
    files["idlehands/py.typed"] = b""
    files["idlehands/_vendored/__init__.py"] = b'"""Parts of Idlehands that the client shares with it."""\n'
    lines = ["Metadata-Version: 2.1", "Name: idlehands-client", f"Version: {version}"]
    lines += ["Summary: Functions and scripts on every idle computer of a house, from Python."]
    lines += ["License: MIT", "Requires-Python: >=3.11"]
    lines += [f"Requires-Dist: {one}" for one in requires]
    files[f"{about}/METADATA"] = ("\n".join(lines) + "\n").encode()
    files[f"{about}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: idlehands\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    files[f"{about}/LICENSE"] = (ROOT / "LICENSE").read_bytes()
    record = [f"{name},sha256={_digest(content)},{len(content)}" for name, content in sorted(files.items())]
    files[f"{about}/RECORD"] = ("\n".join([*record, f"{about}/RECORD,,"]) + "\n").encode()
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in sorted(files.items()):
            # Without times: the same source gives the same wheel.
            packed.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return wheel


def _read_project() -> tuple[str, list[str]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    known = [*project["dependencies"], *project["optional-dependencies"]["client"]]
    return project["version"], [one for one in known if one.startswith(REQUIRES)]


def _read_modules() -> Iterator[tuple[str, bytes]]:
    """Yield the path in the wheel and the content of every module that the client reaches."""
    seen: set[Path] = set()
    waiting = [path for name in ROOTS for path in _files_of(name)]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        name = path.relative_to(ROOT).as_posix()
        text = path.read_text()
        for module in _imported(ast.parse(text)):
            if module.partition(".")[0] in FORBIDDEN:
                raise NotLight(f"{name} imports {module}")
            waiting += _files_of(module)
        if name.partition("/")[0] in VENDORED:
            name = f"idlehands/_vendored/{name}"
        if _PLAIN.search(text):
            raise NotLight(f"{name} has a plain import of a shared package: write `from ... import`")
        yield name, _IMPORT.sub(r"\1idlehands._vendored.\2", text).encode()


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _files_of(module: str) -> list[Path]:
    """Return the files of a module of ours and of the packages above it."""
    parts = module.split(".")
    if parts[0] not in ("idlehands", *VENDORED):
        return []
    found = [ROOT.joinpath(*parts[:depth], "__init__.py") for depth in range(1, len(parts) + 1)]
    found.append(ROOT.joinpath(*parts).with_suffix(".py"))
    return [path for path in found if path.is_file()]


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


if __name__ == "__main__":
    print(main(Path(sys.argv[1] if len(sys.argv) > 1 else "dist")))
