"""Answers about what reaches the house from outside: hooks, topics, the household's own broker."""

from typing import Any

from msgspec import Struct

from schemas.names import JsonObject


class TakingRow(Struct, frozen=True, kw_only=True):
    """A webhook or topic that submits, as it was laid down, and what came of it."""

    name: str


class Hooks(Struct, frozen=True):
    hooks: tuple[TakingRow, ...]
    #: Names of those that cannot be used as they are stored.
    unusable: Any


class Topics(Struct, frozen=True):
    topics: tuple[TakingRow, ...]
    unusable: Any


class HookRemoved(Struct, frozen=True):
    hook: str


class TopicRemoved(Struct, frozen=True):
    topic: str


class HookTaken(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a message has submitted, or why nothing."""

    submitted: bool
    position: int | None = None
    job: str | None = None
    sweep: str | None = None
    pipeline: str | None = None
    why: str = ""


class HouseholdShown(Struct, frozen=True, kw_only=True):
    """The household's own broker, never its password; None if there is none."""

    household: JsonObject | None
    #: How the connection is.
    state: JsonObject | None
    unusable: Any


class HouseholdRemoved(Struct, frozen=True):
    household: None
