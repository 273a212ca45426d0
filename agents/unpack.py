"""Opens archives without trusting them: bundles (tar.gz), checkpoints and datasets (tar).

They may come from anybody who may submit, and from any script: no path leaves
the folder, no devices, and size, count and compression ratio have limits that
are checked while unpacking, not believed from the headers. Links are allowed
in checkpoints only, within the folder, and are made last: nothing is ever
written through one.
"""

import gzip
import os
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

ENTRIES_AT_MOST = 10_000
BYTES_AT_MOST = 256 * 1024 * 1024
#: A bomb swells a thousandfold; source code ten times.
RATIO_AT_MOST = 200
_RATIO_FREE_BYTES = 8 * 1024 * 1024
_HEADER_BYTES = 64 * 1024


class Rules(NamedTuple):
    """What one kind of archive may hold."""

    entries: int = ENTRIES_AT_MOST
    bytes: int = BYTES_AT_MOST
    is_zipped: bool = True
    #: Links within the folder, any name that this system takes, and times: it is a script's own folder.
    is_a_scripts_own: bool = False


BUNDLE = Rules()


class BundleBroken(Exception):
    """The archive is damaged or breaks a rule; the message says which."""


def unpack(archive: Path, folder: Path, rules: Rules = BUNDLE) -> None:
    """Unpack an archive into an existing empty folder. On an error the folder holds a part of it.

    Raises:
        BundleBroken: If it is no such archive, breaks off, or breaks one of the rules above.
        OSError: If the disk does not take it.
    """
    try:
        with open(archive, "rb") as file:
            if not rules.is_zipped:
                _unpack_tar(_Bounded(file, rules.bytes), folder, rules)
                return
            size = archive.stat().st_size
            allowed = min(rules.bytes, max(_RATIO_FREE_BYTES, size * RATIO_AT_MOST))
            with gzip.GzipFile(fileobj=file) as unzipped:
                _unpack_tar(_Bounded(unzipped, allowed), folder, rules)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, UnicodeError) as error:
        kind = "tar.gz" if rules.is_zipped else "tar"
        raise BundleBroken(f"it is not a {kind} archive that can be read: {error}") from None


class _Member(tarfile.TarInfo):
    """A header whose own extras are small: tarfile reads long names and pax records into memory whole."""

    def _proc_member(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) and self.size > _HEADER_BYTES:
            raise BundleBroken(f"it has a header of {self.size} bytes, at most {_HEADER_BYTES} are allowed")
        return super()._proc_member(tar)  # type: ignore[misc,no-any-return]


class _Bounded:
    """Reads a stream up to a limit: headers lie, the bytes do not."""

    def __init__(self, stream: Any, allowed: int) -> None:
        self._stream, self._left, self._allowed = stream, allowed, allowed

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._stream.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise BundleBroken(f"it unpacks to more than the {self._allowed} bytes allowed for its size")
        return data


def _unpack_tar(stream: _Bounded, folder: Path, rules: Rules) -> None:
    links: list[tuple[Path, str, str]] = []
    # "r|" never seeks, so that every byte passes the bound.
    with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Member) as tar:  # type: ignore[call-overload]
        for count, member in enumerate(tar, 1):
            if count > rules.entries:
                raise BundleBroken(f"it has more than {rules.entries} entries")
            _check_member(member, rules)
            target = folder.joinpath(*PurePosixPath(member.name).parts)
            if member.isdir():
                _make_folder(target, folder)
                continue
            _make_folder(target.parent, folder)
            if member.issym():
                links.append((target, member.linkname, member.name))
                continue
            content = tar.extractfile(member)
            if content is None:
                raise BundleBroken(f"{member.name!r} has no content")
            _write(content, target, member.name)
            if rules.is_a_scripts_own:
                # Scripts look for the newest file.
                os.utime(target, (member.mtime, member.mtime))
    for target, leads_to, name in links:
        try:
            os.symlink(leads_to, target)
        except FileExistsError:
            raise BundleBroken(f"{name!r} is in the archive twice") from None


def stays_inside(name: str, leads_to: str) -> bool:
    """Tell whether a link called `name` leads to something inside of the archive's folder.

    Steps up stand at its beginning only: after the name of another link they would start from elsewhere.
    """
    parts = PurePosixPath(leads_to).parts
    up = sum(part == ".." for part in parts)
    depth = len(PurePosixPath(name).parts) - 1
    return bool(parts) and not leads_to.startswith("/") and ".." not in parts[up:] and up <= depth


def _check_member(member: tarfile.TarInfo, rules: Rules) -> None:
    name = member.name
    is_link = member.issym() and rules.is_a_scripts_own
    if not (member.isreg() or member.isdir() or is_link):
        raise BundleBroken(f"{name!r} is a link or a device; only files and folders are allowed")
    if member.issparse():
        raise BundleBroken(f"{name!r} is a sparse file")
    path = PurePosixPath(name)
    # What only Windows takes for a drive or a folder is a name like any other elsewhere.
    odd = ("\0",) if rules.is_a_scripts_own and os.name == "posix" else ("\\", ":", "\0")
    if not name or path.is_absolute() or ".." in path.parts or any(char in name for char in odd):
        raise BundleBroken(f"{name!r} would lie outside the bundle's folder")
    if path.parts and path.parts[0] == ".idlehands" and not rules.is_a_scripts_own:
        raise BundleBroken(f"{name!r}: the folder .idlehands belongs to the agent")
    if is_link and not stays_inside(name, member.linkname):
        raise BundleBroken(f"{name!r} is a link that leads out of the folder")


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
