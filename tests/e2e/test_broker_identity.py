"""Who gets into a house's broker, and what each may do there: the real mosquitto, the real rules.

"Nothing arrives" is shown without waiting: HQ publishes a last message that the
reader may read, and the broker keeps the order of one publisher.
"""

import shutil
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from bus.settings import BROKER_NAME, BusSettings
from idlehands.house import broker as house_broker
from idlehands.house import certificates, pki, probe
from idlehands.house.home import open_home
from idlehands.house.registry import Role
from tests.fixtures.broker import BrokerServer

pytestmark = pytest.mark.process
ROOT = "idlehands/v1"
LAST = f"{ROOT}/hq/state"
ROLES = {"hq": "service", "attic": "agent", "cellar": "agent", "olga": "operator", "vera": "viewer"}


class Party:
    """A plain MQTT client with a certificate, which tries whatever a test wants."""

    def __init__(self, settings: BusSettings, *, username: str | None = None) -> None:
        self.topics: list[str] = []
        self._connected, self._subscribed, self._last = (threading.Event() for _ in range(3))
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.tls_set_context(settings.read_context())
        if username is not None:
            self._client.username_pw_set(username, "guess")
        self._client.on_connect = lambda *_: self._connected.set()
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._note
        self._client.connect(settings.host, settings.port)
        self._client.loop_start()
        assert self._connected.wait(60)

    def _note(self, _client: object, _userdata: object, message: object) -> None:
        topic = str(getattr(message, "topic"))  # noqa: B009 - paho's message type differs by version
        if topic == LAST:
            self._last.set()
        else:
            self.topics.append(topic.removeprefix(f"{ROOT}/"))

    def watch(self, topic_filter: str) -> None:
        """Subscribe to this, and to HQ's state, by which a test knows that all has arrived."""
        self._client.subscribe([(topic_filter, 0), (LAST, 0)])
        assert self._subscribed.wait(60)

    def publish(self, topic: str) -> None:
        """Publish at QoS 1, so that the broker has handled it when this returns."""
        self._client.publish(f"{ROOT}/{topic}", "{}", qos=1).wait_for_publish(60)

    def seen(self) -> list[str]:
        """Return the topics that arrived before HQ's last message."""
        assert self._last.wait(60)
        return self.topics

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Hall:
    """The broker with one of each kind of principal."""

    def __init__(self, broker: BrokerServer) -> None:
        self.broker = broker
        self._parties: list[Party] = []
        for name, role in ROLES.items():
            broker.issue(name, role)

    def enter(self, name: str, *, username: str | None = None) -> Party:
        settings = self.broker.settings(name, ROLES[name])
        self._parties.append(Party(settings, username=username))
        return self._parties[-1]

    def seen_by(self, name: str, topic_filter: str, *published: tuple[str, str]) -> list[str]:
        """Return what reaches `name` of what the given parties publish."""
        reader = self.enter(name)
        reader.watch(topic_filter)
        for publisher, topic in published:
            self.enter(publisher).publish(topic)
        self.enter("hq").publish("hq/state")
        return reader.seen()

    def leave(self) -> None:
        for party in self._parties:
            party.close()


@pytest.fixture
def hall(broker: BrokerServer) -> Iterator[Hall]:
    opened = Hall(broker)
    yield opened
    opened.leave()


def test_a_certificate_of_the_house_opens_the_door(broker: BrokerServer) -> None:
    assert all(probe.accepts(broker.home, broker.issue(name, role)) for name, role in ROLES.items())


def test_without_a_certificate_nobody_gets_in(broker: BrokerServer) -> None:
    assert not probe.accepts(broker.home, None)


def test_without_tls_nobody_gets_in(broker: BrokerServer) -> None:
    assert not probe.accepts(broker.home, None, tls=False)


def test_a_certificate_of_another_house_is_refused(broker: BrokerServer, tmp_path: Path) -> None:
    other = open_home(tmp_path / "other")
    pki.ensure_authority(other)
    pki.issue(other, "olga", Role.OPERATOR, tmp_path / "olga")

    assert not probe.accepts(broker.home, tmp_path / "olga")


def test_the_brokers_own_certificate_is_nobodys_identity(broker: BrokerServer) -> None:
    assert not probe.accepts(broker.home, broker.home.broker)


def test_tls_before_1_3_is_refused(broker: BrokerServer) -> None:
    folder = broker.issue("olga", "operator")
    context = ssl.create_default_context(cafile=folder / "ca.pem")
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    with pytest.raises(ssl.SSLError), _connected(broker, context):
        pass


def test_an_operator_sees_what_agents_say(hall: Hall) -> None:
    topics = ["agent/attic/presence", "agent/attic/up/claim", "agent/attic/up/result"]

    seen = hall.seen_by("olga", f"{ROOT}/#", *(("attic", topic) for topic in topics))

    assert seen == topics


def test_an_operator_sees_what_hq_says_to_agents_and_everybody(hall: Hall) -> None:
    topics = ["agent/attic/down/offer", "agent/attic/down/grant", "job/j/event", "sweep/s/event"]

    seen = hall.seen_by("olga", f"{ROOT}/#", *(("hq", topic) for topic in topics))

    assert seen == topics


def test_a_request_reaches_hq_and_its_reply_only_who_asked(hall: Hall) -> None:
    at_hq = hall.enter("hq")
    at_hq.watch(f"{ROOT}/client/#")

    seen = hall.seen_by(
        "olga",
        f"{ROOT}/#",
        ("olga", "client/olga/up/request"),
        ("hq", "client/olga/down/reply"),
        ("hq", "client/web/down/reply"),
    )

    assert seen == ["client/olga/down/reply"]
    assert "client/olga/up/request" in at_hq.seen()


