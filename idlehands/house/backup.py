"""`idlehands backup FILE`: everything of a house that cannot be made again, in one file.

    event log       every decision up to the tail at one moment, and the snapshot that it stands on
    blobs           bundles and artifacts, by hash
    the house       CA and keys, registry, tokens, certificates, settings
    progress, logs  only when asked for: large, and nothing depends on them

Left out: the read models, which are a fold of the log, and logins and sessions
of the page. The house may run meanwhile: the log is read as of one moment, and
what the log names has been stored before it was logged.
"""

import importlib.metadata
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from bus.topics import DEFAULT_ROOT
from idlehands.house.archive import FORMAT, FORMAT_VERSION, ArchiveWriter, Manifest, is_member
from idlehands.house.database_access import opened_database
from idlehands.house.files import locked
from idlehands.house.home import Home, HouseError
from schemas.events import LOG_VERSION

if TYPE_CHECKING:
    from pymongo.client_session import ClientSession
    from pymongo.database import Database

EVENTS = "events"
BLOBS = "blobs"
#: Made again from the log at a restore.
_FOLDED = frozenset({"jobs", "agents", "sweeps", "results", "requests", "audit"})
#: How far the read models are, which a restore makes again too; other checkpoints are kept.
_QUERIES = {"checkpoints": {"_id": {"$ne": "read_models"}}}
#: What `with_logs` adds.
_LARGE = frozenset({"progress", "logs"})
#: Members of a collection have about this size.
_MEMBER_BYTES = 16 << 20
#: MongoDB: the moment that is read lies too far back, or a collection was replaced since.
_MOMENT_LOST = frozenset({239, 246})
#: How long such a moment is looked for at first.
_BEGIN_SECONDS = 10.0


class BackupReport(msgspec.Struct, frozen=True):
    """What a backup holds. `idlehands backup --json` prints it."""

    file: str
    bytes: int
    position: int
    #: Documents by collection, and `blobs`.
    counts: dict[str, int]
    #: SHA-256 of blobs that are damaged in the database; they are not in the backup.
    damaged: tuple[str, ...] = ()


def back_up(
    home: Home,
    file: Path,
    *,
    with_logs: bool = False,
    say: Callable[[str], None] = lambda _: None,
    on_done: Callable[[int, int], None] = lambda _done, _total: None,
) -> BackupReport:
    """Write a backup of `home` to `file`, whole or not at all. The house may be up or down.

    Args:
        home: The house.
        file: Must not exist; made with mode 0600.
        with_logs: Progress and logs of the jobs too.
        say: Takes a line now and then.
        on_done: Told how many collections and blobs are written, of how many.

    Raises:
        HouseError: If the file exists or cannot be written, the disk is full, or the database does
            not answer. Then there is no file.
    """
    from pymongo.errors import OperationFailure, PyMongoError

    if file.exists():
        raise HouseError(f"{file} exists already and is kept. Choose another name for the backup.")
    try:
        # The file first: one that cannot be written need not start a database.
        with ArchiveWriter(file) as archive, opened_database(home) as database:
            return _write(home, database, archive, file, with_logs, _Telling(say, on_done))
    except OSError as error:
        raise HouseError(
            f"The backup cannot be written to {file}: {error.strerror or error}. "
            "Nothing was kept, and the house is as it was. Name a file where there is room."
        ) from error
    except OperationFailure as error:
        if error.code not in _MOMENT_LOST:
            raise HouseError(f"The database refused to be read: {str(error)[:200]}.") from error
        raise HouseError(
            "The log was rewritten during the backup, or reading it took longer than the database "
            "remembers a moment. Nothing was kept. Run the backup again, or stop the house for it."
        ) from error
    except PyMongoError as error:
        raise HouseError(
            f"The database went away during the backup: {str(error)[:200]}. Nothing was kept. Run it again."
        ) from error


