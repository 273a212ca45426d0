"""Requests over a bus that loses messages: repeated until answered, with words when they are not."""

import threading
import time
from collections.abc import Iterator

import pytest

from bus.memory_bus import MemoryBus, MemoryHub
from bus.port import BusInput, Connected, Inbound
from bus.topics import REPLY, REQUEST
from idlehands.client import HqUnreachable, RequestRefused
from idlehands.client.asking import WINDOW, Asking
from schemas.messages import Reply, RequestError
from schemas.requests import Cancel, Ping
from tests.contract.bus_worlds import eventually

JOB = "jaaaaaaaaaaaa"


class Answerer:
    """The other end: keeps what it is asked and answers as it is told, or not at all."""

    def __init__(self, hub: MemoryHub) -> None:
        self.seen: list[Inbound] = []
        self.deaf_for = 0
        self.errors: list[RequestError | None] = []
        self.bus = MemoryBus(hub, "hq")
        self.bus.subscribe(REQUEST)
        self.bus.start(self._handle)

    def _handle(self, what: BusInput) -> None:
        if not isinstance(what, Inbound):
            return
        self.seen.append(what)
        if len(self.seen) <= self.deaf_for:
            return
        error = self.errors.pop(0) if self.errors else None
        self.bus.reply(what, Reply(what.id, error is None, position=len(self.seen), error=error))


class Ends:
    def __init__(self) -> None:
        self.hub = MemoryHub()
        self.hq = Answerer(self.hub)
        self.bus = MemoryBus(self.hub, "cli")
        self.asking = Asking(self.bus, "cli", lambda: "Nobody is there.")
        self.bus.subscribe(REPLY, client="cli")
        self.connected = threading.Event()
        self.bus.start(self._handle)
        assert self.connected.wait(60)

    def _handle(self, what: BusInput) -> None:
        if isinstance(what, Inbound):
            self.asking.settle(what)
        elif isinstance(what, Connected):
            self.asking.resend()
            self.connected.set()


@pytest.fixture
def ends() -> Iterator[Ends]:
    made = Ends()
    yield made
    made.bus.stop()
    made.hq.bus.stop()


def test_a_lost_request_is_sent_again_as_the_same_request(ends: Ends) -> None:
    ends.hq.deaf_for = 2

    reply = ends.asking.ask(Cancel(jobs=(JOB,)), 10)

    assert reply.ok
    assert len(ends.hq.seen) == 3
    assert len({(m.id, m.data.key, m.correlation) for m in ends.hq.seen}) == 1
    assert ends.hq.seen[0].data.key


def test_two_requests_have_two_keys_and_a_given_key_is_kept(ends: Ends) -> None:
    for request in (Cancel(jobs=(JOB,)), Cancel(jobs=(JOB,)), Cancel(jobs=(JOB,), key="mine")):
        ends.asking.ask(request, 10)

    keys = list(dict.fromkeys(m.data.key for m in ends.hq.seen))
    assert len(keys) == 3
    assert keys[2] == "mine"


def test_a_refusal_is_an_error_with_code_and_words(ends: Ends) -> None:
    ends.hq.errors = [RequestError("unknown_job", "no live job")]

    with pytest.raises(RequestRefused, match="no live job") as caught:
        ends.asking.ask(Cancel(jobs=(JOB,)), 10)

    assert caught.value.code == "unknown_job"


def test_what_hq_cannot_do_just_now_is_asked_again(ends: Ends) -> None:
    ends.hq.errors = [RequestError("unavailable", "the database does not answer"), None]

    assert ends.asking.ask(Cancel(jobs=(JOB,)), 10).ok
    assert len(ends.hq.seen) == 2


def test_what_hq_cannot_do_until_the_deadline_is_told_in_its_words(ends: Ends) -> None:
    ends.hq.errors = [RequestError("unavailable", "the database does not answer")] * 500

    with pytest.raises(RequestRefused, match="the database does not answer"):
        ends.asking.ask(Cancel(jobs=(JOB,)), 1.0)


def test_silence_until_the_deadline_is_told_with_the_reason(ends: Ends) -> None:
    ends.hq.deaf_for = 1000

    with pytest.raises(HqUnreachable, match=r"No answer from HQ in 0 s. Nobody is there."):
        ends.asking.ask(Ping(), 0.4)


def test_a_connection_that_comes_back_is_used_at_once(ends: Ends) -> None:
    ends.hub.go_down()
    waiting = threading.Thread(target=lambda: ends.asking.ask(Ping(), 60))
    waiting.start()
    began = time.monotonic()

    ends.hub.come_back()
    waiting.join(60)

    assert not waiting.is_alive()
    assert time.monotonic() - began < 30
    assert ends.hq.seen


def test_many_requests_are_answered_in_their_order_a_window_at_a_time(ends: Ends) -> None:
    keys = [f"k{number}" for number in range(WINDOW * 3)]

    replies = ends.asking.ask_all([Cancel(jobs=(JOB,), key=key) for key in keys], 10)

    by_id = {m.id: m.data.key for m in ends.hq.seen}
    assert [by_id[reply.request] for reply in replies] == keys


def test_the_first_answer_counts_when_a_repeat_brings_another(ends: Ends) -> None:
    ends.hq.deaf_for = 1
    replies: list[Reply] = []
    asked = threading.Thread(target=lambda: replies.append(ends.asking.ask(Ping(), 10)))
    asked.start()
    eventually(lambda: ends.hq.seen)
    first = ends.hq.seen[0]

    for position in (41, 42):
        ends.hq.bus.reply(first, Reply(first.id, ok=True, position=position))
    asked.join(60)

    assert [reply.position for reply in replies] == [41]


def test_foreign_and_late_replies_are_ignored(ends: Ends) -> None:
    ends.hq.bus.publish(REPLY, Reply("somebody else's", ok=False), client="cli")

    assert ends.asking.ask(Ping(), 10).ok


def test_closing_lets_go_of_who_waits_and_of_who_asks_later(ends: Ends) -> None:
    ends.hq.deaf_for = 1000
    raised: list[BaseException] = []

    def ask() -> None:
        with pytest.raises(HqUnreachable, match="was closed before") as caught:
            ends.asking.ask(Cancel(jobs=(JOB,)), 60)
        raised.append(caught.value)

    waiting = threading.Thread(target=ask)
    waiting.start()
    eventually(lambda: bool(ends.hq.seen))
    ends.asking.close()
    waiting.join(60)
    ask()

    assert len(raised) == 2
