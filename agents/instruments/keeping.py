"""Which files are kept when a script has ended, without anybody naming them: pictures, and instruments' own.

A picture is what begins like one and did not come with the bundle. Files are
moved to where the script cannot reach them, as all artifacts are.
"""

import os
import stat
from collections.abc import Container, Iterable
from pathlib import Path

from agents.instruments.scalars import tell_picture
from agents.instruments.search import Below, Found, Kind
from schemas.paths import is_path_below

FILES_AT_MOST = 100
BYTES_AT_MOST = 128 * 1024 * 1024
_KEPT = frozenset({Kind.EVENTS, Kind.WANDB, Kind.KEPT, Kind.PICTURE})
_NAME_CHARACTERS = 255
#: What is no bitmap but a picture all the same.
_BEGINNINGS = (b"%PDF-", b"<svg", b"<?xml")


def take_found(
    folder: Path, found: Iterable[Found], outgoing: Path, bundle: Path, taken: Container[str]
) -> tuple[dict[str, Path], list[str]]:
    """Move what is worth keeping out of the script's reach; return each name with its file, and notes.

    Args:
        folder: The attempt's. Its tree is gone.
        found: What a search found there.
        outgoing: Where to move it; made when needed.
        bundle: The files that the script came with.
        taken: Names that are taken over already.

    Raises:
        OSError: If the disk does not take it.
    """
    kept: dict[str, Path] = {}
    left = size = 0
    wanted = [one for one in found if one.kind in _KEPT and one.name not in taken]
    if not wanted:
        return kept, []
    with Below(folder) as below:
        for name, kind in wanted:
            if len(name) > _NAME_CHARACTERS or not is_path_below(name):
                continue
            try:
                with open(below.open(name), "rb") as file:
                    bytes_of_it = os.fstat(file.fileno()).st_size
                    beginning = file.read(16)
                if kind is Kind.PICTURE and not _is_picture(beginning):
                    continue
                if not bytes_of_it or _is_of(bundle, name, bytes_of_it):
                    continue
                if len(kept) >= FILES_AT_MOST or size + bytes_of_it > BYTES_AT_MOST:
                    left += 1
                    continue
                place = outgoing / f"_found_{len(kept)}"
                outgoing.mkdir(parents=True, exist_ok=True, mode=0o700)
                below.move(name, place)
            except OSError:
                # A link, a pipe, or gone.
                continue
            if stat.S_ISREG(place.lstat().st_mode):
                kept[name] = place
                size += bytes_of_it
    if not left:
        return kept, []
    mib = BYTES_AT_MOST // 1024**2
    return kept, [
        f"{left} pictures and files of instruments were left out: at most {FILES_AT_MOST} and {mib} MiB are "
        "kept unasked. Name what you want with --artifact"
    ]


def _is_picture(beginning: bytes) -> bool:
    return tell_picture(beginning) is not None or beginning.lstrip().startswith(_BEGINNINGS)


def _is_of(bundle: Path, name: str, size: int) -> bool:
    try:
        return os.lstat(bundle / name).st_size == size
    except OSError:
        return False
