"""Brings what a job left behind into a folder, its result, log and artifacts, or the files of a model.

    DIR/result.json        how it ended, with the script's own result
    DIR/log.txt            what it printed
    DIR/artifacts/...      the files it saved or that its globs matched

Names come from a script on another machine: nothing is written outside of
DIR, through whatever links lie in there, and every file has its sha256.
"""

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from idlehands.client.errors import ClientError
from idlehands.client.files import OnBytes, get_file, ignore
from idlehands.client.following import lines_of
from idlehands.client.reading import Reading
from idlehands.client.rest import Rest
from schemas.paths import is_path_below


class NameRefused(ClientError):
    """A name that would lead out of the folder; nothing was written for it."""


def fetch_outputs(
    client: Reading,
    job: dict[str, Any],
    folder: Path,
    on_file: Callable[[str], None] = lambda _: None,
    on_bytes: OnBytes = ignore,
) -> list[Path]:
    """Write a job's outputs below `folder`, which is made, and return the files in the order of writing.

    Files that are there with the right content are not fetched again; others are replaced.

    Raises:
        NameRefused: If an artifact's name leads out of the folder.
        RequestRefused: With the server's code and words.
        HqUnreachable: If REST does not answer.
        OSError: If the disk does not take it.
    """
    counting = _counting_result(job)
    written: list[Path] = []
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in _own_files(client, job, counting):
        place = _place(folder, name)
        on_file(name)
        _write(place, content)
        written.append(place)
    for artifact in (counting or {}).get("artifacts", ()):
        place = _place(folder, f"artifacts/{artifact['name']}")
        if not _is_there(place, artifact["sha256"], artifact["bytes"]):
            on_file(f"artifacts/{artifact['name']}")
            get_file(client.rest, artifact["sha256"], place, on_bytes)
        written.append(place)
    return written


def fetch_model(
    rest: Rest, version: dict[str, Any], folder: Path, on_bytes: OnBytes = ignore, only: str = ""
) -> list[Path]:
    """Write the files of a model's version into `folder`, which is made; return them in their order.

    Files that are there with the right content are not fetched again; others are replaced.

    Args:
        rest: Where from.
        version: As `GET /models/NAME/versions/VERSION` answers it.
        folder: Where to.
        on_bytes: Told now and then how much of all of them is there.
        only: The name of the one file that is wanted.

    Raises:
        NameRefused: If a name leads out of the folder, or there is no file `only`.
        RequestRefused: With the server's code and words.
        HqUnreachable: If REST does not answer.
        OSError: If the disk does not take it.
    """
    wanted = [file for file in version["files"] if only in ("", file["name"])]
    if not wanted:
        raise NameRefused(f"{version['model']}@{version['version']} has no file {only[:200]!r}")
    written: list[Path] = []
    done, total = 0, sum(file["bytes"] for file in wanted)
    folder.mkdir(parents=True, exist_ok=True)
    for file in wanted:
        place = _place(folder, file["name"])
        if not _is_there(place, file["sha256"], file["bytes"]):
            get_file(rest, file["sha256"], place, partial(_add, on_bytes, done, total))
        done += file["bytes"]
        on_bytes(done, total)
        written.append(place)
    return written


def _add(on_bytes: OnBytes, before: int, total: int, size: int, _: int) -> None:
    on_bytes(before + size, total)


def _counting_result(job: dict[str, Any]) -> dict[str, Any] | None:
    """Return the result that counts or, while there is none, the latest."""
    rows = [row for row in job.get("results", ()) if row.get("result")]
    accepted = [row for row in rows if row.get("verdict") == "accepted"]
    found = accepted or rows
    return dict(found[-1]["result"]) if found else None


def _own_files(
    client: Reading, job: dict[str, Any], counting: dict[str, Any] | None
) -> Iterator[tuple[str, Iterator[bytes]]]:
    if counting is not None:
        document = {"job": job["id"], "status": job["status"], **counting}
        if counting.get("result_blob"):
            document["result"] = msgspec.json.decode(client.get_blob(counting["result_blob"]))
        yield "result.json", iter([msgspec.json.format(msgspec.json.encode(document)), b"\n"])
    lines = (line for row in client.logs(job["id"]) for line in lines_of(row))
    yield "log.txt", (f"{line}\n".encode("utf-8", "replace") for line in lines)


def _place(folder: Path, name: str) -> Path:
    """Return where a file goes, its folder being made."""
    if not is_path_below(name):
        raise NameRefused(f"The job names a file {name[:100]!r}, which would lie outside of {folder}")
    place = folder.joinpath(*name.split("/"))
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.parent.resolve().is_relative_to(folder.resolve()):
        raise NameRefused(f"{place.parent} leads out of {folder}: remove that link first")
    if place.is_dir():
        raise NameRefused(f"{place} is a folder: remove it, or name another folder")
    return place


def _is_there(place: Path, sha256: str, size: int) -> bool:
    import hashlib

    if place.is_symlink() or not place.is_file() or place.stat().st_size != size:
        return False
    with open(place, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


def _write(place: Path, content: Iterator[bytes]) -> None:
    partial = place.with_name(f"{place.name}.partial")
    partial.unlink(missing_ok=True)
    with open(partial, "xb") as file:
        for piece in content:
            file.write(piece)
    # A link in its place is replaced, not written through.
    os.replace(partial, place)
