"""Opens a bundle's tar.gz without trusting it.

A bundle may come from anybody who may submit: no path leaves the folder, no
links, no devices, and size, count and compression ratio have limits that are
checked while unpacking, not believed from the headers.
"""

import gzip
import os
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO

ENTRIES_AT_MOST = 10_000
BYTES_AT_MOST = 256 * 1024 * 1024
#: A bomb swells a thousandfold; source code ten times.
RATIO_AT_MOST = 200
_RATIO_FREE_BYTES = 8 * 1024 * 1024
_HEADER_BYTES = 64 * 1024


class BundleBroken(Exception):
    """The archive is damaged or breaks a rule; the message says which."""


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a bundle into an existing empty folder. On an error the folder holds a part of it.

    Raises:
        BundleBroken: If it is no tar.gz, breaks off, or breaks one of the rules above.
        OSError: If the disk does not take it.
    """
    size = archive.stat().st_size
    allowed = min(BYTES_AT_MOST, max(_RATIO_FREE_BYTES, size * RATIO_AT_MOST))
    try:
        with open(archive, "rb") as file, gzip.GzipFile(fileobj=file) as unzipped:
            _unpack_tar(_Bounded(unzipped, allowed), folder)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, UnicodeError) as error:
        raise BundleBroken(f"it is not a tar.gz archive that can be read: {error}") from None


class _Member(tarfile.TarInfo):
    """A header whose own extras are small: tarfile reads long names and pax records into memory whole."""

    def _proc_member(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) and self.size > _HEADER_BYTES:
            raise BundleBroken(f"it has a header of {self.size} bytes, at most {_HEADER_BYTES} are allowed")
        return super()._proc_member(tar)  # type: ignore[misc,no-any-return]


class _Bounded:
    """Reads a stream up to a limit: headers lie, the bytes do not."""

    def __init__(self, stream: gzip.GzipFile, allowed: int) -> None:
        self._stream, self._left, self._allowed = stream, allowed, allowed

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise BundleBroken(f"it unpacks to more than the {self._allowed} bytes allowed for its size")
        return data


def _unpack_tar(stream: _Bounded, folder: Path) -> None:
    # "r|" never seeks, so that every byte passes the bound.
    with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Member) as tar:  # type: ignore[call-overload]
        for count, member in enumerate(tar, 1):
            if count > ENTRIES_AT_MOST:
                raise BundleBroken(f"it has more than {ENTRIES_AT_MOST} entries")
            _check_member(member)
            target = folder.joinpath(*PurePosixPath(member.name).parts)
            if member.isdir():
                _make_folder(target, folder)
                continue
            _make_folder(target.parent, folder)
            content = tar.extractfile(member)
            if content is None:
                raise BundleBroken(f"{member.name!r} has no content")
            _write(content, target, member.name)


def _check_member(member: tarfile.TarInfo) -> None:
    name = member.name
    if not (member.isreg() or member.isdir()):
        raise BundleBroken(f"{name!r} is a link or a device; only files and folders are allowed")
    if member.issparse():
        raise BundleBroken(f"{name!r} is a sparse file")
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or "\0" in name:
        raise BundleBroken(f"{name!r} would lie outside the bundle's folder")
    if path.parts and path.parts[0] == ".idlehands":
        raise BundleBroken(f"{name!r}: the folder .idlehands belongs to the agent")


def _make_folder(target: Path, folder: Path) -> None:
    try:
        target.mkdir(parents=True, exist_ok=True, mode=0o700)
    except (FileExistsError, NotADirectoryError):
        raise BundleBroken(f"{target.relative_to(folder)} is both a file and a folder") from None


def _write(content: IO[bytes], target: Path, name: str) -> None:
    try:
        # O_EXCL: one name twice would let the second entry write through the first.
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except (FileExistsError, IsADirectoryError):
        raise BundleBroken(f"{name!r} is in the archive twice") from None
    with open(descriptor, "wb") as file:
        while chunk := content.read(256 * 1024):
            file.write(chunk)
