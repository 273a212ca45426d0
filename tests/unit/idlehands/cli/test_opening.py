"""What a command notes on a machine that joined a house: where REST is now."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bus.certificate_files import remember_rest, remembered_rest
from bus.memory_bus import MemoryBus, MemoryHub
from bus.settings import BusSettings
from bus.topics import HQ_STATE
from idlehands.cli.opening import keep_joined
from idlehands.client import Client
from idlehands.house import pki
from idlehands.house.home import open_home
from idlehands.pairing.joined import joined_folder
from schemas.messages import HqState
from tests.fixtures.remote_machine import join_by_hand

OLD = "http://192.168.1.10:8080"
NEW = "http://192.168.1.20:9090"
Announce = Callable[[str], Client]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a pairing with a house leaves, and the URL that REST had last."""
    home = open_home(tmp_path / "hq")
    pki.ensure_authority(home)
    monkeypatch.setenv("IDLEHANDS_HOME", str(tmp_path / "far"))
    folder = joined_folder()
    folder.parent.mkdir()
    join_by_hand(home, "attic", folder, days=40)
    say_joined(folder, https=False)
    remember_rest(folder, OLD)
    return folder


def say_joined(folder: Path, *, https: bool) -> None:
    joined = {"name": "attic", "role": "agent", "broker": "127.0.0.1:1", "https": https}
    (folder / "joined.json").write_text(json.dumps(joined))


@pytest.fixture
def announce(folder: Path) -> Iterator[Announce]:
    """Return a client of a house whose HQ names this URL of REST."""
    hub = MemoryHub()
    hq = MemoryBus(hub, "hq")
    client = Client(MemoryBus(hub, "cli"), "cli", BusSettings("127.0.0.1", 1, folder))
    hq.start(lambda _: None)

    def named(url: str) -> Client:
        hq.publish(HQ_STATE, HqState(True, 7, "1", url))
        client.start()
        return client

    yield named
    client.close()
    hq.stop()


def test_a_machine_that_joined_notes_where_rest_is_now(folder: Path, announce: Announce) -> None:
    keep_joined(folder, announce(NEW))

    assert remembered_rest(folder) == NEW


def test_it_keeps_what_it_knows_of_a_house_that_names_no_url(folder: Path, announce: Announce) -> None:
    keep_joined(folder, announce(""))

    assert remembered_rest(folder) == OLD


def test_it_writes_only_what_is_new(folder: Path, announce: Announce) -> None:
    os.utime(folder / "rest-url", (0, 0))

    keep_joined(folder, announce(OLD))

    assert (folder / "rest-url").stat().st_mtime == 0


def test_where_rest_is_https_nobody_makes_it_note_another(folder: Path, announce: Announce) -> None:
    say_joined(folder, https=True)

    keep_joined(folder, announce(NEW))

    assert remembered_rest(folder) == OLD
