"""`idlehands restore FILE`: a house from a backup, in a folder that is empty.

    verify all of the file --> mark the folder --> database, read models
        --> certificates, keys, tokens --> house.json --> take the mark away

Until the mark is gone nobody can start the house, and a restore that was
killed is begun anew. Whatever fails, everything that was made is removed. The
next start of HQ begins an epoch that is larger than every epoch of the old
house, because epochs and agents' boots grow with the wall clock.
"""

import contextlib
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from bus.topics import DEFAULT_ROOT
from idlehands.house.archive import Archive, BackupUnusable, Manifest
from idlehands.house.components import rebuild_command
from idlehands.house.database_access import connected, is_elsewhere, running_mongod
from idlehands.house.database_filling import emptied_on_error, fill_database
from idlehands.house.files import LockTaken, locked, make_private_folder, write_private
from idlehands.house.free_ports import with_free_ports
from idlehands.house.furnish import database_uri_file, external_database
from idlehands.house.home import RESTORING, Home, HouseError, Settings
from idlehands.house.up import alone
from schemas.events import LOG_VERSION

#: Clocks of two machines differ by a little.
_LEEWAY_SECONDS = 60.0
#: A database that is filled takes more than the compressed file: documents, indexes, read models, oplog.
_GROWTH = 3


class RestoreReport(msgspec.Struct, frozen=True):
    """What was restored. `idlehands restore --json` prints it."""

    home: str
    position: int
    counts: dict[str, int]
    #: What is not as it was in the old house, in sentences.
    remarks: tuple[str, ...]


def restore(
    path: Path,
    file: Path,
    say: Callable[[str], None] = lambda _: None,
    on_done: Callable[[int, int], None] = lambda _done, _total: None,
) -> RestoreReport:
    """Make the house of the backup `file` in the folder `path`, all of it or nothing.

    Args:
        path: Missing or empty.
        file: What `back_up` wrote.
        say: Takes a line now and then.
        on_done: Told how many parts of the file are verified, of how many: before that nothing is made.

    Raises:
        BackupUnusable: If the file is no backup, damaged, or of a newer version.
        HouseError: If the folder is not empty, the disk is full, the clock is wrong, or the
            database cannot be started or is not empty.
    """
    with Archive(file) as archive:
        _check_versions(file, archive.manifest)
        settings = _read_settings(file, archive)
        _check_clock(archive.manifest)
        home = Home(path, settings)
        _check_empty(home)
        say(f"Checking {file} ...")
        archive.verify(on_done)
        _check_room(path, archive.manifest)
        home, remarks = with_free_ports(home, own_database=not is_elsewhere(home))
        try:
            _fill(home, archive, say)
        except OSError as error:
            raise HouseError(
                f"The house cannot be restored to {path}: {error.strerror or error}. "
                "What was made was removed. Free some space, or choose another folder (--home)."
            ) from error
        return RestoreReport(str(path), archive.manifest.position, archive.manifest.counts, tuple(remarks))


def _check_versions(file: Path, manifest: Manifest) -> None:
    if manifest.log_version > LOG_VERSION:
        raise BackupUnusable(
            f"The event log in {file} is of version {manifest.log_version}, written by idlehands "
            f"{manifest.product}; this one reads up to version {LOG_VERSION}. Nothing was changed. "
            "Install that version or a newer one, then restore."
        )
    if manifest.protocol != DEFAULT_ROOT:
        raise BackupUnusable(
            f"{file} is of a house that speaks {manifest.protocol}; this idlehands speaks {DEFAULT_ROOT}. "
            f"Nothing was changed. Install idlehands {manifest.product} to restore it."
        )


def _read_settings(file: Path, archive: Archive) -> Settings:
    missing = {"house/house.json", "house/pki/ca.pem", "house/pki/ca.key", "house/pki/issued.json"}
    missing -= archive.manifest.members.keys()
    if missing:
        raise BackupUnusable(
            f"{file} lacks {', '.join(sorted(missing))}: it cannot be all of a house. Use another backup."
        )
    try:
        return msgspec.json.decode(archive.read_whole("house/house.json"), type=Settings)
    except msgspec.DecodeError as error:
        raise BackupUnusable(
            f"The settings in {file} cannot be understood: {error}. They are perhaps of a newer "
            f"idlehands ({archive.manifest.product}). Nothing was changed."
        ) from error


