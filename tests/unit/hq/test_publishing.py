"""Publishing what may be too big: trimmed, in parts, or said so, and never an exception."""

import queue
from collections.abc import Iterator
from typing import Any

import pytest

from bus import topics
from bus.codec import MAX_MESSAGE_BYTES
from bus.memory_bus import MemoryBus, MemoryHub
from bus.port import Connected, Inbound, Refusal
from bus.topics import Topic
from hq import publishing
from schemas.events import JobSucceeded
from schemas.facts import AttemptResult, MetricPoint
from schemas.messages import Ack, JobNotice, Offer, Offers, Reply, ResultAck
from schemas.states import JobStatus, Outcome

JOB = "j" + "a" * 12


class Wire:
    """HQ's bus, and a client that hears everything."""

    def __init__(self) -> None:
        hub = MemoryHub()
        self.bus = MemoryBus(hub, "hq")
        self._client = MemoryBus(hub, "cli")
        self._heard: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for topic in (topics.JOB_EVENT, topics.OFFER, topics.ACK, topics.REPLY):
            self._client.subscribe(topic)
        self.bus.start(lambda _: None)
        self._client.start(self._heard.put)

    def stop(self) -> None:
        self.bus.stop()
        self._client.stop()

    def heard(self, count: int) -> list[Any]:
        """Return the next messages."""
        found: list[Any] = []
        while len(found) < count:
            item = self._heard.get(timeout=60)
            if not isinstance(item, Connected):
                assert isinstance(item, Inbound), item
                found.append(item.data)
        return found


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire()
    yield wire
    wire.stop()


def notice(size: int) -> JobNotice:
    result = AttemptResult(
        JOB, 5, Outcome.SUCCEEDED, 0, {"text": "a" * size}, series=(MetricPoint(0, 1.0, {"loss": 0.5}),)
    )
    return JobNotice(9, 0, 3, JobStatus.SUCCEEDED, JobSucceeded(JOB, 5, result))


def test_a_notice_that_fits_is_published_whole(wire: Wire) -> None:
    publishing.publish(wire.bus, topics.JOB_EVENT, {"job": JOB}, notice(1000))

    assert wire.heard(1) == [notice(1000)]


def test_a_notice_that_does_not_fit_leaves_the_results_bulk_out(wire: Wire) -> None:
    publishing.publish(wire.bus, topics.JOB_EVENT, {"job": JOB}, notice(MAX_MESSAGE_BYTES))

    (heard,) = wire.heard(1)
    assert (heard.position, heard.revision, heard.status) == (9, 3, JobStatus.SUCCEEDED)
    assert (heard.event.result.result, heard.event.result.series) == (None, ())
    assert heard.event.result.outcome is Outcome.SUCCEEDED
    assert "read it by REST" in heard.event.result.notes[0]


@pytest.mark.parametrize(
    ("topic", "data", "count"),
    [
        (topics.OFFER, Offers(7, tuple(Offer(JOB, token) for token in range(1, 9001))), 9000),
        (topics.ACK, Ack(7, 1, results=tuple(ResultAck(JOB, t, "accepted") for t in range(1, 9001))), 9000),
    ],
)
def test_long_lists_go_in_parts(wire: Wire, topic: Topic, data: Any, count: int) -> None:
    publishing.publish(wire.bus, topic, {"agent": "attic"}, data)

    field = "offers" if topic is topics.OFFER else "results"
    found: list[Any] = []
    while len(found) < count:
        found.extend(getattr(wire.heard(1)[0], field))
    assert tuple(found) == getattr(data, field)


def test_an_answer_that_does_not_fit_says_that_the_request_was_carried_out(wire: Wire) -> None:
    to = Inbound(topics.REQUEST, {"client": "cli"}, "r1", None)
    reply = Reply("r1", True, 12, {"text": "a" * MAX_MESSAGE_BYTES})

    publishing.answer(wire.bus, to, reply)

    (heard,) = wire.heard(1)
    assert (heard.request, heard.ok, heard.position, heard.result) == ("r1", True, 12, {})
    assert heard.error.code == "answer_too_big"
    assert "was carried out (position 12)" in heard.error.message


def test_an_answer_goes_to_whoever_asked(wire: Wire) -> None:
    for to in (
        Inbound(topics.REQUEST, {"client": "cli"}, "r1", None),
        Refusal(topics.REQUEST, {"client": "cli"}, "bad_data", "x", "r1"),
    ):
        publishing.answer(wire.bus, to, Reply("r1", True, 1))

        assert wire.heard(1) == [Reply("r1", True, 1)]
