"""What following jobs needs of a client: to hear what happens, and to read what was missed."""

from typing import Any, Protocol

from bus.topics import Topic
from idlehands.client.feed import Feed
from idlehands.client.rest import Rest


class Watchable(Protocol):
    """A client, as those see it who follow what happens in the house."""

    @property
    def rest(self) -> Rest:
        """REST of the house."""

    def watch(self, *wanted: tuple[Topic, dict[str, str]]) -> Feed:
        """Return a feed of what arrives on these topics."""

    def ping(self) -> int:
        """Return HQ's log position; also proves that earlier subscriptions are in place."""

    def job(self, job: str, *, at_least: int | None = None) -> dict[str, Any]:
        """Return one job."""

    def log_page(self, job: str, *, after: str | None = None) -> dict[str, Any]:
        """Return a piece of a job's log."""

    def progress(self, job: str, *, after: int | None = None) -> dict[str, Any]:
        """Return the metric points of a job's latest attempt."""
