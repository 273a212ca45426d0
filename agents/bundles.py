"""The scripts' files on this machine: fetched once by sha256, checked, unpacked, kept.

A bundle is complete or absent: it is unpacked beside its place and renamed
into it. Attempts get copies, so that a script that writes into its own
folder does not change the next attempt's.
"""

import os
import secrets
import shutil
import threading
from pathlib import Path

from agents.blobs import BlobBroken, BlobRefused, Blobs, BlobUnavailable, Wait
from agents.unpack import BundleBroken, unpack

ARCHIVE_BYTES_AT_MOST = 64 * 1024 * 1024
_PATIENCE_SECONDS = 6.0
_KEPT_AT_MOST = 200
_SMALL_BYTES = 256 * 1024


class BundleMissing(Exception):
    """The bundle could not be had; the message says why and where it was asked for."""


class BundleUnreachable(BundleMissing):
    """REST does not answer now: another machine, or this one later, may have more luck."""


class BundleStore:
    """Bundles under `folder/<sha256>/`. Safe to use from several threads of one process."""

    def __init__(self, folder: Path, blobs: Blobs, *, patience_seconds: float = _PATIENCE_SECONDS) -> None:
        self._folder = folder
        self._blobs = blobs
        self._patience_seconds = patience_seconds
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}

    def place(self, sha256: str) -> Path:
        """Return where a bundle's files lie, if they are here."""
        return self._folder / sha256

    def copy(self, sha256: str, target: Path, wait: Wait) -> None:
        """Put the bundle's files into the existing folder `target`, fetching it first where needed.

        Several attempts that ask for one bundle at once cause one download.

        Raises:
            BundleMissing: If it is not here and REST does not give it.
            BundleUnreachable: If it is not here and REST did not answer in time.
            BundleBroken: If it is not what its hash says, or breaks a rule of bundles.
            OSError: If the disk does not take it.
        """
        with self._lock_of(sha256):
            place = self._folder / sha256
            if not place.is_dir():
                self._fetch(sha256, place, wait)
            os.utime(place)
            copy_tree(place, target)
        self._evict()

    def _fetch(self, sha256: str, place: Path, wait: Wait) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = self._folder / f"{sha256[:16]}.{secrets.token_hex(4)}.partial"
        archive = partial.with_suffix(".tar.gz")
        try:
            self._blobs.download(
                sha256,
                archive,
                max_bytes=ARCHIVE_BYTES_AT_MOST,
                patience_seconds=self._patience_seconds,
                wait=wait,
            )
            partial.mkdir(mode=0o700)
            unpack(archive, partial)
            partial.rename(place)
        except BlobBroken as error:
            raise BundleBroken(f"bundle {sha256} from REST is broken: {error}") from None
        except BundleBroken as error:
            raise BundleBroken(f"bundle {sha256} is refused: {error}") from None
        except BlobRefused as error:
            raise BundleMissing(f"bundle {sha256} could not be fetched: {error}") from None
        except BlobUnavailable as error:
            raise BundleUnreachable(f"bundle {sha256} could not be fetched: {error}") from None
        finally:
            archive.unlink(missing_ok=True)
            shutil.rmtree(partial, ignore_errors=True)

    def _evict(self) -> None:
        """Drop the bundles that were used longest ago, when there are many."""
        with self._lock:
            held = [entry for entry in os.scandir(self._folder) if len(entry.name) == 64]
            if len(held) <= _KEPT_AT_MOST:
                return
            oldest = sorted(held, key=lambda entry: entry.stat().st_mtime)[: len(held) - _KEPT_AT_MOST]
        for entry in oldest:
            lock = self._lock_of(entry.name)
            if lock.acquire(blocking=False):
                try:
                    shutil.rmtree(entry.path, ignore_errors=True)
                finally:
                    lock.release()

    def _lock_of(self, sha256: str) -> threading.Lock:
        with self._lock:
            return self._locks.setdefault(sha256, threading.Lock())


def copy_tree(source: Path, target: Path) -> None:
    """Copy plain files and folders below `source` into the existing folder `target`."""
    for entry in os.scandir(source):
        into = target / entry.name
        if entry.is_dir(follow_symlinks=False):
            into.mkdir(mode=0o700)
            copy_tree(Path(entry.path), into)
        else:
            _copy_file(entry, into)


def _copy_file(entry: "os.DirEntry[str]", into: Path) -> None:
    if not entry.is_file(follow_symlinks=False) or entry.stat().st_size > _SMALL_BYTES:
        shutil.copyfile(entry.path, into, follow_symlinks=False)
        return
    # A script: what `shutil` looks at first takes longer than the copy.
    with open(entry.path, "rb", buffering=0) as source:
        content = source.read()
    with open(into, "xb") as target:
        target.write(content)
