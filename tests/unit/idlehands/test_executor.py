"""A call's future, without a house."""

import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from idlehands.client.errors import HqUnreachable
from idlehands.executor import CallFuture, Executor
from idlehands.executor.call_future import begin


class Gone:
    """Stands for whoever has sent a call and takes a call back."""

    def withdraw(self, future: CallFuture[Any]) -> None:
        pass


def test_a_cancelled_call_is_noticed_by_several_threads_and_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    executor: Any = Gone()
    future: CallFuture[int] = CallFuture(executor)
    future.cancel()

    with caplog.at_level(logging.DEBUG, "concurrent.futures"):
        assert [begin(future) for _ in range(3)] == [False, False, False]

    assert not caplog.records
    assert future.cancelled()


def test_a_call_that_waits_for_its_result_does_so_until_it_has_it() -> None:
    executor: Any = Gone()
    future: CallFuture[int] = CallFuture(executor)

    assert [begin(future), begin(future)] == [True, True]
    future.set_result(1)
    assert not begin(future)


def test_a_house_that_is_closed_while_hq_answers_leaves_nobody_waiting() -> None:
    """`close` finds no call of that batch yet, and nobody would hear how it ends."""
    closing: list[Callable[[], None]] = []

    def submit(specs: list[Any]) -> Any:
        house.is_closed = True
        for listener in closing:
            listener()
        return SimpleNamespace(jobs=("j1",))

    house: Any = SimpleNamespace(
        is_closed=False,
        endings=SimpleNamespace(listen=lambda *_: None, forget=lambda _: None),
        caller=SimpleNamespace(build_job=lambda *_, **__: None),
        client=SimpleNamespace(submit=submit),
        on_close=closing.append,
        not_on_close=closing.remove,
        no_lines=lambda _: None,
    )
    with Executor(house=house, echo=False) as pool:
        assert isinstance(pool.submit(pow, 2, 2).exception(10), HqUnreachable)
