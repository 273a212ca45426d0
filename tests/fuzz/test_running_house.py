"""A running house under messages that are almost right, through the real broker: it goes on as before.

Everybody with a certificate sends what that certificate lets through: an
operator, an agent, a viewer. What HQ refuses it counts, and nothing changes.
"""

import random
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from bus.settings import BusSettings
from bus.topics import ALL_TOPICS, DEFAULT_ROOT, Topic
from idlehands.client import Client, connect
from idlehands.house import broker as house_broker
from idlehands.house import pki, tokens
from idlehands.house.components import AgentOptions
from idlehands.house.registry import Role
from idlehands.house.running import RunningHouse, start_house
from tests.fixtures.broker import eventually
from tests.fixtures.happenings import what_happened
from tests.fuzz.test_decoders import Sender
from tests.permissions.line import Line

pytestmark = pytest.mark.process
PARTIES = {"mallory": Role.OPERATOR, "shed": Role.AGENT, "vera": Role.VIEWER}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHouse]:
    folder = tmp_path_factory.mktemp("fuzzed") / "house"
    with start_house(folder, AgentOptions(count=1, slots=2), wait_seconds=120) as running:
        for name, role in PARTIES.items():
            pki.issue(running.home, name, role, folder / "parties" / name)
        tokens.ensure(
            running.home, tokens.TokenRole.OPERATOR, "mallory", folder / "parties" / "mallory" / "token"
        )
        house_broker.admit(running.home)
        yield running


@pytest.fixture(scope="module")
def client(house: RunningHouse) -> Iterator[Client]:
    with connect(BusSettings.parse(house.home.broker_address, house.home.client("cli"))) as opened:
        yield opened


def settings_of(house: RunningHouse, name: str) -> BusSettings:
    return BusSettings.parse(house.home.broker_address, house.home.path / "parties" / name)


def own_name(topic: Topic, name: str) -> str:
    """Return the topic with the sender's own name, so that the broker lets it through where it may."""
    names = {"agent": name, "client": name, "job": "j" + "a" * 12, "sweep": "s" + "a" * 12}
    return f"{DEFAULT_ROOT}/{topic.template.format(**names)}"


def memory_of(house: RunningHouse) -> dict[str, int]:
    """Return the bytes that each process of ours holds for itself alone."""
    found = {name: house.component(name).pid for name in ("hq", "web", "search")}
    return {name: psutil.Process(pid).memory_full_info().uss for name, pid in found.items()}


@pytest.mark.parametrize("messages", [600, pytest.param(60_000, marks=pytest.mark.slow)])
def test_a_house_goes_on_whatever_is_sent(house: RunningHouse, client: Client, messages: int) -> None:
    key = house.home.path / "parties" / "somebody.key"
    if not key.exists():
        from trust.keys import ensure_signing_key

        ensure_signing_key(key)
    processes = {part.name: part.pid for part in house.status().components}
    before, held = client.status(), memory_of(house)

    for name in PARTIES:
        sender = Sender((name, messages), key)
        draw = random.Random(name)
        with Line(settings_of(house, name)) as line:
            for number in range(messages // len(PARTIES)):
                topic = ALL_TOPICS[number % len(ALL_TOPICS)]
                line.publish(own_name(topic, name), broken(sender.payload(topic), draw))
            line.ping()

    # Sent after all that: when it is answered, HQ has seen everything before it.
    after = client.status()
    assert {part.name: part.pid for part in house.status().components} == processes
    assert after["epoch"] == before["epoch"]
    for unchanged in ("jobs", "sweeps"):
        assert after[unchanged] == before[unchanged], unchanged
    assert what_happened(client, before["position"], by=PARTIES) == []
    assert sum(after["refused"].values()) - sum(before["refused"].values()) > messages / 10
    assert_no_traceback(house.home.logs)
    grown = {name: size - held[name] for name, size in memory_of(house).items()}
    assert all(size < 30e6 for size in grown.values()), grown


def broken(payload: bytes, draw: random.Random) -> bytes:
    """Return a payload that is surely refused: whole or cut off, with a sign behind it that ends no JSON.

    A bracket would not do: what lacked one before would be right again.
    """
    end = draw.randrange(len(payload)) if draw.random() < 0.7 else len(payload)
    return payload[:end] + b"\0"


def assert_no_traceback(logs: Path) -> None:
    for file in logs.glob("*.log"):
        text = file.read_text(errors="replace")
        assert "Traceback" not in text, f"{file.name}: {text[-3000:]}"


def test_what_fits_a_topic_but_makes_no_sense_stops_nothing(house: RunningHouse, client: Client) -> None:
    key = house.home.path / "parties" / "somebody.key"
    epoch = client.status()["epoch"]

    for name in PARTIES:
        sender = Sender((name, "fitting"), key)
        with Line(settings_of(house, name)) as line:
            for number in range(120):
                topic = ALL_TOPICS[number % len(ALL_TOPICS)]
                line.publish(own_name(topic, name), sender.payload(topic))

    eventually(lambda: client.status()["epoch"] == epoch, 60)
    assert_no_traceback(house.home.logs)
