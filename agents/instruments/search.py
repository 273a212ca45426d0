"""Finds what instruments wrote in an attempt's folder, and opens it, without following a link anywhere.

The script may still run, and may be hostile: each folder is opened below its
parent, and a file for what it is at that moment. The search goes through the
upper folders first and ends at a number of entries.
"""

import os
import re
import stat
from collections import deque
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Self

from agents.instruments import mlflow

#: Beyond these, a folder is not searched further.
ENTRIES_AT_MOST = 20_000
_DEEPEST = 10
_HAS_DESCRIPTORS = os.open in os.supports_dir_fd and os.scandir in os.supports_fd
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _NO_LINK
# Not to wait for whoever writes into a pipe of that name.
_FILE = os.O_RDONLY | _NO_LINK | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_PASSED_OVER = frozenset({".idlehands", "__pycache__", ".git", "node_modules", "site-packages", ".venv"})
_EVENTS = re.compile(r"(?:.*/)?[^/]*\.tfevents\.[^/]*")
_WANDB = re.compile(r"(?:.*/)?run-[^/]*\.wandb")
_WANDB_MEDIA = re.compile(r"(?:.*/)?(?:offline-)?run-[^/]*/files/(?:media/.+|config\.yaml)")
_PICTURE = re.compile(r".*\.(?:png|jpe?g|gif|svg|pdf)", re.I)


class Kind(StrEnum):
    """What a file is by its name."""

    EVENTS = "TensorBoard"
    WANDB = "wandb"
    METRIC = "MLflow"
    PARAM = "param"
    #: An instrument's file that is kept as it is.
    KEPT = "kept"
    PICTURE = "picture"


class Found(NamedTuple):
    """A file by its name below the folder, with slashes."""

    name: str
    kind: Kind


class Below:
    """A folder and what is in it. Close it."""

    def __init__(self, folder: Path) -> None:
        """Open the folder.

        Raises:
            OSError: If it is none any more.
        """
        self._path = str(folder)
        self._root = os.open(folder, _FOLDER) if _HAS_DESCRIPTORS else -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._root >= 0:
            os.close(self._root)
            self._root = -1

    def search(self) -> list[Found]:
        """Return the files that matter, in the order of their names, the upper ones first."""
        found: list[Found] = []
        waiting = deque([("", 0)])
        seen = 0
        while waiting:
            folder, depth = waiting.popleft()
            try:
                entries = self._scan(folder)
            except OSError:
                continue
            for own, is_folder in entries:
                seen += 1
                if seen > ENTRIES_AT_MOST:
                    return found
                name = f"{folder}/{own}" if folder else own
                if is_folder:
                    if depth < _DEEPEST and own not in _PASSED_OVER:
                        waiting.append((name, depth + 1))
                else:
                    kind = tell_kind(name)
                    if kind is not None:
                        found.append(Found(name, kind))
        return found

    def open(self, name: str) -> int:
        """Return a descriptor to read the plain file of that name.

        Raises:
            OSError: If there is none, or a link is on the way.
        """
        descriptor = self._open(name, _FILE)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(f"{name} is no plain file")
        return descriptor

    def move(self, name: str, place: Path) -> None:
        """Move the file of that name, a link as a link.

        Raises:
            OSError: If that is not possible.
        """
        parent, _, own = name.rpartition("/")
        if self._root < 0:
            os.rename(self._check(name), place)
            return
        folder = self._open(parent, _FOLDER)
        try:
            os.rename(own, place, src_dir_fd=folder)
        finally:
            os.close(folder)

    def _scan(self, name: str) -> list[tuple[str, bool]]:
        """Return the names of files and folders in a folder, and which is one; links are neither."""
        if self._root < 0:
            with os.scandir(self._check(name)) as entries:
                return sorted(_tell(entries))
        folder = self._open(name, _FOLDER)
        try:
            with os.scandir(folder) as entries:
                return sorted(_tell(entries))
        finally:
            os.close(folder)

    def _open(self, name: str, flags: int) -> int:
        if self._root < 0:
            return os.open(self._check(name), flags)
        at = os.dup(self._root)
        parts = name.split("/") if name else []
        for number, part in enumerate(parts, 1):
            try:
                inner = os.open(part, flags if number == len(parts) else _FOLDER, dir_fd=at)
            finally:
                os.close(at)
            at = inner
        return at

    def _check(self, name: str) -> str:
        # Where there are no descriptors of folders, there is no sandbox either that this could lead out of.
        path = self._path
        for part in name.split("/") if name else ():
            path = os.path.join(path, part)
            if os.path.islink(path):
                raise OSError(f"{name} leads through a link")
        return path


def _tell(entries: "os._ScandirIterator[str]") -> list[tuple[str, bool]]:
    found = []
    for number, entry in enumerate(entries):
        if number >= ENTRIES_AT_MOST:
            break
        if entry.is_dir(follow_symlinks=False):
            found.append((entry.name, True))
        elif entry.is_file(follow_symlinks=False):
            found.append((entry.name, False))
    return found


def tell_kind(name: str) -> Kind | None:
    """Return what the file of that name is to an instrument; None for all others."""
    if ".tfevents." in name and _EVENTS.fullmatch(name):
        return Kind.EVENTS
    if name.endswith(".wandb") and _WANDB.fullmatch(name):
        return Kind.WANDB
    if "/files/" in name and _WANDB_MEDIA.fullmatch(name):
        return Kind.KEPT
    place = mlflow.PLACE.fullmatch(name)
    if place is not None:
        return {"metrics": Kind.METRIC, "params": Kind.PARAM}.get(place["kind"], Kind.KEPT)
    return Kind.PICTURE if _PICTURE.fullmatch(name) else None
