"""Blobs that nothing refers to go, after a grace; all others stay, whoever refers to them."""

import datetime
import hashlib
from typing import Any

import gridfs
import pytest
from pymongo.database import Database
from pymongo.write_concern import WriteConcern

from hq.housekeeping.blobs import CHUNKS, FILES, sweep_blobs

HOUR = datetime.timedelta(hours=1)


def put(database: Database[dict[str, Any]], content: bytes, *, hours_old: float = 48, **fields: Any) -> str:
    """Store a blob as REST does, and make it as old as that."""
    sha256 = hashlib.sha256(content).hexdigest()
    durable = database.with_options(write_concern=WriteConcern(w="majority", j=True))
    identity = gridfs.GridFSBucket(durable, "blobs").upload_from_stream(sha256, content)
    age = {"uploadDate": datetime.datetime.now(datetime.UTC) - hours_old * HOUR, **fields}
    durable[FILES].update_one({"_id": identity}, {"$set": age})
    return sha256


def stored(database: Database[dict[str, Any]]) -> set[str]:
    return {row["filename"] for row in database[FILES].find()}


def store(database: Database[dict[str, Any]], name: str, document: dict[str, Any]) -> None:
    database.get_collection(name, write_concern=WriteConcern(w="majority", j=True)).insert_one(document)


def test_what_a_job_a_sweep_or_a_result_names_stays(database: Database[dict[str, Any]]) -> None:
    names = ("bundle", "sweep's bundle", "data", "result", "saved file", "in the result", "nobody's")
    blobs = {name: put(database, name.encode()) for name in names}
    store(database, "jobs", {"_id": "j1", "spec": {"script": {"bundle": blobs["bundle"]}}})
    store(database, "jobs", {"_id": "j2", "spec": {"params": {"data": f"blob:{blobs['data']}"}}})
    store(database, "sweeps", {"_id": "s1", "spec": {"job": {"script": {"bundle": blobs["sweep's bundle"]}}}})
    note = f"saved model.pt: blob {blobs['saved file']}, 10 bytes"
    result = {"result_blob": blobs["result"], "notes": [note], "result": {"model": blobs["in the result"]}}
    store(database, "results", {"_id": 1, "result": result})

    swept = sweep_blobs(database, 24)

    assert (swept.blobs, swept.bytes, swept.kept) == (1, len("nobody's"), 6)
    assert stored(database) == set(blobs.values()) - {blobs["nobody's"]}
    assert database[CHUNKS].count_documents({}) == 6
    assert sweep_blobs(database, 24).blobs == 0


@pytest.mark.parametrize(("hours", "goes"), [(23.9, False), (24.1, True)])
def test_a_young_blob_stays_for_the_submit_that_follows(
    database: Database[dict[str, Any]], hours: float, goes: bool
) -> None:
    put(database, b"young", hours_old=hours)

    assert sweep_blobs(database, 24).blobs == int(goes)


def test_a_blob_that_somebody_asked_for_lately_stays(database: Database[dict[str, Any]]) -> None:
    now = datetime.datetime.now(datetime.UTC)
    put(database, b"asked for", wanted=now - HOUR)
    put(database, b"asked for long ago", wanted=now - 30 * HOUR)

    assert sweep_blobs(database, 24).blobs == 1
    assert stored(database) == {hashlib.sha256(b"asked for").hexdigest()}


def test_a_dry_run_deletes_nothing_and_says_what_would_go(database: Database[dict[str, Any]]) -> None:
    put(database, b"unwanted")

    swept = sweep_blobs(database, 24, dry_run=True)

    assert (swept.blobs, swept.kept) == (1, 0)
    assert len(stored(database)) == 1


def test_chunks_of_an_upload_that_died_go(database: Database[dict[str, Any]]) -> None:
    from bson import ObjectId

    old = ObjectId.from_datetime(datetime.datetime.now(datetime.UTC) - 10 * HOUR)
    database[CHUNKS].insert_many([{"files_id": old, "n": n, "data": b"x"} for n in range(3)])
    database[CHUNKS].insert_one({"files_id": ObjectId(), "n": 0, "data": b"x"})

    assert sweep_blobs(database, 24).orphans == 1
    assert database[CHUNKS].count_documents({}) == 1


@pytest.mark.parametrize(("hours", "goes"), [(0.9, False), (1.1, True)])
def test_a_checkpoint_that_was_replaced_goes_soon_and_the_newest_stays(
    database: Database[dict[str, Any]], hours: float, goes: bool
) -> None:
    old = put(database, b"old", hours_old=hours, checkpoint=True)
    newest = put(database, b"newest", hours_old=hours, checkpoint=True)
    dataset = put(database, b"dataset", hours_old=48)
    checkpoint = {"token": 1, "sha256": newest, "bytes": 6}
    store(database, "jobs", {"_id": "j1", "spec": {}, "checkpoint": checkpoint})
    store(database, "datasets", {"_id": {"name": "wine", "sha256": dataset}})

    assert sweep_blobs(database, 24).blobs == int(goes)
    assert stored(database) == {newest, dataset} | (set() if goes else {old})


def test_artifacts_environments_and_differences_are_references(database: Database[dict[str, Any]]) -> None:
    blobs = {name: put(database, name.encode()) for name in ("artifact", "environment", "dataset", "diff")}
    result = {
        "artifacts": [{"name": "a", "sha256": blobs["artifact"], "bytes": 1}],
        "environment": blobs["environment"],
        "datasets": {"wine": blobs["dataset"]},
    }
    store(database, "results", {"_id": 1, "result": result})
    store(database, "jobs", {"_id": "j1", "spec": {"source": {"commit": "0" * 40, "diff": blobs["diff"]}}})

    assert sweep_blobs(database, 24).blobs == 0
