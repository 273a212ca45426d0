"""What a client reads right after it changed something."""

from typing import Any

import pytest

from idlehands.client.errors import RequestRefused
from idlehands.client.reading import Reading


class Behind:
    """Stands where REST is: its read models have not the newest job, and get it when they are waited for."""

    def __init__(self) -> None:
        self.asked: list[int | None] = []

    def get(self, path: str, at_least: int | None = None) -> dict[str, Any]:
        self.asked.append(at_least)
        if at_least is None:
            raise RequestRefused("not_found", "There is no job.")
        return {"job": path.rpartition("/")[2]}


class Changing(Reading):
    rest: Any = Behind()
    changed_at = 0


def test_what_was_submitted_a_moment_ago_is_read() -> None:
    client = Changing()
    client.rest, client.changed_at = Behind(), 7

    assert client.job("j1") == {"job": "j1"}
    assert client.rest.asked == [None, 7]


@pytest.mark.parametrize(("changed_at", "at_least", "asked"), [(0, None, [None]), (7, 7, [7])])
def test_what_is_not_there_is_asked_for_once(
    changed_at: int, at_least: int | None, asked: list[int | None]
) -> None:
    client = Changing()
    client.rest, client.changed_at = Behind(), changed_at

    if at_least is None:
        with pytest.raises(RequestRefused, match="no job"):
            client.job("j1")
    else:
        client.job("j1", at_least=at_least)
    assert client.rest.asked == asked
