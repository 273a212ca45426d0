"""What only a real connection can show: certificates, sleep, QoS 1 and foreign brokers."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bus import paho_packets
from bus.paho_bus import PahoBus
from bus.port import Connected, Disconnected, Inbound
from bus.settings import BusSettings, BusSettingsError
from bus.topics import HEARTBEAT, REQUEST
from schemas.messages import Heartbeat
from schemas.requests import Ping
from tests.contract.bus_worlds import RealWorld, Recorder, eventually, join

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def real_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealWorld]:
    world = RealWorld(tmp_path_factory.mktemp("house"))
    yield world
    world.close()


@pytest.fixture
def world(real_world: RealWorld) -> Iterator[RealWorld]:
    yield real_world
    for bus in real_world.made:
        bus.stop()
    real_world.made.clear()


class Clock:
    """A clock that a test can put forward."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_after_a_sleep_the_connection_is_a_new_one(world: RealWorld) -> None:
    clock = Clock()
    bus = world.bus("attic", clock=clock)
    seen = join(bus)

    clock.now += 3600

    assert "slept" in seen.wait(Disconnected)[0].why
    seen.wait(Connected, 2)


def test_a_short_pause_keeps_the_connection(world: RealWorld) -> None:
    clock = Clock()
    hq, bus = world.bus("hq"), world.bus("attic", clock=clock)
    hq.subscribe(HEARTBEAT)
    at_hq, seen = join(hq), join(bus)

    clock.now += 9.9
    beat = Heartbeat(boot=1, instance="a" * 32, seq=1, slots=1, free=1)
    eventually(lambda: bus.publish(HEARTBEAT, beat, agent="attic") or at_hq.of(Inbound))

    assert not seen.of(Disconnected)


def _first_trouble(settings: BusSettings) -> str:
    bus = PahoBus(settings)
    seen = Recorder()
    bus.start(seen)
    try:
        return seen.wait(Disconnected)[0].why
    finally:
        bus.stop()


def test_without_a_broker_the_reason_names_the_way_out(world: RealWorld) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        why = _first_trouble(replace(world.settings("cli"), port=taken.getsockname()[1]))

    assert "idlehands up" in why


def test_a_broker_of_another_house_is_not_trusted(world: RealWorld, tmp_path: Path) -> None:
    other = RealWorld(tmp_path)
    try:
        why = _first_trouble(replace(world.settings("cli"), port=other.server.home.settings.ports.broker))
    finally:
        other.close()

    assert "not of the house" in why


def test_a_certificate_of_another_house_is_refused_with_the_reason(world: RealWorld, tmp_path: Path) -> None:
    other = RealWorld(tmp_path)
    other.close()
    theirs = tmp_path / "certificates" / "cli"
    (theirs / "ca.pem").write_bytes((world.settings("cli").certificate / "ca.pem").read_bytes())

    why = _first_trouble(replace(world.settings("cli"), certificate=theirs))

    assert "hung up before it answered" in why
    assert str(theirs) in why


def test_something_that_is_no_broker_is_named_as_trouble(world: RealWorld) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=lambda: listener.accept()[0].close(), daemon=True).start()
        why = _first_trouble(replace(world.settings("cli"), port=listener.getsockname()[1]))

    assert "no connection to the broker" in why


def test_a_missing_certificate_is_told_at_start(tmp_path: Path) -> None:
    with pytest.raises(BusSettingsError, match="idlehands cert issue"):
        PahoBus(BusSettings.parse("127.0.0.1:1", tmp_path))


@pytest.mark.parametrize("quick", [True, False], ids=["quick reading", "paho's own reading"])
def test_a_request_of_others_at_qos_1_arrives_with_its_properties(
    world: RealWorld, quick: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not quick:
        monkeypatch.setattr(paho_packets, "TESTED_VERSIONS", ())
    hq, cli = world.bus("hq"), world.bus("cli")
    hq.subscribe(REQUEST)
    seen = join(hq)
    join(cli)

    payload = b'{"specversion":"1.0","id":"q","source":"x","type":"idlehands.request","data":{"kind":"ping"}}'
    answer_to = "idlehands/v1/client/cli/down/mine"
    world.raw(
        "idlehands/v1/client/cli/up/request", payload, qos=1, response_topic=answer_to, correlation=b"\0\xff"
    )
    cli.request(Ping(), client="cli", correlation=b"ours")

    theirs, ours = seen.wait(Inbound, 2)
    assert (theirs.response_topic, theirs.correlation) == (answer_to, b"\0\xff")
    assert (ours.response_topic, ours.correlation) == ("idlehands/v1/client/cli/down/reply", b"ours")
    assert ours.data == Ping()


def test_threads_and_sockets_are_gone_after_stop(world: RealWorld) -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    join(world.bus("cli"))
    before_threads, before = threading.active_count(), descriptors()

    for _ in range(5):
        bus = world.bus("attic")
        join(bus)
        bus.stop()

    assert threading.active_count() == before_threads
    assert descriptors() == before
