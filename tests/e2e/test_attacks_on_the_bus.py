"""What a principal of the house tries beyond its rights, on the real broker with the real rules.

Plain MQTT, byte by byte. A ping marks the end: the broker keeps the order of a
connection, so what has not come before its answer does not come.
"""

from collections.abc import Iterator

import pytest

from bus.topics import DEFAULT_ROOT
from idlehands.house import pki
from idlehands.house.registry import Role
from tests.fixtures.broker import BrokerServer, eventually
from tests.permissions.line import REFUSED, Line, Will

pytestmark = pytest.mark.process
ROLES = {"hq": "service", "attic": "agent", "cellar": "agent", "olga": "operator", "vera": "viewer"}
GRANT = f"{DEFAULT_ROOT}/agent/attic/down/grant"
REQUEST = f"{DEFAULT_ROOT}/client/olga/up/request"
STATE = f"{DEFAULT_ROOT}/hq/state"
PRESENCE = f"{DEFAULT_ROOT}/agent/attic/presence"


class Yard:
    """The broker, and lines of whoever a test needs."""

    def __init__(self, broker: BrokerServer) -> None:
        self.broker = broker
        self._lines: list[Line] = []
        for name, role in ROLES.items():
            broker.issue(name, role)

    def line(self, name: str, *, client_id: str = "", fresh: bool = True, will: Will | None = None) -> Line:
        settings = self.broker.settings(name, ROLES[name])
        self._lines.append(Line(settings, client_id=client_id, fresh=fresh, will=will))
        return self._lines[-1]

    def close(self) -> None:
        for line in self._lines:
            line.drop()


@pytest.fixture(scope="module")
def quiet_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerServer]:
    """A broker of this file: what others retain on the shared one would be taken for spoils."""
    server = BrokerServer(tmp_path_factory.mktemp("quiet-broker"))
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture
def yard(quiet_broker: BrokerServer) -> Iterator[Yard]:
    opened = Yard(quiet_broker)
    yield opened
    opened.close()


def topics(line: Line) -> list[str]:
    return [said.topic for said in line.ping()]


@pytest.mark.parametrize("fresh", [True, False], ids=["anew", "going on"])
def test_a_stolen_client_id_brings_nothing_of_its_session(yard: Yard, fresh: bool) -> None:
    hq = yard.line("hq")
    owner = yard.line("attic", client_id="the-very-same-id")
    owner.subscribe([f"{DEFAULT_ROOT}/agent/attic/down/#"])

    thief = yard.line("cellar", client_id="the-very-same-id", fresh=fresh)
    hq.publish(GRANT, b"for the attic")

    assert not thief.resumed
    assert topics(thief) == []
    assert thief.publish(f"{DEFAULT_ROOT}/agent/attic/up/result") == REFUSED


def test_who_comes_back_gets_nothing_that_was_said_meanwhile(yard: Yard) -> None:
    hq = yard.line("hq")
    early = yard.line("attic", client_id="leaves-and-comes-back")
    early.subscribe([f"{DEFAULT_ROOT}/agent/attic/down/#"])
    early.drop()

    hq.publish(GRANT, b"meanwhile")
    again = yard.line("attic", client_id="leaves-and-comes-back", fresh=False)

    assert not again.resumed
    assert topics(again) == []


def test_a_shared_subscription_takes_nothing_away_from_others(yard: Yard) -> None:
    hq, observer, thief = yard.line("hq"), yard.line("hq"), yard.line("cellar")
    observer.subscribe([f"{DEFAULT_ROOT}/#"])
    thief.subscribe([f"$share/group/{DEFAULT_ROOT}/#", "$share/group/#", f"$share/other/{REQUEST}"])
    olga = yard.line("olga")

    for _ in range(5):
        olga.publish(REQUEST, b"mine")
        hq.publish(GRANT, b"for the attic")

    assert topics(thief) == []
    assert sorted(topics(observer)) == sorted([REQUEST, GRANT] * 5)


