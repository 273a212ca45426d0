"""/events of a log whose beginning was compacted: what is gone is said, never skipped."""

from typing import Any

import httpx
from pymongo import MongoClient

from tests.unit.dash_app.conftest import LittleHouse

SPEC = {"script": {"bundle": "0" * 64, "entry": "train.py"}}


def test_where_nothing_was_compacted_every_point_may_be_asked_for(
    house: LittleHouse, viewer: httpx.Client
) -> None:
    for after in ("0", "0.0", "1", "1.0"):
        assert viewer.get("/api/v1/events", params={"after": after}).status_code == 200


def test_history_before_the_snapshot_is_gone_and_says_so(house: LittleHouse, viewer: httpx.Client) -> None:
    with house.client("operator") as operator:
        for _ in range(6):
            operator.post("/api/v1/jobs", json={"jobs": [SPEC]}).raise_for_status()
    with MongoClient[dict[str, Any]](house.uri, w="majority", journal=True) as mongo:
        database = mongo.get_default_database()
        manifest = {"_id": "log", "position": 4, "epoch": 7, "generation": "x", "version": 1}
        database["snapshots"].insert_one(manifest)
        database["events"].delete_many({"_id": {"$gt": 1, "$lte": 4}})

    for after in ("0", "1", "3", "3.1", "4.0"):
        gone = viewer.get("/api/v1/events", params={"after": after})
        assert (gone.status_code, gone.json()["code"]) == (410, "compacted"), after
        assert "position 4" in gone.json()["detail"]
    kept = viewer.get("/api/v1/events", params={"after": "4"}).json()["events"]
    assert kept[0]["position"] == 5
    assert viewer.get("/api/v1/events").json()["events"] == kept
