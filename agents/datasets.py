"""Datasets on this machine: fetched once by sha256, kept under a quota, given to attempts read-only.

    datasets/<sha256>/content/<filename>    a file, or a folder's files; nobody may write
    datasets/<sha256>/facts.json            its size, and what was there when it was checked
    datasets/<sha256>.part                  what has come of a download that REST broke off

A version is complete or absent. What was used longest ago goes first when room
is needed, never what an attempt uses. One that somebody changed, which in
`basic` a script of the same account can, is fetched anew.
"""

import errno
import json
import os
import re
import secrets
import shutil
import stat
import threading
from pathlib import Path
from typing import Any

from msgspec import Struct

from agents.blobs import BlobBroken, BlobRefused, Blobs, BlobUnavailable, Wait
from agents.bundles import BundleUnreachable
from agents.pack import PackTooBig, read_signature
from agents.unpack import BundleBroken, Rules, unpack
from schemas.datasets import Reference, parse_reference

QUOTA_BYTES = 20 * 1024**3
_FILES_AT_MOST = 200_000
#: Of the disk, what is left to its owner.
_FREE_BYTES = 512 * 1024**2
_PATIENCE_SECONDS = 15.0
_BLOB = re.compile(r"blob://([0-9a-f]{64})/([0-9]{1,12})")