@pytest.mark.parametrize(
    "topic",
    [
        "agent/attic/up/claim",
        "agent/attic/presence",
        "agent/attic/down/grant",
        "agent/cellar/down/grant",
        "client/cellar/up/request",
        "job/j/event",
        "hq/state",
    ],
)
def test_an_agent_cannot_publish_what_is_not_its_own(hall: Hall, topic: str) -> None:
    hq = hall.enter("hq")
    hq.watch(f"{ROOT}/{topic.split('/')[0]}/#")

    hall.enter("cellar").publish(topic)
    hall.enter("attic").publish("agent/attic/up/heartbeat")
    hall.enter("hq").publish("hq/state")

    assert topic not in hq.seen()


def test_an_agent_reads_its_own_orders_and_nobody_elses(hall: Hall) -> None:
    seen = hall.seen_by(
        "cellar",
        f"{ROOT}/#",
        ("hq", "agent/attic/down/grant"),
        ("hq", "agent/cellar/down/grant"),
        ("attic", "agent/attic/up/result"),
        ("hq", "job/j/event"),
        ("olga", "client/olga/up/request"),
    )

    assert seen == ["agent/cellar/down/grant"]


def test_a_viewer_watches_jobs_and_machines_but_not_what_they_say_to_hq(hall: Hall) -> None:
    seen = hall.seen_by(
        "vera",
        f"{ROOT}/#",
        ("hq", "job/j/event"),
        ("attic", "agent/attic/presence"),
        ("attic", "agent/attic/up/heartbeat"),
        ("attic", "agent/attic/up/result"),
        ("hq", "agent/attic/down/grant"),
    )

    assert seen == ["job/j/event", "agent/attic/presence", "agent/attic/up/heartbeat"]


@pytest.mark.parametrize("topic", ["client/vera/up/request", "client/olga/up/request", "agent/vera/up/claim"])
def test_a_viewer_can_ask_for_nothing(hall: Hall, topic: str) -> None:
    hq = hall.enter("hq")
    hq.watch(f"{ROOT}/#")

    hall.enter("vera").publish(topic)
    hall.enter("hq").publish("hq/state")

    assert topic not in hq.seen()


def test_a_claimed_user_name_is_not_an_identity(hall: Hall) -> None:
    reader = hall.enter("olga")
    reader.watch(f"{ROOT}/agent/#")

    hall.enter("cellar", username="hq").publish("agent/attic/down/grant")
    hall.enter("hq").publish("hq/state")

    assert reader.seen() == []


def test_who_was_issued_while_the_broker_runs_gets_in_and_nobody_is_thrown_out(
    private_broker: BrokerServer,
) -> None:
    early = Party(private_broker.settings("olga", "operator"))
    early.watch(f"{ROOT}/agent/#")

    late = Party(private_broker.settings("loft", "agent"))
    late.publish("agent/loft/up/heartbeat")
    hq = Party(private_broker.settings("hq", "service"))
    hq.publish("hq/state")

    assert early.seen() == ["agent/loft/up/heartbeat"]
    for party in (early, late, hq):
        party.close()


def test_a_certificate_without_a_rule_can_do_nothing(private_broker: BrokerServer, tmp_path: Path) -> None:
    olga = Party(private_broker.settings("olga", "operator"))
    olga.watch(f"{ROOT}/#")
    # Issued, but the broker was not told: as after its entry was taken out of the registry.
    pki.issue(private_broker.home, "ghost", Role.AGENT, tmp_path / "ghost")

    ghost = Party(BusSettings.parse(private_broker.address, tmp_path / "ghost"))
    ghost.publish("agent/ghost/up/heartbeat")
    hq = Party(private_broker.settings("hq", "service"))
    hq.publish("hq/state")

    assert olga.seen() == []
    for party in (olga, ghost, hq):
        party.close()


@contextmanager
def _connected(broker: BrokerServer, context: ssl.SSLContext) -> Iterator[ssl.SSLSocket]:
    with (
        socket.create_connection(
            (broker.home.reachable_at, broker.home.settings.ports.broker), timeout=60
        ) as plain,
        context.wrap_socket(plain, server_hostname=BROKER_NAME) as secured,
    ):
        yield secured


def test_an_expired_certificate_is_refused(broker: BrokerServer, tmp_path: Path) -> None:
    authority, authority_key = pki.read_authority(broker.home)
    for name, days in (("over", -0.01), ("good", 0.01)):
        key = certificates.new_key()
        leaf = certificates.build_leaf(
            authority, authority_key, key.public_key(), "olga", Role.OPERATOR, days=days
        )
        folder = tmp_path / name
        folder.mkdir()
        (folder / "key.pem").write_bytes(certificates.key_pem(key))
        (folder / "cert.pem").write_bytes(certificates.certificate_pem(leaf))

    assert probe.accepts(broker.home, tmp_path / "good")
    assert not probe.accepts(broker.home, tmp_path / "over")


def test_a_revoked_certificate_stays_shut_out_after_its_name_was_issued_again(
    private_broker: BrokerServer, tmp_path: Path
) -> None:
    stolen = shutil.copytree(private_broker.issue("olga", "operator"), tmp_path / "stolen")
    home = private_broker.home

    pki.revoke(home, "olga")
    pki.issue(home, "olga", Role.OPERATOR, tmp_path / "new")
    house_broker.shut_out(home)
    private_broker.restart()

    assert probe.accepts(home, tmp_path / "new")
    assert not probe.accepts(home, stolen)
