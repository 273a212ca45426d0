"""Puts a file or a folder into the house as a version of a dataset: the same content is the same version."""

import os
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from idlehands.client.errors import ClientError
from idlehands.client.files import OnBytes, ignore, put_file
from idlehands.client.rest import Rest

FILES_AT_MOST = 100_000


class DatasetRefused(ClientError):
    """What should become a dataset cannot; the message says why."""


def add_dataset(rest: Rest, name: str, path: Path, on_bytes: OnBytes = ignore) -> dict[str, Any]:
    """Store a file or folder as the newest version of a dataset; return name, sha256, bytes and `new`.

    Raises:
        DatasetRefused: If there is nothing there, or more than a dataset may have.
        RequestRefused: With the server's code and words.
        HqUnreachable: If the web process does not answer.
        OSError: If it cannot be read.
    """
    if path.is_dir():
        whole = path.resolve()
        with tempfile.TemporaryDirectory(prefix="dataset-") as folder:
            archive = Path(folder) / "content.tar"
            files = _pack(whole, archive)
            size = archive.stat().st_size
            sha256 = put_file(rest, archive, on_bytes)
        body = {"kind": "folder", "filename": whole.name or "data", "files": files}
    elif path.is_file():
        size = path.stat().st_size
        sha256 = put_file(rest, path, on_bytes)
        body = {"kind": "file", "filename": path.name, "files": 1}
    else:
        raise DatasetRefused(f"There is no file or folder {path}")
    raw = rest.send("PUT", f"/datasets/{name}/{sha256}", msgspec.json.encode(body), "application/json")
    return {**msgspec.json.decode(raw), "bytes": size, "files": body["files"]}


def _pack(folder: Path, archive: Path) -> int:
    """Write a plain tar without times and owners: the same files are the same version. Return how many."""
    count = 0
    with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT) as tar:
        for file in _find_files(folder):
            count += 1
            if count > FILES_AT_MOST:
                raise DatasetRefused(f"{folder} has more than {FILES_AT_MOST} files: pack them into few")
            name = file.relative_to(folder).as_posix()
            if "\\" in name or ":" in name:
                raise DatasetRefused(f"{name!r} has a character that not every system takes in a file name")
            member = tarfile.TarInfo(name)
            with open(file, "rb") as content:
                member.size, member.mode = os.fstat(content.fileno()).st_size, 0o644
                tar.addfile(member, content)
    if not count:
        raise DatasetRefused(f"{folder} has no files")
    return count


def _find_files(folder: Path) -> Iterator[Path]:
    for where, folders, files in os.walk(folder):
        folders[:] = sorted(one for one in folders if one not in (".git", "__pycache__"))
        for name in sorted(files):
            file = Path(where) / name
            # The content of a link belongs to the data, as long as it is within the folder.
            if file.is_file() and file.resolve().is_relative_to(folder):
                yield file
