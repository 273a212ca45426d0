"""What a bus promises, tested on the twin in memory and on a real broker."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from bus.codec import MessageTooBig
from bus.port import Connected, Disconnected, Inbound, LastWill, Plain, Refusal
from bus.topics import ACK, HEARTBEAT, HQ_STATE, OFFER, PRESENCE, REPLY, REQUEST
from schemas.messages import Ack, Heartbeat, HqState, LogLines, Offer, Offers, Presence, Reply
from schemas.requests import Ping
from tests.contract.bus_worlds import MemoryWorld, RealWorld, Recorder, World, eventually, join

ROOT = "idlehands/v1"
JOB = "jaaaaaaaaaaaa"


@pytest.fixture(scope="module")
def real_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealWorld]:
    world = RealWorld(tmp_path_factory.mktemp("house"))
    yield world
    world.close()


@pytest.fixture(params=["memory", pytest.param("real", marks=pytest.mark.process)])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "memory":
        memory = MemoryWorld()
        yield memory
        memory.close()
        return
    real: RealWorld = request.getfixturevalue("real_world")
    yield real
    for bus in real.made:
        bus.stop()
    real.made.clear()
    for topic in (PRESENCE.of(agent="attic"), HQ_STATE.of()):
        real.raw(f"{ROOT}/{topic}", b"", retained=True)


def heartbeat(seq: int = 1) -> Heartbeat:
    return Heartbeat(boot=1, instance="a" * 32, seq=seq, slots=1, free=1)


def envelope(data: Any, **changes: Any) -> bytes:
    whole = {"specversion": "1.0", "id": "x1", "source": "attic", "type": HEARTBEAT.type, "data": data}
    return json.dumps(whole | changes).encode()


HEARTBEAT_DATA = {"boot": 1, "instance": "a" * 32, "seq": 1, "slots": 1, "free": 1}


def test_a_message_reaches_who_subscribed_and_says_who_sent_it(world: World) -> None:
    hq, attic = world.bus("hq"), world.bus("attic")
    hq.subscribe(HEARTBEAT)
    seen = join(hq)
    join(attic)

    attic.publish(HEARTBEAT, heartbeat(7), agent="attic")

    message = seen.wait(Inbound)[0]
    assert message.topic is HEARTBEAT
    assert message.names == {"agent": "attic"}
    assert message.data == heartbeat(7)
    assert message.id
    assert not message.retained


def test_a_filter_with_a_name_lets_only_that_name_through(world: World) -> None:
    hq, attic = world.bus("hq"), world.bus("attic")
    attic.subscribe(OFFER, agent="attic")
    attic.subscribe(ACK, agent="attic")
    seen = join(attic)
    join(hq)

    for agent in ("cellar", "attic"):
        hq.publish(OFFER, Offers(epoch=1, offers=(Offer(JOB, 1),)), agent=agent)
    hq.publish(ACK, Ack(epoch=1, boot=1), agent="attic")

    seen.wait(Inbound, 2)
    assert [(m.topic, m.names["agent"]) for m in seen.of(Inbound)] == [(OFFER, "attic"), (ACK, "attic")]


def test_a_retained_message_reaches_who_comes_later_and_after_connected(world: World) -> None:
    hq = world.bus("hq")
    join(hq)
    hq.publish(HQ_STATE, HqState(online=True, epoch=5, version="1"))
    hq.publish(OFFER, Offers(epoch=1, offers=()), agent="attic")
    watch = world.bus("hq")
    watch.subscribe(HQ_STATE)
    eventually(lambda: _has_retained(world))

    seen = Recorder()
    watch.subscribe(OFFER)
    watch.start(seen)

    message = seen.wait(Inbound)[0]
    assert message.data.epoch == 5
    assert message.retained
    assert isinstance(seen.seen[0], Connected)
    assert [m.topic for m in seen.of(Inbound)] == [HQ_STATE]


def _has_retained(world: World) -> bool:
    probe = world.bus("hq")
    probe.subscribe(HQ_STATE)
    seen = join(probe)
    try:
        eventually(lambda: seen.of(Inbound), 0.5)
    except AssertionError:
        return False
    finally:
        probe.stop()
    return True


def test_a_subscription_added_while_connected_works_and_brings_what_is_retained(world: World) -> None:
    hq, cli = world.bus("hq"), world.bus("cli")
    join(hq)
    hq.publish(HQ_STATE, HqState(online=True, epoch=6, version="1"))
    seen = join(cli)

    cli.subscribe(HQ_STATE)

    assert seen.wait(Inbound)[0].data.epoch == 6


def test_a_batch_arrives_whole_and_in_order_also_when_it_is_large(world: World) -> None:
    hq, attic = world.bus("hq"), world.bus("attic")
    hq.subscribe(HEARTBEAT)
    hq.subscribe(PRESENCE)
    seen = join(hq)
    join(attic)

    with attic.batch():
        for seq in range(2000):
            attic.publish(HEARTBEAT, heartbeat(seq), agent="attic")
            with attic.batch():
                attic.publish(PRESENCE, Presence(online=True, boot=seq + 1), agent="attic")

    seen.wait(Inbound, 4000)
    order = [data.seq if isinstance(data, Heartbeat) else data.boot - 1 for data in seen.data()]
    assert order == [seq for seq in range(2000) for _ in range(2)]


def test_what_was_published_in_a_batch_that_failed_is_sent(world: World) -> None:
    hq, attic = world.bus("hq"), world.bus("attic")
    hq.subscribe(HEARTBEAT)
    seen = join(hq)
    join(attic)

    def publish_both() -> None:
        with attic.batch():
            attic.publish(HEARTBEAT, heartbeat(1), agent="attic")
            attic.publish(HEARTBEAT, LogLines(JOB, 1, 0, ("x" * 300_000,)), agent="attic")

    with pytest.raises(MessageTooBig):
        publish_both()
    attic.publish(HEARTBEAT, heartbeat(2), agent="attic")

    seen.wait(Inbound, 2)
    assert [data.seq for data in seen.data()] == [1, 2]


def test_what_is_held_leaves_in_order_when_it_is_let_go_and_not_before(world: World) -> None:
    hq, attic = world.bus("hq"), world.bus("attic")
    hq.subscribe(HEARTBEAT)
    seen = join(hq)
    join(attic)

    with attic.batch():
        with attic.hold() as let_go:
            for seq in (1, 2):
                attic.publish(HEARTBEAT, heartbeat(seq), agent="attic")
            with attic.batch():
                attic.publish(HEARTBEAT, heartbeat(3), agent="attic")
        attic.publish(HEARTBEAT, heartbeat(0), agent="attic")
    seen.wait(Inbound, 1)
    let_go()

    seen.wait(Inbound, 4)
    assert [data.seq for data in seen.data()] == [0, 1, 2, 3]


def test_what_is_held_may_be_more_than_leaves_in_one_piece(world: World) -> None:
    hq, attic = world.bus("hq"), world.bus("attic")
    hq.subscribe(HEARTBEAT)
    seen = join(hq)
    join(attic)
    with attic.hold() as let_go:
        for seq in range(2000):
            attic.publish(HEARTBEAT, heartbeat(seq), agent="attic")
    assert seen.data() == []

    let_go()

    seen.wait(Inbound, 2000)
    assert [data.seq for data in seen.data()] == list(range(2000))


def test_after_unsubscribe_nothing_more_arrives_and_the_rest_goes_on(world: World) -> None:
    hq = world.bus("hq")
    for client in ("cli", "eve"):
        hq.subscribe(REPLY, client=client)
    seen = join(hq)

    hq.unsubscribe(REPLY, client="cli")
    for client in ("cli", "eve"):
        hq.publish(REPLY, Reply(client, ok=True), client=client)

    assert [m.data.request for m in seen.wait(Inbound)] == ["eve"]


def test_messages_of_one_publisher_keep_their_order(world: World) -> None:
    hq, attic = world.bus("hq"), world.bus("attic")
    hq.subscribe(HEARTBEAT)
    seen = join(hq)
    join(attic)

    for seq in range(1000):
        attic.publish(HEARTBEAT, heartbeat(seq), agent="attic")

    seen.wait(Inbound, 1000)
    assert [data.seq for data in seen.data()] == list(range(1000))


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"\xff\xfe", "not_utf8"),
        (b"hello", "not_json"),
        (b"", "not_json"),
        (b"[1]", "not_an_envelope"),
        (b"{}", "not_an_envelope"),
        (envelope(HEARTBEAT_DATA, specversion="9"), "unknown_version"),
        (envelope(HEARTBEAT_DATA, type="idlehands.claim"), "wrong_type"),
        (envelope(HEARTBEAT_DATA, id="x" * 5000), "not_an_envelope"),
        (envelope(HEARTBEAT_DATA | {"seq": -1}), "bad_data"),
        (envelope(HEARTBEAT_DATA | {"seq": float("nan")}), "not_json"),
        (envelope(HEARTBEAT_DATA | {"seq": 10**30}), "bad_data"),
        (envelope("x" * 262_144), "too_big"),
    ],
)
def test_a_malformed_message_becomes_a_refusal_and_the_next_one_arrives(
    world: World, payload: bytes, reason: str
) -> None:
    hq, attic = world.bus("hq"), world.bus("attic")
    hq.subscribe(HEARTBEAT)
    seen = join(hq)
    join(attic)

    world.raw(f"{ROOT}/agent/attic/up/heartbeat", payload)
    refusal = seen.wait(Refusal)[0]
    attic.publish(HEARTBEAT, heartbeat(), agent="attic")

    assert refusal.reason == reason
    assert refusal.topic is HEARTBEAT
    assert refusal.names == {"agent": "attic"}
    seen.wait(Inbound)
    assert not seen.of(Disconnected)


def test_a_hostile_name_in_a_topic_is_refused(world: World) -> None:
    hq = world.bus("hq")
    hq.subscribe(HEARTBEAT)
    seen = join(hq)

    world.raw(f"{ROOT}/agent/..$where/up/heartbeat", envelope(HEARTBEAT_DATA))

    assert seen.wait(Refusal)[0].reason == "bad_name"


def test_a_handler_that_raises_does_not_end_the_bus(world: World, caplog: pytest.LogCaptureFixture) -> None:
    hq, attic = world.bus("hq"), world.bus("attic")
    hq.subscribe(HEARTBEAT)
    seen = Recorder()

    def clumsy(what: Any) -> None:
        seen(what)
        raise LookupError("clumsy")

    hq.start(clumsy)
    seen.wait(Connected)
    join(attic)
    for seq in range(3):
        attic.publish(HEARTBEAT, heartbeat(seq), agent="attic")

    seen.wait(Inbound, 3)
    assert not seen.of(Disconnected)
    assert "clumsy" in caplog.text


def test_a_message_over_the_limit_is_refused_at_the_sender_and_nothing_breaks(world: World) -> None:
    hq, attic = world.bus("hq"), world.bus("attic")
    hq.subscribe(HEARTBEAT)
    seen = join(hq)
    sender = join(attic)

    with pytest.raises(MessageTooBig):
        attic.publish(HEARTBEAT, LogLines(JOB, 1, 0, ("x" * 300_000,)), agent="attic")
    attic.publish(HEARTBEAT, heartbeat(), agent="attic")

    seen.wait(Inbound)
    assert not sender.of(Disconnected)


def test_a_reply_comes_back_to_its_request(world: World) -> None:
    hq, cli = world.bus("hq"), world.bus("cli")
    hq.subscribe(REQUEST)
    cli.subscribe(REPLY, client="cli")
    at_hq, at_cli = join(hq), join(cli)

    cli.request(Ping(), client="cli", correlation=b"c1", message_id="m1")
    request = at_hq.wait(Inbound)[0]
    hq.reply(request, Reply(request.id, ok=True))

    reply = at_cli.wait(Inbound)[0]
    assert (request.id, request.names) == ("m1", {"client": "cli"})
    assert reply.data == Reply("m1", ok=True)
    assert reply.correlation == b"c1"


def test_a_refused_request_can_be_answered_too(world: World) -> None:
    hq, cli = world.bus("hq"), world.bus("cli")
    hq.subscribe(REQUEST)
    cli.subscribe(REPLY, client="cli")
    at_hq, at_cli = join(hq), join(cli)

    payload = envelope({"kind": "submit", "jbos": []}, type=REQUEST.type, id="typo")
    world.raw(f"{ROOT}/client/cli/up/request", payload, correlation=b"c2", qos=1)
    refusal = at_hq.wait(Refusal)[0]
    hq.reply(refusal, Reply(refusal.id, ok=False))

    reply = at_cli.wait(Inbound)[0]
    assert (refusal.reason, reply.data.request, reply.correlation) == ("bad_data", "typo", b"c2")


@pytest.mark.parametrize(
    "asked",
    [
        f"{ROOT}/agent/attic/down/offer",
        f"{ROOT}/client/eve/down/reply",
        f"{ROOT}/client/cli/up/request",
        f"{ROOT}/client/client/down/reply",
        "homeassistant/x",
    ],
)
def test_nobody_can_make_hq_answer_on_a_topic_that_is_not_their_own(world: World, asked: str) -> None:
    hq, cli = world.bus("hq"), world.bus("cli")
    hq.subscribe(REQUEST)
    cli.subscribe(REPLY, client="cli")
    at_hq, at_cli = join(hq), join(cli)

    payload = envelope({"kind": "ping"}, type=REQUEST.type)
    world.raw(f"{ROOT}/client/cli/up/request", payload, response_topic=asked)
    hq.reply(at_hq.wait(Inbound)[0], Reply("x1", ok=True))

    assert at_cli.wait(Inbound)[0].topic is REPLY


def test_what_is_none_of_the_houses_topics_is_retained_until_it_is_taken_back(world: World) -> None:
    hq = world.bus("hq")
    join(hq)
    topic = "homeassistant/device/idlehands-attic/config"

    hq.publish_plain(topic, b"{}", retained=True)
    cli = world.bus("cli")
    cli.subscribe_plain(topic)
    seen = join(cli)
    assert seen.wait(Plain) == [Plain(topic, b"{}")]

    hq.publish_plain(topic, b"", retained=True)
    assert seen.wait(Plain, 2)[1] == Plain(topic, b"")
    later = world.bus("cli")
    later.subscribe_plain(topic)
    after = join(later)
    hq.publish_plain(topic, b"{}", retained=False)
    assert after.wait(Plain) == [Plain(topic, b"{}")]


def test_the_will_is_published_on_stop_and_retained(world: World) -> None:
    hq = world.bus("hq")
    hq.subscribe(PRESENCE)
    seen = join(hq)
    attic = world.bus("attic", will=LastWill(PRESENCE, {"agent": "attic"}, Presence(online=False, boot=3)))
    join(attic)
    attic.publish(PRESENCE, Presence(online=True, boot=3), agent="attic")
    seen.wait(Inbound)

    attic.stop()

    seen.wait(Inbound, 2)
    assert seen.data() == [Presence(online=True, boot=3), Presence(online=False, boot=3)]
    later = world.bus("hq")
    later.subscribe(PRESENCE)
    assert join(later).wait(Inbound)[0].data == Presence(online=False, boot=3)


def test_a_broken_connection_publishes_the_will_and_comes_back_by_itself(world: World) -> None:
    hq = world.bus("hq")
    hq.subscribe(PRESENCE)
    hq.subscribe(HEARTBEAT)
    seen = join(hq)
    attic = world.bus("attic", will=LastWill(PRESENCE, {"agent": "attic"}, Presence(online=False, boot=3)))
    attic.subscribe(OFFER, agent="attic")
    at_attic = join(attic)

    world.cut(attic)

    assert seen.wait(Inbound)[0].data == Presence(online=False, boot=3)
    at_attic.wait(Disconnected)
    at_attic.wait(Connected, 2)
    hq.publish(OFFER, Offers(epoch=1, offers=()), agent="attic")
    at_attic.wait(Inbound)


def test_everybody_comes_back_after_the_broker_was_killed(world: World) -> None:
    hq, attic = world.bus("hq"), world.bus("attic")
    hq.subscribe(HEARTBEAT)
    at_hq, at_attic = join(hq), join(attic)
    hq.publish(HQ_STATE, HqState(online=True, epoch=1, version="1"))

    world.kill()
    at_hq.wait(Disconnected)
    at_attic.wait(Disconnected)
    # Neither raises nor is it delivered later: whoever needs certainty repeats.
    attic.publish(HEARTBEAT, heartbeat(1), agent="attic")
    attic.subscribe(OFFER, agent="attic")
    attic.subscribe(HQ_STATE)
    world.restart()
    at_hq.wait(Connected, 2)
    at_attic.wait(Connected, 2)
    attic.publish(HEARTBEAT, heartbeat(2), agent="attic")
    hq.publish(OFFER, Offers(epoch=1, offers=()), agent="attic")

    at_hq.wait(Inbound)
    assert [data.seq for data in at_hq.data()] == [2]
    at_attic.wait(Inbound)
    assert [m.topic for m in at_attic.of(Inbound)] == [OFFER], "nothing is retained over a crash"
    assert [type(what) for what in at_hq.seen if not isinstance(what, Inbound)][:2] == [
        Connected,
        Disconnected,
    ]


def test_a_bus_stops_at_once_whatever_its_state(world: World) -> None:
    never, connected, cut_off = world.bus("cli"), world.bus("cli"), world.bus("cli")
    connected_seen = join(connected)
    seen = join(cut_off)

    never.stop()
    connected.stop()
    connected.stop()
    world.kill()
    seen.wait(Disconnected)
    cut_off.stop()
    world.restart()

    connected.publish(HEARTBEAT, heartbeat(), agent="attic")
    assert not connected_seen.of(Disconnected), "stopping is no trouble to report"


def test_two_clients_with_one_name_live_side_by_side(world: World) -> None:
    hq, first, second = world.bus("hq"), world.bus("cli"), world.bus("cli")
    for bus in (first, second):
        bus.subscribe(REPLY, client="cli")
    seen = [join(first), join(second)]
    join(hq)

    hq.publish(REPLY, Reply("x", ok=True), client="cli")

    for recorder in seen:
        recorder.wait(Inbound)
        assert not recorder.of(Disconnected)
