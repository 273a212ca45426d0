"""What a script says that it needs: a PEP 723 header, or files beside it.

The submitter's side packs what is found, the agent's side builds from it, and
both find the same. Files are read through a function, by their path below the
script's folder; nothing lies elsewhere, and nothing is run.
"""

import posixpath
import re
import tomllib
from collections.abc import Callable, Iterator
from typing import Any, Literal

from msgspec import Struct

from schemas.paths import is_path_below
from schemas.requirement_lines import RequirementBroken, read_line, split_lines

#: Returns what a path below the script's folder holds; None when there is no such file.
Read = Callable[[str], bytes | None]
Kind = Literal["header", "lock", "requirements", "pyproject"]

_BEGIN, _END = "# /// script", "# ///"
_ANY_BEGIN = re.compile(r"# /// [a-zA-Z0-9-]+")
_HOST = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://(?:[^\s/@]*@)?([^\s/:?#\"']+)")
_REQUIREMENTS, _PROJECT, _LOCK = "requirements.txt", "pyproject.toml", "uv.lock"
_TEXT_BYTES = 8 * 1024 * 1024
_FILES_AT_MOST = 100


class RecipeBroken(ValueError):
    """What the script says cannot be used; the message says why and what to do."""


class Recipe(Struct, frozen=True):
    """What an environment is to be built from."""

    kind: Kind
    #: What people call it: `requirements.txt`, `the header of train.py`.
    source: str
    #: What uv reads, by path: the first is the one to begin with.
    files: dict[str, bytes]
    requires_python: str = ""
    #: Of all addresses that it names.
    hosts: tuple[str, ...] = ()


def find_recipe(entry: str, read: Read) -> Recipe | None:
    """Return what the script says: its header, else a lock, requirements or a project beside it.

    Args:
        entry: The script's file name.
        read: Reads files of its folder.

    Raises:
        RecipeBroken: If it says it in a way that cannot be used.
    """
    source = read(entry)
    header = None if source is None else find_header(source, entry)
    if header is not None:
        return _read_header(header, entry)
    project = _parse(read(_PROJECT), _PROJECT)
    if project is not None and read(_LOCK) is not None:
        return _read_lock(project, read)
    if read(_REQUIREMENTS) is not None:
        return _read_requirements(read)
    if project is not None and "project" in project:
        return _read_project(project, read)
    return None


