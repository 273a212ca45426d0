"""What goes into a backup, with a real database: of one moment, without gaps, and honest about damage."""

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bson
import pytest
from gridfs import GridFSBucket
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import OperationFailure

from idlehands.house.archive import Archive
from idlehands.house.backup import back_up
from idlehands.house.furnish import furnish
from idlehands.house.home import Home, HouseError, open_home
from tests.fixtures.remote_machine import join_by_hand
from trust.vault import Vault

pytestmark = pytest.mark.process


@pytest.fixture
def home(tmp_path: Path, mongodb_uri: str, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("IDLEHANDS_MONGODB", mongodb_uri)
    home = open_home(tmp_path / "house")
    furnish(home, agents=1)
    return home


@pytest.fixture
def database(mongodb_uri: str) -> Iterator[Database[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        yield client.get_default_database()


def test_machines_that_joined_are_renewed_by_a_restored_house_too(
    home: Home, database: Database[dict[str, Any]], tmp_path: Path
) -> None:
    append(database, 1)
    join_by_hand(home, "attic", tmp_path / "attic", days=20)

    back_up(home, tmp_path / "backup")

    with Archive(tmp_path / "backup") as archive:
        assert archive.read_whole("house/renewals/attic.pem") == (tmp_path / "attic/cert.pem").read_bytes()


def positions_in(archive: Archive) -> list[int]:
    content = b"".join(archive.read_whole(name) for name in archive.names("database/events/"))
    return [document["_id"] for document in bson.decode_all(content)]


def append(database: Database[dict[str, Any]], *positions: int) -> None:
    database.events.insert_many([{"_id": one, "epoch": 1, "events": []} for one in positions])


def test_a_backup_beside_a_writer_ends_at_one_position_without_gaps(
    home: Home, database: Database[dict[str, Any]], tmp_path: Path
) -> None:
    append(database, *range(1, 3000))
    over = threading.Event()

    def write() -> None:
        position = 3000
        while not over.is_set():
            append(database, position)
            position += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        report = back_up(home, tmp_path / "house.backup")
    finally:
        over.set()
        writer.join()

    with Archive(tmp_path / "house.backup") as archive:
        archive.verify()
        assert positions_in(archive) == list(range(1, report.position + 1))
    assert report.counts["events"] == report.position >= 2999


def test_a_log_with_a_gap_does_not_pass_for_a_backup(
    home: Home, database: Database[dict[str, Any]], tmp_path: Path
) -> None:
    append(database, 1, 2, 4)

    with pytest.raises(HouseError, match="no decision at position 3"):
        back_up(home, tmp_path / "house.backup")

    assert not list(tmp_path.glob("house.backup*"))


def test_a_damaged_blob_is_named_and_left_out_and_the_others_are_saved(
    home: Home, database: Database[dict[str, Any]], tmp_path: Path
) -> None:
    good, bad = (hashlib.sha256(content).hexdigest() for content in (b"good", b"bad"))
    bucket = GridFSBucket(database, "blobs")
    bucket.upload_from_stream(good, b"good")
    identity = bucket.upload_from_stream(bad, b"bad")
    database["blobs.chunks"].update_one({"files_id": identity}, {"$set": {"data": b"mad"}})

    report = back_up(home, tmp_path / "house.backup")

    assert report.damaged == (bad,)
    assert report.counts["blobs"] == 1
    with Archive(tmp_path / "house.backup") as archive:
        archive.verify()
        assert archive.names("blobs/") == [f"blobs/{good}"]


def test_what_a_fold_makes_again_is_left_out_and_what_is_unknown_is_kept(
    home: Home, database: Database[dict[str, Any]], tmp_path: Path
) -> None:
    for name in ("jobs", "agents", "sweeps", "results", "requests", "rebuilt_jobs", "logs", "progress"):
        database[name].insert_one({"of": "a read model"})
    database["of_a_later_version"].insert_one({"of": "nobody knows"})
    database["checkpoints"].insert_many([{"_id": "read_models"}, {"_id": "another"}])

    plain = back_up(home, tmp_path / "plain.backup")
    whole = back_up(home, tmp_path / "whole.backup", with_logs=True)

    assert plain.counts == {"checkpoints": 1, "of_a_later_version": 1, "blobs": 0}
    assert whole.counts == plain.counts | {"logs": 1, "progress": 1}


def test_a_compacted_log_comes_with_its_snapshot_and_without_those_that_were_begun(
    home: Home, database: Database[dict[str, Any]], tmp_path: Path
) -> None:
    manifest = {"_id": "log", "position": 4, "epoch": 1, "generation": "aa", "building": "bb", "version": 1}
    database["snapshots"].insert_one(manifest)
    database["snapshot_aa_jobs"].insert_one({"_id": "j"})
    database.create_collection("snapshot_aa_sweeps")
    database["snapshot_bb_jobs"].insert_one({"_id": "begun"})
    # The first decision of an epoch stays where the others are gone.
    append(database, 1, 5, 6)

    report = back_up(home, tmp_path / "house.backup")

    assert report.counts == {
        "events": 3, "snapshot_aa_jobs": 1, "snapshot_aa_sweeps": 0, "snapshots": 1, "blobs": 0,
    }  # fmt: skip
    database["events"].delete_one({"_id": 5})
    with pytest.raises(HouseError, match="no decision at position 5"):
        back_up(home, tmp_path / "with a gap.backup")


def test_files_of_somebody_else_in_the_houses_folder_stay_out_and_every_key_comes_along(
    home: Home, tmp_path: Path
) -> None:
    (home.path / "My Notes.json").write_text("{}")
    (home.path / "retention.json").write_text("{}")
    (home.path / "clients" / "stray").write_text("no folder")
    Vault(home.secrets).set("TOKEN", b"hunter2-hunter2")

    back_up(home, tmp_path / "house.backup")

    with Archive(tmp_path / "house.backup") as archive:
        names = set(archive.names("house/"))
    agent = home.settings.machine
    assert {"house/house.json", "house/retention.json", "house/pki/ca.key", "house/tokens.json"} <= names
    assert {"house/clients/cli/token", f"house/agents/{agent}/key.pem", "house/hq/key.pem"} <= names
    assert {"house/hq/secrets/key", "house/hq/secrets/secrets.json"} <= names
    assert not any("Notes" in name or "stray" in name for name in names)


def test_a_backup_into_a_folder_that_is_not_there_says_so(home: Home, tmp_path: Path) -> None:
    with pytest.raises(HouseError, match="No such file or directory"):
        back_up(home, tmp_path / "absent" / "house.backup")


@pytest.mark.parametrize(("code", "is_kept"), [(246, True), (13, False)])
def test_a_database_that_cannot_be_read_as_of_one_moment_yet_is_asked_again(
    home: Home,
    database: Database[dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    is_kept: bool,
) -> None:
    database["events"].insert_one({"_id": 1, "epoch": 1, "op": "a-0", "at": 1.5, "events": []})
    read, refused = Collection.find_one, iter(range(2))

    def find_one(self: Any, *args: Any, **options: Any) -> Any:
        if options.get("session") is not None and next(refused, None) is not None:
            raise OperationFailure("as a database says it that has just started", code)
        return read(self, *args, **options)

    monkeypatch.setattr(Collection, "find_one", find_one)
    file = tmp_path / "house.backup"

    if is_kept:
        assert back_up(home, file).position == 1
        assert next(refused, None) is None
    else:
        with pytest.raises(HouseError, match="refused to be read"):
            back_up(home, file)
    assert file.exists() is is_kept
