"""Packs a folder of a script's as a plain tar, without following a link anywhere in it.

The script may still run, and may be hostile: every folder is opened below its
parent and every file for what it is at that moment, so that no exchange of a
folder for a link leads to files that are not the script's. What is neither a
file, a folder nor a link within the folder is left out.
"""

import contextlib
import hashlib
import os
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from agents.unpack import stays_inside

_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
# Not to wait for whoever writes into a pipe of that name.
_FILE = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_HAS_FOLDER_DESCRIPTORS = os.open in os.supports_dir_fd and os.scandir in os.supports_fd
_DEEPEST = 50

#: Path below the folder, what it is, its size and when it was changed.
Entry = tuple[str, str, int, int]
Signature = tuple[Entry, ...]


class PackTooBig(ValueError):
    """The folder has more than may be packed; the message says how much."""


class Packed(NamedTuple):
    """A finished archive."""

    sha256: str
    bytes: int
    files: int


class Found(NamedTuple):
    """A file, folder or link below the folder; valid until the next one is asked for."""

    name: str
    kind: str
    status: os.stat_result
    #: The folder that it is in: a descriptor, or a path where there are none.
    parent: int | str
    own: str

    def move(self, place: Path) -> None:
        """Move it to `place`, a link as a link.

        Raises:
            OSError: If that is not possible.
        """
        if isinstance(self.parent, str):
            os.rename(os.path.join(self.parent, self.own), place)
        else:
            os.rename(self.own, place, src_dir_fd=self.parent)


def read_signature(folder: Path, entries_at_most: int) -> Signature:
    """Return what is in a folder, without its content; () when it is not there or is empty.

    Raises:
        PackTooBig: If there are more entries than that.
        OSError: If it cannot be read.
    """
    found: list[Entry] = []
    for one in walk(folder):
        found.append((one.name, one.kind, one.status.st_size, one.status.st_mtime_ns))
        if len(found) > entries_at_most:
            raise PackTooBig(f"it has more than {entries_at_most} files")
    return tuple(found)


def pack(
    folder: Path, archive: Path, *, bytes_at_most: int, entries_at_most: int, keep_times: bool = True
) -> Packed:
    """Write a folder's content to the new file `archive`; the same content gives the same bytes.

    Args:
        folder: What is packed.
        archive: Where to; on an error it is removed.
        bytes_at_most: Of all files together.
        entries_at_most: Of files, folders and links.
        keep_times: Whether the files' times are content as well.

    Raises:
        PackTooBig: If there is more than that.
        OSError: If something cannot be read, changed meanwhile, or the disk does not take it.
    """
    try:
        with open(archive, "xb") as file:
            hashing = _Hashing(file)
            with tarfile.open(fileobj=hashing, mode="w|", format=tarfile.PAX_FORMAT) as tar:  # type: ignore[call-overload]
                files = _add_all(tar, folder, bytes_at_most, entries_at_most, keep_times)
    except BaseException:
        archive.unlink(missing_ok=True)
        raise
    return Packed(hashing.digest.hexdigest(), hashing.size, files)


def _add_all(
    tar: tarfile.TarFile, folder: Path, bytes_at_most: int, entries_at_most: int, keep_times: bool
) -> int:
    size = count = files = 0
    for one in walk(folder):
        count += 1
        member = tarfile.TarInfo(one.name)
        member.mtime = one.status.st_mtime if keep_times else 0
        if one.kind == "file":
            with open(_open(one, _FILE), "rb") as content:
                status = os.fstat(content.fileno())
                if not stat.S_ISREG(status.st_mode):
                    continue
                member.size, member.mode = status.st_size, 0o644
                size, files = size + status.st_size, files + 1
                _check_room(size, bytes_at_most, count, entries_at_most)
                tar.addfile(member, content)
            continue
        _check_room(size, bytes_at_most, count, entries_at_most)
        if one.kind == "folder":
            member.type, member.mode = tarfile.DIRTYPE, 0o755
        else:
            member.type, member.linkname = tarfile.SYMTYPE, _read_link(one)
            if not stays_inside(one.name, member.linkname):
                continue
        tar.addfile(member)
    return files


def _check_room(size: int, bytes_at_most: int, count: int, entries_at_most: int) -> None:
    if size > bytes_at_most:
        raise PackTooBig(f"it has more than {bytes_at_most} bytes")
    if count > entries_at_most:
        raise PackTooBig(f"it has more than {entries_at_most} files")


def walk(folder: Path) -> Iterator[Found]:
    """Yield all entries in the order of their names, a folder before what is in it."""
    if not _HAS_FOLDER_DESCRIPTORS:
        if folder.is_dir() and not folder.is_symlink():
            yield from _walk_below(str(folder), "", 0)
        return
    try:
        descriptor = os.open(folder, _FOLDER)
    except (FileNotFoundError, NotADirectoryError):
        return
    try:
        yield from _walk_below(descriptor, "", 0)
    finally:
        os.close(descriptor)


def _walk_below(parent: int | str, prefix: str, depth: int) -> Iterator[Found]:
    if depth > _DEEPEST:
        raise PackTooBig(f"it has folders in folders, more than {_DEEPEST} deep")
    with os.scandir(parent) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        name = prefix + entry.name
        if stat.S_ISREG(status.st_mode):
            yield Found(name, "file", status, parent, entry.name)
        elif stat.S_ISLNK(status.st_mode):
            yield Found(name, "link", status, parent, entry.name)
        elif stat.S_ISDIR(status.st_mode):
            here = Found(name, "folder", status, parent, entry.name)
            yield here
            with _entered(here) as inner:
                yield from _walk_below(inner, f"{name}/", depth + 1)


@contextlib.contextmanager
def _entered(one: Found) -> Iterator[int | str]:
    if isinstance(one.parent, str):
        yield os.path.join(one.parent, one.own)
        return
    descriptor = _open(one, _FOLDER)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _open(one: Found, flags: int) -> int:
    if isinstance(one.parent, str):
        return os.open(os.path.join(one.parent, one.own), flags | getattr(os, "O_BINARY", 0))
    return os.open(one.own, flags, dir_fd=one.parent)


def _read_link(one: Found) -> str:
    if isinstance(one.parent, str):
        return os.readlink(os.path.join(one.parent, one.own))
    return os.readlink(one.own, dir_fd=one.parent)


class _Hashing:
    """A file that is hashed while it is written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        self.size += len(data)
        return self._file.write(data)