def find_header(source: bytes, name: str = "the script") -> str | None:
    """Return the `script` block of PEP 723 as it is written, None when there is none.

    Raises:
        RecipeBroken: If there are several.
    """
    if _BEGIN.encode() not in source:
        return None
    blocks = list(_find_blocks(source.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")))
    if len(blocks) > 1:
        raise RecipeBroken(f"{name} has {len(blocks)} blocks `# /// script`: PEP 723 allows one")
    return "\n".join(blocks[0]) + "\n" if blocks else None


def _find_blocks(lines: list[str]) -> Iterator[list[str]]:
    """Yield the blocks as PEP 723's regular expression finds them, looking at each line once."""
    at = 0
    while at < len(lines):
        begin, at = at, at + 1
        if not _ANY_BEGIN.fullmatch(lines[begin]):
            continue
        end = 0
        while at < len(lines) and (lines[at] == "#" or lines[at].startswith("# ")):
            # The last of them: what looks like an end may be in the middle of it.
            end = at if lines[at] == _END else end
            at += 1
        if end > begin + 1:
            at = end + 1
            if lines[begin] == _BEGIN:
                yield lines[begin : end + 1]


def _read_header(header: str, entry: str) -> Recipe:
    lines = header.splitlines()[1:-1]
    text = "\n".join(line[2:] if line.startswith("# ") else line[1:] for line in lines)
    where = f"the header of {entry}"
    table = _parse(text.encode(), where) or {}
    wanted = _strings(table.get("dependencies", []), f"dependencies in {where}")
    tool = _tool(table, where)
    for line in wanted:
        _check_named(line, where)
    return Recipe(
        *("header", where, {"script.py": header.encode()}, _requires(table, where)),
        hosts=_find_hosts([wanted, tool]),
    )


def _read_requirements(read: Read) -> Recipe:
    files: dict[str, bytes] = {}
    hosts: set[str] = set()
    waiting = [(_REQUIREMENTS, "")]
    while waiting:
        name, asked_by = waiting.pop()
        if name in files:
            continue
        content = _read_inside(name, asked_by, read)
        files[name] = content
        if len(files) > _FILES_AT_MOST:
            raise RecipeBroken(f"{_REQUIREMENTS} includes more than {_FILES_AT_MOST} files")
        for line in split_lines(_decode(content, name)):
            try:
                found = read_line(line)
            except RequirementBroken as error:
                raise RecipeBroken(f"{name}: {error}") from None
            hosts.update(_find_hosts([line]))
            if found.include:
                waiting.append(
                    (posixpath.normpath(posixpath.join(posixpath.dirname(name), found.include)), name)
                )
            elif found.path:
                # As uv has it: from the folder where the script is, whichever file says so.
                path = posixpath.normpath(found.path)
                files[path] = _read_inside(path, name, read)
    return Recipe("requirements", _REQUIREMENTS, files, hosts=tuple(sorted(hosts)))


def _read_project(project: dict[str, Any], read: Read) -> Recipe:
    table = project["project"]
    if not isinstance(table, dict):
        raise RecipeBroken(f"[project] in {_PROJECT} is no table")
    if "dependencies" in _strings(table.get("dynamic", []), f"dynamic in {_PROJECT}"):
        raise RecipeBroken(
            f"{_PROJECT} leaves its dependencies to its build tool (dynamic): write them there, or make a "
            f"{_REQUIREMENTS} or a {_LOCK}"
        )
    wanted = _strings(table.get("dependencies", []), f"dependencies in {_PROJECT}")
    for line in wanted:
        _check_named(line, _PROJECT)
    tool = _tool(project, _PROJECT)
    return Recipe(
        *("pyproject", _PROJECT, {_PROJECT: read(_PROJECT) or b""}, _requires(table, _PROJECT)),
        hosts=_find_hosts([wanted, tool]),
    )


def _read_lock(project: dict[str, Any], read: Read) -> Recipe:
    content = read(_LOCK) or b""
    lock = _parse(content, _LOCK) or {}
    packages = lock.get("package", [])
    for package in packages if isinstance(packages, list) else []:
        source = package.get("source", {}) if isinstance(package, dict) else {}
        for kind in ("directory", "editable", "path", "virtual"):
            if isinstance(source, dict) and source.get(kind, ".") != ".":
                raise RecipeBroken(
                    f"{_LOCK} takes {package.get('name')} from {source[kind]}, which is not in the bundle: "
                    "only packages of an index, of an address or of git can be locked"
                )
    table = project.get("project", {})
    return Recipe(
        *("lock", _LOCK, {_PROJECT: read(_PROJECT) or b"", _LOCK: content}),
        _requires(table if isinstance(table, dict) else {}, _PROJECT),
        _find_hosts([lock, project.get("tool", {})]),
    )


def _read_inside(name: str, asked_by: str, read: Read) -> bytes:
    if not is_path_below(name):
        raise RecipeBroken(f"{asked_by} asks for {name}, which lies outside of the script's folder")
    content = read(name)
    if content is None:
        raise RecipeBroken(
            f"{asked_by} asks for the file {name}, which is not there: it must lie below the script's folder"
        )
    return content


def _tool(table: dict[str, Any], where: str) -> Any:
    """Return the settings for uv, once they name nothing on the submitter's disk."""
    tool = table.get("tool", {})
    settings = tool.get("uv", {}) if isinstance(tool, dict) else {}
    sources = settings.get("sources", {}) if isinstance(settings, dict) else {}
    for name, given in sources.items() if isinstance(sources, dict) else ():
        for source in given if isinstance(given, list) else [given]:
            if isinstance(source, dict) and {"path", "workspace"} & source.keys():
                raise RecipeBroken(
                    f"{where} takes {name} from a folder, which is not in the bundle: name an index, an "
                    f"address or git, or list a wheel that lies beside the script in {_REQUIREMENTS}"
                )
    return settings


def _check_named(line: str, where: str) -> None:
    try:
        found = read_line(line)
    except RequirementBroken as error:
        raise RecipeBroken(f"{where}: {error}") from None
    if found.path or found.include or line.lstrip().startswith("-"):
        raise RecipeBroken(f"{where}: {line!r} is no package: write NAME, or NAME>=VERSION")


def _requires(table: dict[str, Any], where: str) -> str:
    found = table.get("requires-python", "")
    if not isinstance(found, str) or len(found) > 200 or not found.isprintable() or found.startswith("-"):
        raise RecipeBroken(f"requires-python in {where} is no version, such as '>=3.11'")
    return found.strip()


def _strings(given: Any, what: str) -> list[str]:
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise RecipeBroken(f"{what} must be a list of strings")
    return given


def _parse(content: bytes | None, where: str) -> dict[str, Any] | None:
    if content is None:
        return None
    try:
        return tomllib.loads(_decode(content, where))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RecipeBroken(f"{where} is no TOML: {error}") from None


def _decode(content: bytes, where: str) -> str:
    if len(content) > _TEXT_BYTES:
        raise RecipeBroken(f"{where} has more than {_TEXT_BYTES // 2**20} MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecipeBroken(f"{where} is not UTF-8: {error}") from None


def _find_hosts(values: Any) -> tuple[str, ...]:
    return tuple(sorted({host.lower() for text in _texts(values) for host in _HOST.findall(text)}))


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for inner in value.values():
                yield from _texts(inner)
        case list():
            for inner in value:
                yield from _texts(inner)
