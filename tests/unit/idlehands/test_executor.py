"""A call's future, without a house."""

import logging
from typing import Any

import pytest

from idlehands.executor import CallFuture, _start


class Gone:
    """Stands for an executor that takes a call back."""

    def withdraw(self, future: CallFuture[Any]) -> None:
        pass


def test_a_cancelled_call_is_noticed_by_several_threads_and_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    executor: Any = Gone()
    future: CallFuture[int] = CallFuture(executor)
    future.cancel()

    with caplog.at_level(logging.DEBUG, "concurrent.futures"):
        assert [_start(future) for _ in range(3)] == [False, False, False]

    assert not caplog.records
    assert future.cancelled()


def test_a_call_that_waits_for_its_result_does_so_until_it_has_it() -> None:
    executor: Any = Gone()
    future: CallFuture[int] = CallFuture(executor)

    assert [_start(future), _start(future)] == [True, True]
    future.set_result(1)
    assert not _start(future)