class DatasetFailure(Exception):
    """A dataset could not be had. `kind` is a stable word, the message says what to do."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Version(Struct, frozen=True):
    """One version of a dataset, as REST tells of it."""

    name: str
    sha256: str
    kind: str
    filename: str
    bytes: int


def read_dataset(text: str) -> Reference:
    """Return what a value that begins with `data://` asks for.

    Raises:
        DatasetFailure: If it cannot be understood.
    """
    try:
        return parse_reference(text)
    except ValueError as error:
        raise DatasetFailure("dataset_missing", str(error)) from None


def parse_blob(text: str) -> Version:
    """Return what a value that begins with `blob://` asks for: content by its hash and its size.

    Raises:
        DatasetFailure: If it cannot be understood.
    """
    found = _BLOB.fullmatch(text)
    if found is None:
        raise DatasetFailure("dataset_missing", f"{text[:200]!r} is no blob: write blob://SHA256/BYTES")
    return Version(f"blob {found[1][:12]}", found[1], "file", found[1], int(found[2]))


class DatasetStore:
    """Datasets below `folder`. Safe to use from several threads of one process."""

    def __init__(
        self, folder: Path, blobs: Blobs, *, quota_bytes: int = 0, patience_seconds: float = _PATIENCE_SECONDS
    ) -> None:
        self._folder, self._blobs = folder, blobs
        self._quota_bytes = quota_bytes or QUOTA_BYTES
        self._patience_seconds = patience_seconds
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._in_use: dict[str, int] = {}

    def resolve(self, reference: Reference, wait: Wait) -> Version:
        """Return the version that is meant: the newest, or the newest that begins as asked.

        Raises:
            DatasetFailure: If there is none.
            BundleUnreachable: If REST does not answer in time.
        """
        try:
            said = self._blobs.read_json(f"datasets/{reference.name}", self._patience_seconds, wait)
        except BlobRefused as error:
            why = "" if " 404 " in str(error) else f" ({error})"
            raise DatasetFailure(
                "dataset_missing",
                f"there is no dataset {reference.name!r}{why}. `idlehands data list` shows all",
            ) from None
        except BlobUnavailable as error:
            raise BundleUnreachable(f"dataset {reference.name} could not be looked up: {error}") from None
        for row in said.get("versions", ()):
            if str(row["sha256"]).startswith(reference.version):
                return Version(reference.name, row["sha256"], row["kind"], row["filename"], int(row["bytes"]))
        raise DatasetFailure(
            "dataset_missing",
            f"dataset {reference.name} has no version {reference.version}: `idlehands data show "
            f"{reference.name}` shows which there are",
        )

    def take(self, version: Version, wait: Wait) -> Path:
        """Return the folder with the version's content, fetched where needed; kept until `give_back`.

        Raises:
            DatasetFailure: If it cannot be had or kept here; nothing of it is left behind.
            BundleUnreachable: If REST does not answer in time; what has come is kept for the next try.
        """
        sha256 = version.sha256
        with self._lock_of(sha256):
            with self._lock:
                self._in_use[sha256] = self._in_use.get(sha256, 0) + 1
            try:
                place = self._folder / sha256
                if not self._is_intact(place):
                    _remove(place)
                    self._fetch(version, place, wait)
                os.utime(place)
            except OSError as error:
                self.give_back(sha256)
                full = error.errno in (errno.ENOSPC, errno.EDQUOT)
                kind = "disk_full" if full else "dataset_unusable"
                raise DatasetFailure(
                    kind, f"dataset {version.name} could not be kept here: {error}"
                ) from None
            except BaseException:
                self.give_back(sha256)
                raise
        return place / "content"

    def give_back(self, sha256: str) -> None:
        """Take note that an attempt does not use it any more."""
        with self._lock:
            self._in_use[sha256] -= 1
            if not self._in_use[sha256]:
                del self._in_use[sha256]

    def _fetch(self, version: Version, place: Path, wait: Wait) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        archive = self._folder / f"{version.sha256}.part"
        partial = self._folder / f"{version.sha256[:16]}.{secrets.token_hex(4)}.partial"
        try:
            # A folder lies here twice for a moment: as it came, and unpacked.
            self._make_room(version, version.bytes * (2 if version.kind == "folder" else 1))
            self._download(version, archive, wait)
            content = partial / "content"
            content.mkdir(parents=True, mode=0o700)
            if version.kind == "folder":
                (content / version.filename).mkdir(mode=0o700)
                rules = Rules(_FILES_AT_MOST, version.bytes + 1024, is_zipped=False)
                unpack(archive, content / version.filename, rules)
                archive.unlink()
            else:
                os.replace(archive, content / version.filename)
            _protect(content)
            facts = {"bytes": version.bytes, "seen": read_signature(content, 2 * _FILES_AT_MOST)}
            (partial / "facts.json").write_text(json.dumps(facts))
            _sync(partial)
            partial.rename(place)
        except (BundleBroken, PackTooBig) as error:
            archive.unlink(missing_ok=True)
            raise DatasetFailure("dataset_broken", f"dataset {version.name} is refused: {error}") from None
        except BundleUnreachable:
            raise
        except BaseException:
            archive.unlink(missing_ok=True)
            raise
        finally:
            _remove(partial)

    def _download(self, version: Version, archive: Path, wait: Wait) -> None:
        name = f"dataset {version.name}@{version.sha256[:12]}"
        try:
            self._blobs.download(
                version.sha256,
                archive,
                max_bytes=version.bytes,
                patience_seconds=self._patience_seconds,
                wait=wait,
            )
        except BlobBroken as error:
            raise DatasetFailure("dataset_broken", f"{name} from REST is broken: {error}") from None
        except BlobRefused as error:
            raise DatasetFailure("dataset_missing", f"{name} could not be fetched: {error}") from None
        except BlobUnavailable as error:
            raise BundleUnreachable(f"{name} could not be fetched: {error}") from None

    def _make_room(self, version: Version, needed: int) -> None:
        """Drop what was used longest ago until there is room for so many bytes.

        Raises:
            DatasetFailure: If there cannot be.
        """
        if version.bytes > self._quota_bytes:
            raise DatasetFailure(
                "dataset_too_big",
                f"dataset {version.name} has {version.bytes} bytes, and this machine keeps at most "
                f"{self._quota_bytes} of datasets: give the agent more with --dataset-gb",
            )
        with self._lock:
            held = self._read_held()
            used = sum(size for _, size in held)
            for path, size in held:
                if used + version.bytes <= self._quota_bytes and self._has_free(needed):
                    return
                if path.name not in self._in_use:
                    _remove(path)
                    used -= size
        if used + version.bytes > self._quota_bytes:
            raise DatasetFailure(
                "dataset_too_big",
                f"dataset {version.name} has {version.bytes} bytes, and datasets that jobs use now take "
                f"{used} of the {self._quota_bytes} that this machine keeps",
            )
        if not self._has_free(needed):
            raise DatasetFailure(
                "disk_full",
                f"dataset {version.name} needs {needed // 2**20} MiB, and this machine's disk has not so "
                "much free",
            )

    def _has_free(self, needed: int) -> bool:
        return shutil.disk_usage(self._folder).free >= needed + _FREE_BYTES

    def _read_held(self) -> list[tuple[Path, int]]:
        """Return what is here with its size, what was used longest ago first."""
        found: list[tuple[float, Path, int]] = []
        for entry in os.scandir(self._folder):
            path = Path(entry.path)
            status = entry.stat(follow_symlinks=False)
            if len(entry.name) == 64:
                size = int((_read_facts(path) or {}).get("bytes", 0))
                found.append((status.st_mtime, path, size))
            elif entry.name.endswith(".part") and not self._is_wanted(entry.name.removesuffix(".part")):
                found.append((0.0, path, status.st_size))
        return [(path, size) for _, path, size in sorted(found)]

    def _is_wanted(self, sha256: str) -> bool:
        return sha256 in self._in_use

    def _is_intact(self, place: Path) -> bool:
        facts = _read_facts(place)
        if facts is None:
            return False
        try:
            seen = read_signature(place / "content", 2 * _FILES_AT_MOST)
        except (OSError, PackTooBig):
            return False
        return [list(entry) for entry in seen] == facts.get("seen")

    def _lock_of(self, sha256: str) -> threading.Lock:
        with self._lock:
            return self._locks.setdefault(sha256, threading.Lock())


def link_tree(source: Path, target: Path) -> None:
    """Put the files below `source` into the new folder `target`: linked where the disk can, else copied.

    Raises:
        OSError: If the disk does not take it.
    """
    target.mkdir(parents=True, mode=0o700)
    for entry in os.scandir(source):
        into = target / entry.name
        if entry.is_dir(follow_symlinks=False):
            link_tree(Path(entry.path), into)
            continue
        link_file(Path(entry.path), into)


def link_file(source: Path, target: Path) -> None:
    """Put a file at `target`: linked where the disk can, else copied.

    Raises:
        OSError: If the disk does not take it.
    """
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOTSUP):
            raise
        shutil.copyfile(source, target, follow_symlinks=False)
        target.chmod(0o444)


def _protect(folder: Path) -> None:
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            _protect(Path(entry.path))
        else:
            os.chmod(entry.path, 0o444)


def _sync(folder: Path) -> None:
    """Write all of it to the disk: after a power cut its place must not hold half of it."""
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            _sync(Path(entry.path))
        else:
            descriptor = os.open(entry.path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _read_facts(place: Path) -> dict[str, Any] | None:
    try:
        found = json.loads((place / "facts.json").read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _remove(path: Path) -> None:
    try:
        is_folder = stat.S_ISDIR(path.lstat().st_mode)
    except FileNotFoundError:
        return
    if is_folder:
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