def _check_clock(manifest: Manifest) -> None:
    behind = manifest.created - time.time()
    if behind > _LEEWAY_SECONDS:
        raise HouseError(
            f"The backup was made {behind / 60:.0f} minutes in the future of this machine's clock. "
            "Epochs grow with the clock: a house that is restored behind its time would give out "
            "tokens twice. Set the clock, then restore."
        )


def _check_empty(home: Home) -> None:
    """Check that nothing would be lost, and clear away what a killed restore left.

    Raises:
        HouseError: If the folder holds something.
    """
    if (home.path / RESTORING).exists():
        with _marked(home):
            make_private_folder(home.run)
            # The database of a restore that was just killed is still being stopped.
            with alone(home):
                _clear(home)
    if not home.path.exists():
        return
    mine = home.mongodb if _has_database_files(home) else None
    left = [
        path
        for path in home.path.rglob("*")
        if not path.is_dir() and (mine is None or not path.is_relative_to(mine))
    ]
    if left:
        raise HouseError(
            f"{home.path} is not empty: it holds {left[0].relative_to(home.path)}. A house is only restored "
            "into an empty folder. Move that away, or choose another folder (--home)."
        )


def _has_database_files(home: Home) -> bool:
    """Tell whether key file and URI were there first, as in containers, where the database runs by itself."""
    return external_database() is None and is_elsewhere(home)


def _check_room(path: Path, manifest: Manifest) -> None:
    there = next(parent for parent in (path, *path.parents) if parent.exists())
    needed = sum(
        member.size * (1 if name.startswith("blobs/") else _GROWTH)
        for name, member in manifest.members.items()
    )
    free = shutil.disk_usage(there).free
    if free < needed:
        raise HouseError(
            f"There is too little room for the house at {there}: {free >> 20} MiB are free, and about "
            f"{needed >> 20} MiB are needed. Nothing was changed. Free some, or choose another folder "
            "(--home)."
        )


@contextlib.contextmanager
def _marked(home: Home) -> Iterator[None]:
    """Hold the mark that keeps everybody else out of the folder; who ends early leaves it there.

    Raises:
        HouseError: If another restore holds it.
    """
    make_private_folder(home.path)
    try:
        with locked(home.path / RESTORING, wait=False):
            yield
    except LockTaken:
        raise HouseError(f"Another restore into {home.path} goes on. Wait until it has ended.") from None


def _fill(home: Home, archive: Archive, say: Callable[[str], None]) -> None:
    with _marked(home):
        _fill_marked(home, archive, say)


def _fill_marked(home: Home, archive: Archive, say: Callable[[str], None]) -> None:
    try:
        for folder in (home.pki, home.run, home.logs, home.mongodb):
            make_private_folder(folder)
        with contextlib.ExitStack() as stack:
            lock = stack.enter_context(alone(home))
            if not is_elsewhere(home):
                say("Starting the database ...")
                stack.enter_context(running_mongod(home, lock))
            uri = database_uri_file(home).read_text().strip()
            database = stack.enter_context(connected(uri))
            with emptied_on_error(database):
                fill_database(database, archive, say)
                say("Making the read models from the event log ...")
                _rebuild(home)
        _write_house(home, archive)
    except BaseException:
        _clear(home)
        raise
    (home.path / RESTORING).unlink()


def _rebuild(home: Home) -> None:
    """Fold the log; this also reads all of it, so a log that makes no sense is found out here.

    Raises:
        BackupUnusable: If it makes none.
    """
    done = subprocess.run(rebuild_command(home), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BackupUnusable(
            f"The event log in the backup cannot be read: {done.stderr.strip()[-400:]} "
            "What was made was removed."
        )


def _write_house(home: Home, archive: Archive) -> None:
    for name in archive.names("house/"):
        path = home.path / name.removeprefix("house/")
        if path.name != "house.json":
            for folder in reversed(path.relative_to(home.path).parents[:-1]):
                make_private_folder(home.path / folder)
            write_private(path, archive.read_whole(name))
    write_private(home.path / "house.json", msgspec.json.format(msgspec.json.encode(home.settings)) + b"\n")


def _clear(home: Home) -> None:
    """Remove what a restore has made, the mark last. Mount points stay."""
    mark = home.path / RESTORING
    kept = home.mongodb if _has_database_files(home) else None
    for path in home.path.iterdir():
        if path in (mark, kept):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()
    mark.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        home.path.rmdir()
