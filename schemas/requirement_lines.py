"""Lines of a requirements file: which include files, which name some, and which cannot travel. Pure."""

import re
from collections.abc import Iterator

from msgspec import Struct

_COMMENT = re.compile(r"(?:^|(?<=\s))#.*$")
_INCLUDES = ("-r", "--requirement", "-c", "--constraint", "--requirements", "--constraints")
_EDITABLE = ("-e", "--editable")
_PLACES = (
    "-f",
    "--find-links",
    "-i",
    "--index-url",
    "--extra-index-url",
    "--pypi-url",
    "--default-index",
    "--index",
)
_ARCHIVES = (".whl", ".tar.gz", ".tar.bz2", ".tar.xz", ".tgz", ".zip")
_OPTION = re.compile(r"(--[a-z-]+|-[a-zA-Z]) ?=? ?(.*)")
_NAMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]* ?(?:\[[^\]]*\])? ?@ ?(.+)")
_LINE_CHARACTERS = 64 * 1024


class RequirementBroken(ValueError):
    """A line cannot be used on another machine; the message says why and what to do."""


class Line(Struct, frozen=True):
    """What of a line lies in a file; a line that names a package has neither."""

    #: Another requirements file, as it is written: from the folder of the file that has the line.
    include: str = ""
    #: A package in a file, as it is written: from the script's folder.
    path: str = ""


def split_lines(text: str) -> Iterator[str]:
    """Yield the lines that say something: joined where they go on, without comments."""
    for line in text.replace("\r\n", "\n").replace("\\\n", " ").split("\n"):
        said = _COMMENT.sub("", line).strip()
        if said:
            yield said


def read_line(line: str) -> Line:
    """Return which files a line names.

    Raises:
        RequirementBroken: If it names something that is not in any bundle.
    """
    if len(line) > _LINE_CHARACTERS:
        raise RequirementBroken(f"the line that begins with {line[:60]!r} is too long")
    line = " ".join(line.split())
    if line.startswith("-"):
        return _read_option(line)
    named = _NAMED.match(line)
    place = named[1] if named else line
    if "://" in place.partition(";")[0]:
        if place.lower().startswith("file:"):
            raise RequirementBroken(
                f"{line!r} names a file by its address: write its path below the script's folder"
            )
        return Line()
    if not named and not _is_path(place):
        return Line()
    path = re.split(r" ;| --| ?\[", place, maxsplit=1)[0].strip()
    if path.startswith(("/", "~")) or re.match(r"[A-Za-z]:", path):
        raise RequirementBroken(f"{line!r} lies outside of the script's folder")
    if not path.endswith(_ARCHIVES):
        raise RequirementBroken(
            f"{line!r} is a folder: build a wheel of it (uv build --wheel), and name that by its path below "
            "the script's folder"
        )
    return Line(path=path)


def _read_option(line: str) -> Line:
    found = _OPTION.match(line)
    name, value = (found[1], found[2].strip().strip("\"'")) if found else (line, "")
    if name in _EDITABLE:
        raise RequirementBroken(
            f"{line!r} is a folder of this machine: build a wheel of it (uv build --wheel), and name that by "
            "its path below the script's folder"
        )
    if name in _INCLUDES:
        if "://" in value or value.startswith(("/", "~")):
            raise RequirementBroken(f"{line!r} includes what is not below the script's folder")
        return Line(include=value)
    if name in _PLACES and ("://" not in value or value.lower().startswith("file:")):
        raise RequirementBroken(f"{line!r} names a folder of this machine: give wheels by their paths")
    return Line()


def _is_path(text: str) -> bool:
    first = re.split(r"[\s;\[<>=!~]", text, maxsplit=1)[0]
    return (
        text.startswith((".", "/", "~")) or "/" in first or "\\" in first or first.lower().endswith(_ARCHIVES)
    )
