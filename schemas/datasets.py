"""How a parameter names a dataset: `data://NAME@VERSION/FILE`, the last two where they are given."""

import re

from msgspec import Struct

from schemas.paths import is_path_below

PREFIX = "data://"
_REFERENCE = re.compile(r"data://([a-z0-9][a-z0-9._-]{0,62})(?:@([0-9a-f]{4,64}))?(?:/(.+))?")


class Reference(Struct, frozen=True):
    """What a parameter asks for: the newest version where it names none, all of it where it names no file."""

    name: str
    version: str = ""
    path: str = ""


def parse_reference(text: str) -> Reference:
    """Return what a value that begins with `data://` asks for.

    Raises:
        ValueError: If it cannot be understood, with words for whoever wrote it.
    """
    found = _REFERENCE.fullmatch(text)
    if found is None or (found[3] and not is_path_below(found[3])):
        raise ValueError(
            f"{text[:200]!r} is no dataset: write data://NAME, data://NAME@VERSION (at least four signs of "
            "its sha256) or .../FILE"
        )
    return Reference(found[1], found[2] or "", found[3] or "")