@pytest.mark.parametrize(
    "topic",
    [
        PRESENCE,
        STATE,
        GRANT,
        REQUEST,
        f"{DEFAULT_ROOT}/job/jaaaaaaaaaaaa/event",
        "homeassistant/device/x/config",
    ],
)
def test_a_last_will_says_nothing_that_its_owner_may_not_say(yard: Yard, topic: str) -> None:
    observer = yard.line("hq")
    observer.subscribe([f"{DEFAULT_ROOT}/#"])
    own = f"{DEFAULT_ROOT}/agent/cellar/presence"

    for will in (topic, own):
        try:
            yard.line("cellar", will=Will(will, b"dead")).drop()
        except ConnectionRefusedError:
            assert will == topic

    seen: list[str] = []
    eventually(lambda: own in seen or bool(seen.extend(topics(observer))))
    assert topic not in seen


def test_what_is_retained_for_others_does_not_come_by_asking_late(yard: Yard) -> None:
    hq, attic = yard.line("hq"), yard.line("attic")
    hq.publish(STATE, b"led", retain=True)
    attic.publish(PRESENCE, b"here", retain=True)
    hq.publish(GRANT, b"kept by mistake", retain=True)
    try:
        late = yard.line("cellar")
        late.subscribe(["#", f"{DEFAULT_ROOT}/#", PRESENCE, GRANT])
        assert set(topics(late)) == {STATE}
        viewer = yard.line("vera")
        viewer.subscribe([f"{DEFAULT_ROOT}/#"])
        assert set(topics(viewer)) == {STATE, PRESENCE}
    finally:
        for topic in (STATE, PRESENCE, GRANT):
            hq.publish(topic, b"", retain=True)


@pytest.mark.parametrize("topic", [PRESENCE, STATE, GRANT])
def test_nobody_retains_or_clears_what_others_said(yard: Yard, topic: str) -> None:
    hq, thief = yard.line("hq"), yard.line("cellar")
    hq.publish(topic, b"said by its owner", retain=True)
    try:
        for payload in (b"", b"forged"):
            assert thief.publish(topic, payload, retain=True) == REFUSED
        late = yard.line("hq")
        late.subscribe([topic])
        assert [(said.payload, said.retained) for said in late.ping()] == [(b"said by its owner", True)]
    finally:
        hq.publish(topic, b"", retain=True)


@pytest.mark.parametrize(
    "name",
    ["hq", "attic", "Attic", "attic\n", "attic/../hq", "#", "+", "", "a" * 33, "hq\0", "-x", "at tic", "ätt"],
)
def test_no_certificate_is_issued_for_a_name_that_is_taken_or_none(
    private_broker: BrokerServer, name: str
) -> None:
    home = private_broker.home
    private_broker.issue("attic", "agent")

    with pytest.raises(Exception, match=r".{10}") as refused:
        pki.issue(home, name, Role.AGENT, home.path / "stolen")

    assert type(refused.value).__name__ in ("NameTaken", "InvalidName")
    assert not (home.path / "stolen" / "cert.pem").exists()


def test_two_of_one_name_are_one_principal_and_no_more(yard: Yard) -> None:
    first, second, hq = yard.line("cellar"), yard.line("cellar"), yard.line("hq")
    for line in (first, second):
        line.subscribe([f"{DEFAULT_ROOT}/#"])

    hq.publish(GRANT, b"for the attic")

    assert topics(first) == topics(second) == []
    assert first.is_open()
    assert second.is_open()


@pytest.mark.parametrize("size", [300_001, 2_000_000])
def test_a_packet_over_the_limit_ends_its_connection_and_no_other(yard: Yard, size: int) -> None:
    other, big = yard.line("attic"), yard.line("cellar")

    with pytest.raises((OSError, EOFError)):
        big.publish(f"{DEFAULT_ROOT}/agent/cellar/up/log", b"x" * size)

    assert other.is_open()


def test_a_name_with_wildcards_is_no_topic_to_publish_on(yard: Yard) -> None:
    for topic in (
        f"{DEFAULT_ROOT}/agent/+/up/claim",
        f"{DEFAULT_ROOT}/#",
        f"{DEFAULT_ROOT}/agent/cellar/up/#",
    ):
        line = yard.line("cellar")
        with pytest.raises((OSError, EOFError)):
            line.publish(topic)
