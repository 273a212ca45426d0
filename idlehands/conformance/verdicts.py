"""What a check is and what it says: its name, the sentences it stands for, and how it went.

Knows nothing of brokers and agents.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from idlehands.conformance.bench import Bench

#: must: HQ and other machines rely on it. should: an agent that does not is a worse neighbour, and safe.
Level = Literal["must", "should"]
Status = Literal["passed", "failed", "not applicable"]


class Failed(Exception):
    """The agent did not do what the sentence asks; the text says what was seen."""


class NotApplicable(Exception):
    """The agent does not do this at all, and need not; the text says why."""


class Check(msgspec.Struct, frozen=True):
    """One duty of agents, and how to see whether this one does it."""

    name: str
    #: Of docs/protocol.md, such as `P41`.
    sentences: tuple[str, ...]
    level: Level
    #: What they ask, in words.
    asks: str
    run: Callable[["Bench"], None]


class Verdict(msgspec.Struct, frozen=True):
    """How a check went."""

    part: str
    check: str
    sentences: tuple[str, ...]
    level: Level
    asks: str
    status: Status
    #: What was seen where it failed, and why where it is not applicable.
    seen: str
    seconds: float


def asks(name: str, sentences: str, level: Level, text: str) -> Callable[[Callable[["Bench"], None]], Check]:
    """Return what makes a check of a function that raises `Failed` or `NotApplicable`, or returns."""

    def make(run: Callable[["Bench"], None]) -> Check:
        return Check(name, tuple(sentences.split()), level, text, run)

    return make


def all_musts_pass(verdicts: list[Verdict]) -> bool:
    """Tell whether the agent may be let into a house."""
    return not any(one.status == "failed" and one.level == "must" for one in verdicts)
