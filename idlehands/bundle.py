"""Builds the bundle of a script: the file and the modules beside it that it imports, as a tar.gz.

Reads the syntax tree and executes nothing. What lies elsewhere (installed
packages, the standard library) is not packed. The same files give the same
bytes, so a bundle is stored once however often its script is submitted.
"""

import ast
import gzip
import hashlib
import io
import sys
import tarfile
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from msgspec import Struct

from idlehands.sources import read_kept

#: What agents accept; see `agents.unpack`.
BYTES_AT_MOST = 64 * 1024 * 1024
FILES_AT_MOST = 2000
_ENTRY_CHARACTERS = 255
IGNORE_FILE = ".idlehandsignore"
_NEVER = frozenset({"__pycache__", ".git", ".venv", ".idlehands"})


class BundleError(ValueError):
    """The script cannot be bundled; the message says why and what to do."""


class Bundle(Struct, frozen=True):
    """A script's files by content."""

    sha256: str
    content: bytes
    #: The script's path inside the bundle.
    entry: str
    #: Paths inside, sorted.
    files: tuple[str, ...]


def build_bundle(script: Path, include: Iterable[Path] = ()) -> Bundle:
    """Return the bundle of a script and its local modules, imported directly or by each other.

    A file that is not Python is packed as it is: the agent that runs it names the failure.

    Args:
        script: The script; its folder is where Python would look for its modules.
        include: More files or folders below that folder, such as small data files.

    Raises:
        BundleError: If the script is missing, or something is too big or lies outside its folder.
    """
    if not script.exists():
        raise BundleError(f"there is no script {script}; give the path of a Python file")
    if not script.is_file():
        raise BundleError(f"the script {script} is not a file; give the path of a Python file")
    # Python resolves the link before it looks for modules beside the script.
    script = script.resolve()
    root = script.parent
    files: dict[str, bytes] = {}
    for path in _find_files(script, root, include):
        name = path.relative_to(root).as_posix()
        if ":" in name or "\\" in name:
            raise BundleError(f"{name!r} has a character that not every system takes in a file name")
        if name not in files:
            files[name] = _read(path)
        _check_size(files)
    content = pack_files(files)
    return Bundle(hashlib.sha256(content).hexdigest(), content, script.name, tuple(sorted(files)))


def _find_files(script: Path, root: Path, include: Iterable[Path]) -> Iterator[Path]:
    if len(script.name) > _ENTRY_CHARACTERS:
        raise BundleError(f"the script's name is longer than {_ENTRY_CHARACTERS} characters")
    seen = {script}
    waiting = [script]
    while waiting:
        path = waiting.pop()
        yield path
        for module in _find_imports(path, root):
            if module not in seen:
                seen.add(module)
                waiting.append(module)
    for extra in include:
        yield from _find_included(extra, root)


def _find_included(extra: Path, root: Path) -> Iterator[Path]:
    # Only the folder is resolved, so that a linked file keeps its place in the bundle.
    path = extra.parent.resolve() / extra.name
    if not path.is_relative_to(root):
        raise BundleError(f"{extra} lies outside the script's folder {root} and cannot be packed")
    if path.is_dir():
        yield from _find_kept(path, root)
    elif path.is_file():
        yield path
    else:
        raise BundleError(f"there is no file {extra} to include")


def _find_kept(folder: Path, root: Path) -> Iterator[Path]:
    """Yield the files below a folder that neither git nor `.idlehandsignore` beside the script ignores."""
    kept = read_kept(root, folder.relative_to(root).as_posix())
    ignored = _read_ignored(root)
    for inner in sorted(folder.rglob("*")):
        name = inner.relative_to(root).as_posix()
        parts = name.split("/")
        if not inner.is_file() or not _NEVER.isdisjoint(parts) or (kept is not None and name not in kept):
            continue
        above = ("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))
        names = (*above, *parts)
        if not any(fnmatch(one, rule) for rule in ignored for one in names):
            yield inner


def _read_ignored(root: Path) -> list[str]:
    """Return the globs of `.idlehandsignore`: one a line, of a path or of any name in it."""
    try:
        lines = (root / IGNORE_FILE).read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    rules = (line.strip().strip("/") for line in lines)
    return [rule for rule in rules if rule and not rule.startswith("#")]


def _find_imports(path: Path, root: Path) -> Iterator[Path]:
    """Yield the files below `root` that importing what `path` imports would load."""
    if path.suffix not in (".py", ".pyw") and path.parent != root:
        return
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    package = PurePosixPath(path.relative_to(root).as_posix()).parent.parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _locate(tuple(alias.name.split(".")), root)
        elif isinstance(node, ast.ImportFrom):
            yield from _locate_from(node, package, root)
        elif isinstance(node, ast.Call):
            name = _dynamic_name(node)
            if name:
                yield from _locate(tuple(name.split(".")), root)


def _locate_from(node: ast.ImportFrom, package: tuple[str, ...], root: Path) -> Iterator[Path]:
    module = tuple(node.module.split(".")) if node.module else ()
    if node.level:
        if node.level - 1 > len(package):
            return
        module = package[: len(package) - (node.level - 1)] + module
    yield from _locate(module, root)
    for alias in node.names:
        if alias.name == "*":
            folder = root.joinpath(*module)
            if module and folder.is_dir():
                # __all__ may name any of its modules.
                yield from sorted(folder.glob("*.py"))
        else:
            yield from _locate((*module, alias.name), root)


def _locate(module: tuple[str, ...], root: Path) -> Iterator[Path]:
    """Yield the files of a dotted module and of the packages above it, as far as they are local."""
    if not module or module[0] in sys.builtin_module_names:
        return
    folder = root
    for index, part in enumerate(module):
        as_package = folder / part / "__init__.py"
        as_module = folder / f"{part}.py"
        if as_package.is_file():
            yield as_package
        elif as_module.is_file():
            yield as_module
            return
        elif not (folder / part).is_dir() or (index == 0 and not any((folder / part).glob("**/*.py"))):
            return
        folder = folder / part


def _dynamic_name(node: ast.Call) -> str | None:
    """Return the module in `import_module("name")` or `__import__("name")` when it is written out."""
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name not in ("import_module", "__import__") or not node.args:
        return None
    first = node.args[0]
    if isinstance(first, ast.Constant) and isinstance(first.value, str) and not first.value.startswith("."):
        return first.value
    return None


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > BYTES_AT_MOST:
            raise BundleError(f"{path} is bigger than the {BYTES_AT_MOST // 2**20} MiB a bundle may have")
        return path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path} cannot be read: {error.strerror or error}") from None


def _check_size(files: dict[str, bytes]) -> None:
    total = sum(len(content) for content in files.values())
    if len(files) > FILES_AT_MOST:
        raise BundleError(f"the script imports or includes more than {FILES_AT_MOST} files beside it")
    if total > BYTES_AT_MOST:
        biggest = max(files, key=lambda name: len(files[name]))
        raise BundleError(
            f"the bundle would have {total // 2**20} MiB, at most {BYTES_AT_MOST // 2**20} are allowed; "
            f"its biggest file is {biggest}. Let the script read big data from elsewhere"
        )


def pack_files(files: dict[str, bytes]) -> bytes:
    """Return a bundle of these files: the same files give the same bytes."""
    packed = io.BytesIO()
    # No name, no time: gzip's header would make equal bundles differ.
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name in sorted(files):
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = len(files[name]), 0o644, 0
            tar.addfile(member, io.BytesIO(files[name]))
    return packed.getvalue()
