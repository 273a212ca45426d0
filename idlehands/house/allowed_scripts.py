"""The directories of the HQ host whose scripts may be run by path: `allowed-scripts.json` of the house.

Written by `idlehands scripts allow` and read at every call of `/scripts/run`.
Whether a file lies in one of them is decided with all links resolved, so a
link inside never leads outside.
"""

import os
from pathlib import Path

import msgspec

from idlehands.house.files import write_private

FILE_NAME = "allowed-scripts.json"
#: Lies beside it where operators may send scripts by the browser.
UPLOADS_NAME = "uploads-allowed"


class NotAllowed(Exception):
    """The path leads to where nothing was allowed. Says the same whether there is something or not."""


class AllowedUnreadable(Exception):
    """The file cannot be used: nothing is allowed until it can."""


class NoSuchScript(Exception):
    """There is no such file in an allowed directory, or it is no script."""


def read_allowed(file: Path) -> list[Path]:
    """Return the allowed directories, sorted.

    Raises:
        AllowedUnreadable: If the file is there and cannot be used.
    """
    try:
        return [Path(path) for path in msgspec.json.decode(file.read_bytes(), type=list[str])]
    except FileNotFoundError:
        return []
    except (OSError, msgspec.DecodeError) as error:
        raise AllowedUnreadable(f"{file} cannot be used: {error}") from None


def allow(file: Path, folder: Path) -> Path:
    """Add a directory and return it with its links resolved. Safe to repeat.

    Raises:
        NoSuchScript: If it is no directory.
        NotAllowed: If it is one that holds much more than scripts: `/`.
        AllowedUnreadable: If the file cannot be used.
    """
    real = folder.resolve()
    if not real.is_dir():
        raise NoSuchScript(f"there is no directory {folder}")
    if real == Path(real.anchor):
        raise NotAllowed(f"{real} is everything there is. Allow the directory that the scripts are in")
    _write(file, {*read_allowed(file), real})
    return real


def disallow(file: Path, folder: Path) -> bool:
    """Take a directory out; tell whether it was in.

    Raises:
        AllowedUnreadable: If the file cannot be used.
    """
    known = set(read_allowed(file))
    # As it was written down, also when it is gone by now or leads elsewhere.
    gone = known & {folder, Path(os.path.abspath(folder)), folder.resolve()}
    if gone:
        _write(file, known - gone)
    return bool(gone)


def switch_uploads(file: Path, *, on: bool) -> None:
    """Let the page take scripts from browsers, or not. Safe to repeat."""
    if on:
        write_private(file, b"by `idlehands scripts uploads on`\n")
    else:
        file.unlink(missing_ok=True)


def _write(file: Path, folders: set[Path]) -> None:
    write_private(file, msgspec.json.encode(sorted(str(folder) for folder in folders)))


def find_script(allowed: list[Path], folder: str, name: str) -> Path:
    """Return the script `name` in `folder`, links resolved.

    Raises:
        NotAllowed: If either is not below an allowed directory.
        NoSuchScript: If it is allowed, but there is none.
    """
    parts = Path(name).parts
    if "\0" in folder + name or not os.path.isabs(folder) or os.path.isabs(name) or ".." in parts:
        raise NotAllowed
    try:
        real_folder = Path(os.path.realpath(folder))
        real = Path(os.path.realpath(real_folder / name))
    except OSError:
        raise NotAllowed from None
    check_below(allowed, [real_folder, real])
    if not real.is_file():
        raise NoSuchScript(f"there is no file {name!r} in {folder}")
    if real.suffix != ".py":
        # The traceback of what is no Python shows a line of it.
        raise NoSuchScript(f"{name!r} is no script: its name does not end in .py")
    return real


def check_below(allowed: list[Path], paths: list[Path]) -> None:
    """Return if each path, links resolved, is an allowed directory or lies below one.

    Raises:
        NotAllowed: If one does not.
    """
    roots = [Path(os.path.realpath(root)) for root in allowed]
    for path in paths:
        real = Path(os.path.realpath(path))
        if not any(real == root or root in real.parents for root in roots):
            raise NotAllowed