class _Telling:
    """Who made a backup hears how far it is."""

    def __init__(self, say: Callable[[str], None], on_done: Callable[[int, int], None]) -> None:
        self.say = say
        self.total = 0
        self._done = 0
        self._on_done = on_done

    def note_one(self) -> None:
        self._done += 1
        self._on_done(self._done, self.total)


def _write(
    home: Home,
    database: "Database[Any]",
    archive: ArchiveWriter,
    file: Path,
    with_logs: bool,
    telling: "_Telling",
) -> BackupReport:
    left_out = _FOLDED if with_logs else _FOLDED | _LARGE
    # Asked before the moment, because a name that is made after it could not be read as of it.
    names = sorted(database.list_collection_names())
    counts: dict[str, int] = {}
    with _begin_moment(database, names) as moment:
        base = _read_base(database, moment, names)
        names = [name for name in names if _is_kept(name, left_out, base)]
        last = database[EVENTS].find_one({}, {"epoch": 1}, sort=[("_id", -1)], session=moment)
        position, epoch = (int(last["_id"]), int(last["epoch"])) if last else (0, 0)
        blobs = database[f"{BLOBS}.files"].find({}, {"filename": 1}, session=moment)
        listed = [(row["_id"], str(row["filename"])) for row in blobs]
        telling.total = len(names) + len(listed)
        for name in names:
            telling.say(f"Writing {name} ...")
            counts[name] = _write_collection(database, name, moment, archive, base)
            telling.note_one()
    telling.say(f"Writing {len(listed)} blobs ...")
    damaged = _write_blobs(database, listed, archive, telling)
    counts[BLOBS] = len(archive.members.keys() & {f"blobs/{sha256}" for _, sha256 in listed})
    _write_house(home, archive)
    manifest = Manifest(
        format=FORMAT,
        version=FORMAT_VERSION,
        product=importlib.metadata.version("idlehands"),
        log_version=LOG_VERSION,
        protocol=DEFAULT_ROOT,
        created=time.time(),
        position=position,
        epoch=epoch,
        counts=counts,
        members=archive.members,
    )
    size = archive.finish(manifest)
    return BackupReport(str(file), size, position, counts, tuple(damaged))


def _begin_moment(database: "Database[Any]", names: list[str]) -> "ClientSession":
    """Return a session that reads all of them as of one moment.

    A database that has just started or made a collection cannot do that for an instant, and says: retry.

    Raises:
        OperationFailure: If it still cannot.
    """
    from pymongo.errors import OperationFailure

    deadline = time.monotonic() + _BEGIN_SECONDS
    while True:
        moment = database.client.start_session(snapshot=True)
        try:
            for name in names:
                if not name.startswith("system."):
                    database[name].find_one({}, {"_id": 1}, session=moment)
        except OperationFailure as error:
            moment.end_session()
            if error.code not in _MOMENT_LOST or time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return moment


class _Base(msgspec.Struct, frozen=True):
    """What a compacted log stands on: the snapshot up to `position` in the collections `prefix`..."""

    position: int = 0
    prefix: str = ""


def _read_base(database: "Database[Any]", moment: "ClientSession", names: list[str]) -> _Base:
    """Return what the log stands on at `moment`.

    Raises:
        HouseError: If a compaction ended just now, so that its collections are not among `names`.
    """
    found = database["snapshots"].find_one({"_id": "log"}, session=moment)
    if found is None or not found["generation"]:
        return _Base()
    base = _Base(int(found["position"]), f"snapshot_{found['generation']}_")
    if not any(name.startswith(base.prefix) for name in names):
        raise HouseError("The log was compacted just now. Nothing was kept. Run the backup again.")
    return base


def _is_kept(name: str, left_out: frozenset[str], base: _Base) -> bool:
    if name.startswith("snapshot_"):
        # Others are of a compaction that goes on or was interrupted.
        return bool(base.prefix) and name.startswith(base.prefix)
    # `rebuilt_` is a rebuild of the read models that goes on or was interrupted.
    return name not in left_out and not name.startswith(("system.", f"{BLOBS}.", "rebuilt_"))


