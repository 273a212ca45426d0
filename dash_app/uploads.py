"""What a browser sends as a script, a `.py` or a `.zip`, read without trust into files by their names.

Nothing of it is written to this machine's disk and nothing of it runs here: its files become a bundle, as
those of any client, and agents unpack that without trust once more. Sizes are counted, not believed.
"""

import io
import re
import stat
import tarfile
import zipfile
import zlib
from pathlib import PurePosixPath

from idlehands.bundle import FILES_AT_MOST

#: Unpacked; what is sent has the gate's limit.
BYTES_AT_MOST = 32 * 1024 * 1024
_NAME_AT_MOST = 240
_PIECE = 256 * 1024
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
#: Of tools and systems, never of a script; hooks of git would run where git looks at it.
_LEFT_OUT = frozenset({"__pycache__", "__MACOSX", ".git", ".venv", ".idlehands", ".DS_Store"})
_FILE_NAME = re.compile(r"[^/\\:\x00-\x1f\x7f]{1,120}\.(py|zip)", re.IGNORECASE)
_ODD = re.compile(r"[\\:\x00-\x1f\x7f]")


class UploadRefused(ValueError):
    """It is no script that can be taken; the message says why and what to do."""


def read_upload(name: str, content: bytes) -> dict[str, bytes]:
    """Return the files of an upload by their paths.

    Raises:
        UploadRefused: If it is no script and no zip of one, or breaks a rule.
    """
    if not _FILE_NAME.fullmatch(name):
        raise UploadRefused("Send a Python file (.py) or a zip of a script and its modules (.zip).")
    if not content:
        raise UploadRefused(f"{name} is empty.")
    if not name.lower().endswith(".zip"):
        return {_checked(f"{name[:-3]}.py"): content}
    files = _without_folder(_read_zip(content))
    if not entries_of(files):
        raise UploadRefused("There is no Python file in the zip's first folder: the script goes there.")
    return files


def entries_of(files: dict[str, bytes]) -> list[str]:
    """Return the names of the scripts among files: Python in the first folder, likely ones first."""
    found = [name for name in files if "/" not in name and name.endswith(".py") and name[0] not in "_."]
    usual = ("main.py", "train.py", "run.py")
    return sorted(found, key=lambda name: (name not in usual, name))


def read_bundle(content: bytes) -> dict[str, bytes]:
    """Return the files of a stored bundle, whoever stored it.

    Raises:
        UploadRefused: If it is none, or breaks a rule.
    """
    try:
        unzip = zlib.decompressobj(wbits=31)
        data = unzip.decompress(content, BYTES_AT_MOST + 1)
        if len(data) > BYTES_AT_MOST:
            raise _too_big()
        files: dict[str, bytes] = {}
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            for member in tar:
                if member.isdir():
                    continue
                opened = tar.extractfile(member) if member.isreg() and not member.issparse() else None
                if opened is None:
                    raise UploadRefused(f"{member.name[:100]!r} is a link or a device; only files are taken.")
                _add(files, member.name, opened.read())
        return files
    except (tarfile.TarError, zlib.error, EOFError, ValueError, OverflowError) as error:
        if isinstance(error, UploadRefused):
            raise
        raise UploadRefused(f"This is no bundle that can be read: {str(error)[:200]}.") from None


def _read_zip(content: bytes) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    room = BYTES_AT_MOST
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as opened:
            if len(opened.infolist()) > 2 * FILES_AT_MOST:
                raise UploadRefused(f"The zip has more than {FILES_AT_MOST} files.")
            for member in opened.infolist():
                if member.is_dir() or not _LEFT_OUT.isdisjoint(member.filename.split("/")):
                    continue
                _check_member(member)
                read = _read_member(opened, member, room)
                room -= len(read)
                _add(files, member.filename, read)
    except UploadRefused:
        raise
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        RuntimeError,
        ValueError,
        NotImplementedError,
    ) as error:
        raise UploadRefused(f"This is no zip that can be read: {str(error)[:200]}.") from None
    return files


def _check_member(member: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise UploadRefused(f"{member.filename[:100]!r} is a link or a device; only files are taken.")
    if member.flag_bits & 1:
        raise UploadRefused("The zip has a password. Send it without.")
    if member.compress_type not in _METHODS:
        raise UploadRefused(f"{member.filename[:100]!r} is packed in a way that is not taken: use deflate.")


def _read_member(opened: zipfile.ZipFile, member: zipfile.ZipInfo, room: int) -> bytes:
    pieces = []
    with opened.open(member) as file:
        while piece := file.read(_PIECE):
            room -= len(piece)
            if room < 0:
                raise _too_big()
            pieces.append(piece)
    return b"".join(pieces)


def _add(files: dict[str, bytes], name: str, content: bytes) -> None:
    name = _checked(name)
    above = [str(one) for one in PurePosixPath(name).parents]
    if (
        name in files
        or any(one in files for one in above)
        or any(one.startswith(f"{name}/") for one in files)
    ):
        raise UploadRefused(f"{name[:100]!r} is in it twice.")
    files[name] = content
    if len(files) > FILES_AT_MOST:
        raise UploadRefused(f"It has more than {FILES_AT_MOST} files.")


def _checked(name: str) -> str:
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or _ODD.search(name):
        raise UploadRefused(
            f"{name[:100]!r} would lie outside of its own folder, or has a letter for drives."
        )
    if len(name) > _NAME_AT_MOST:
        raise UploadRefused(f"{name[:100]!r} is longer than {_NAME_AT_MOST} letters.")
    return str(path)


def _without_folder(files: dict[str, bytes]) -> dict[str, bytes]:
    """Leave out the one folder that all lies in, as in zips of a repository."""
    tops = {name.split("/", 1)[0] for name in files}
    if len(tops) != 1 or any("/" not in name for name in files):
        return files
    return {name.split("/", 1)[1]: content for name, content in files.items()}


def _too_big() -> UploadRefused:
    return UploadRefused(
        f"Unpacked it is over {BYTES_AT_MOST // 2**20} MiB. Data goes to Data: data://NAME is a path to it."
    )
