"""The inbox under a flood: the cheapest goes first, what the house's own helpers say never goes."""

import threading
import time
from typing import Any

import pytest

from bus import topics
from bus.port import BusInput, Connected, Disconnected, Inbound, Refusal
from bus.topics import Topic
from hq.inbox import LIMIT, LOSSY_LIMIT, Inbox


def message(topic: Topic, number: int = 0) -> Inbound:
    return Inbound(topic, {"agent": "attic"}, f"m{number}", None)


def fill(inbox: Inbox, count: int) -> None:
    for number in range(count):
        inbox.put(number)


def put_after(inbox: Inbox, waiting: int, item: Any) -> dict[str, int]:
    """Return what was shed when the item came behind so many others."""
    fill(inbox, waiting)
    inbox.put_message(item)
    items, shed = inbox.drain(0)
    assert (item in items[waiting:]) != bool(shed)
    return dict(shed)


def test_what_came_in_goes_out_in_order_and_once() -> None:
    inbox = Inbox()
    first, second = message(topics.CLAIM, 1), message(topics.RESULT, 2)
    inbox.put_message(first)
    inbox.put("committed")
    inbox.put_message(second)

    assert inbox.drain(0) == ([first, "committed", second], {})
    assert inbox.drain(0) == ([], {})


@pytest.mark.parametrize("topic", [topics.PROGRESS, topics.LOG])
@pytest.mark.parametrize(("more", "shed"), [(-1, False), (0, True), (1, True)])
def test_progress_and_log_are_dropped_first(topic: Topic, more: int, shed: bool) -> None:
    name = topic.type.rpartition(".")[2]

    assert put_after(Inbox(), LOSSY_LIMIT + more, message(topic)) == ({f"shed_{name}": 1} if shed else {})


@pytest.mark.parametrize("topic", [topics.HEARTBEAT, topics.CLAIM, topics.RESULT, topics.REQUEST])
@pytest.mark.parametrize(("more", "shed"), [(-1, False), (0, True)])
def test_what_is_repeated_is_dropped_only_in_a_real_flood(topic: Topic, more: int, shed: bool) -> None:
    name = topic.type.rpartition(".")[2]

    assert put_after(Inbox(), LIMIT + more, message(topic)) == ({f"shed_{name}": 1} if shed else {})


@pytest.mark.parametrize(("more", "shed"), [(-1, False), (0, True)])
def test_malformed_messages_cannot_fill_it_either(more: int, shed: bool) -> None:
    refusal = Refusal(None, {}, "unknown_topic", "x")

    assert put_after(Inbox(), LIMIT + more, refusal) == ({"shed_malformed": 1} if shed else {})


def test_what_helpers_report_is_never_dropped() -> None:
    inbox = Inbox()
    fill(inbox, LIMIT)

    inbox.put("committed")

    assert inbox.drain(0)[0][-1] == "committed"


@pytest.mark.parametrize("item", [Connected(), Disconnected("the broker is gone")])
def test_a_flood_does_not_hide_that_the_connection_was_lost_or_is_back(item: BusInput) -> None:
    assert put_after(Inbox(), LIMIT, item) == {}


def test_what_was_shed_is_told_once() -> None:
    inbox = Inbox()
    fill(inbox, LIMIT)
    for number in range(5):
        inbox.put_message(message(topics.PROGRESS, number))

    assert inbox.drain(0)[1] == {"shed_progress": 5}
    assert inbox.drain(0)[1] == {}


def test_draining_waits_for_the_first_item_only() -> None:
    inbox = Inbox()
    later = threading.Timer(0.05, lambda: inbox.put("here"))
    later.start()
    began = time.monotonic()

    items, _ = inbox.drain(30)

    assert items == ["here"]
    assert time.monotonic() - began < 20
    later.join()


def test_draining_gives_up_after_its_time() -> None:
    assert Inbox().drain(0.01) == ([], {})


def test_many_threads_lose_nothing() -> None:
    inbox = Inbox()
    threads = [threading.Thread(target=fill, args=(inbox, 2000)) for _ in range(4)]
    for thread in threads:
        thread.start()

    found: list[Any] = []
    while len(found) < 8000:
        found.extend(inbox.drain(5)[0])
    for thread in threads:
        thread.join()

    assert sorted(found) == sorted(list(range(2000)) * 4)