def _write_collection(
    database: "Database[Any]", name: str, moment: "ClientSession", archive: ArchiveWriter, base: _Base
) -> int:
    """Write a collection as of `moment`, in order of `_id`; return the number of its documents."""
    documents = database[name].find(_QUERIES.get(name, {}), sort=[("_id", 1)], session=moment, batch_size=500)
    counted, number, expected = 0, 1, base.position + 1
    while True:
        first = next(documents, None)
        if first is None:
            return counted

        def pieces(document: Any = first) -> Iterator[bytes]:
            nonlocal counted, expected
            size = 0
            while document is not None:
                # Of what was compacted away, the first decision of each epoch stays.
                if name == EVENTS and document["_id"] > base.position:
                    expected = _check_next(int(document["_id"]), expected)
                counted += 1
                size += len(document.raw)
                yield document.raw
                document = next(documents, None) if size < _MEMBER_BYTES else None

        archive.add(f"database/{name}/{number:05}", pieces())
        number += 1


def _check_next(position: int, expected: int) -> int:
    """Return the position that must come next; a log with a gap must not pass for a backup."""
    if position != expected:
        raise HouseError(
            f"The event log has no decision at position {expected}, but one at {position}: documents were "
            "deleted from the database. Restore an earlier backup; this house cannot be backed up."
        )
    return position + 1


def _write_blobs(
    database: "Database[Any]", listed: list[tuple[Any, str]], archive: ArchiveWriter, telling: "_Telling"
) -> list[str]:
    """Write the contents; return the hashes of those that are damaged."""
    damaged = []
    for identity, sha256 in listed:
        rows = database[f"{BLOBS}.chunks"].find({"files_id": identity}, {"data": 1}, sort=[("n", 1)])
        is_whole = archive.add(
            f"blobs/{sha256}", (bytes(row["data"]) for row in rows), expected=sha256, packed=True
        )
        # One that was deleted meanwhile is no loss: nothing names it any more.
        if not is_whole and database[f"{BLOBS}.files"].find_one({"_id": identity}, {"_id": 1}) is not None:
            damaged.append(sha256)
        telling.note_one()
    return damaged


def _write_house(home: Home, archive: ArchiveWriter) -> None:
    """Write what makes the house itself: settings, authority, tokens and certificates."""
    with locked(home.pki / "lock", wait=True), locked(home.path / "tokens.lock", wait=True):
        for path in _house_files(home):
            name = f"house/{path.relative_to(home.path).as_posix()}"
            # Somebody's own file in our folder is not ours to copy.
            if is_member(name):
                archive.add(name, [path.read_bytes()])


_KEYS = ("key.pem", "sign.key", "seal.key", "author.key")
_IN_A_FOLDER = ("ca.pem", "cert.pem", *_KEYS, "trust.json", "token")


def _house_files(home: Home) -> Iterator[Path]:
    folders = [home.service(name) for name in ("hq", "web", "search")]
    for kind in ("clients", "agents"):
        if (home.path / kind).is_dir():
            folders += sorted(path for path in (home.path / kind).iterdir() if path.is_dir())
    yield from sorted(home.path.glob("*.json"))
    yield from (home.pki / name for name in ("ca.key", "ca.pem", "crl.pem", "issued.json"))
    if (home.pki / "revoked.json").exists():
        yield home.pki / "revoked.json"
    # Without these the machines that joined would not be renewed any more.
    yield from sorted(home.renewals.glob("*.pem"))
    if (home.secrets / "key").exists():
        yield from (home.secrets / name for name in ("key", "secrets.json"))
    for folder in folders:
        for name in _IN_A_FOLDER:
            if os.access(folder / name, os.R_OK):
                yield folder / name
