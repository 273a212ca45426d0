"""The process that tells people is killed in the middle of it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pymongo import MongoClient

from hq.outside.happenings import Happening
from hq.outside.outbox import Lane, Outbox
from tests.fixtures.broker import eventually
from tests.fixtures.receivers import HttpReceiver, running

pytestmark = pytest.mark.process


@contextmanager
def telling(folder: Path, uri: str) -> Iterator[None]:
    """Run the process, and kill it at the end of the block."""
    command = [sys.executable, "-m", "tests.unit.hq.outside.telling_process", str(folder), uri]
    with subprocess.Popen(command, env=os.environ | {"PYTHONPATH": os.getcwd()}) as process:
        try:
            yield
        finally:
            process.kill()


def test_what_was_on_its_way_comes_once_more_as_the_same_and_nothing_is_lost(
    mongodb_uri: str, tmp_path: Path
) -> None:
    found = [Happening(f"{number}.0", "job_failed", 1.0, f"job {number}", job="jx") for number in range(3)]
    file = tmp_path / "outbox.json"
    file.write_bytes(msgspec.json.encode(Outbox(position=0, lanes={"me": Lane(waiting=found, since=1.0)})))

    def waits() -> int:
        return len(msgspec.json.decode(file.read_bytes(), type=Outbox).lane("me").waiting)

    with running(HttpReceiver()) as receiver, MongoClient[dict[str, Any]](mongodb_uri) as mongo:
        to = {"kind": "webhook", "url": receiver.url}
        setting = {"_id": "notification/me", "to": to, "on": ["job_failed"], "gather_seconds": 0}
        mongo.get_default_database()["outside"].insert_one(setting)

        receiver.answering.clear()
        with telling(tmp_path, mongodb_uri):
            eventually(lambda: receiver.posted, 60)
        assert waits() == 3
        receiver.answering.set()
        with telling(tmp_path, mongodb_uri):
            eventually(lambda: waits() == 0, 60)

        first, second = receiver.posted
    assert first.headers["x-idlehands-delivery"] == second.headers["x-idlehands-delivery"]
    assert first.body == second.body
    assert [one["id"] for one in json.loads(second.body)["happenings"]] == ["0.0", "1.0", "2.0"]
