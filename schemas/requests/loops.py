"""Requests of loops that run the trials of a sweep themselves: ask for one, report on it, tell its values."""

from typing import Annotated, Literal

from msgspec import Meta, field

from schemas.facts import MetricPoint
from schemas.names import Count, JsonObject, SweepId, Text, Token
from schemas.requests.base import Request


class AskTrial(Request, tag="ask_trial", kw_only=True, frozen=True):
    """Take the next trial of a sweep whose trials no machine runs, for a loop of one's own.

    Answered with the trial, or with `state`: `wait` (none is chosen yet) or `none_left`.
    """

    sweep: SweepId


#: What came of a trial that a loop of its own ran.
Told = Literal["succeeded", "failed", "pruned"]


class TellTrial(Request, tag="tell_trial", kw_only=True, frozen=True):
    """Tell what came of a trial that was asked for. Once."""

    sweep: SweepId
    trial: Count
    #: As it was asked for. None: as it was asked for last.
    token: Token | None = None
    state: Told = "succeeded"
    #: One for each objective, in their order; of a trial that succeeded only.
    values: Annotated[tuple[float, ...], Meta(max_length=16)] = ()
    #: What else is to be in its result, such as the metrics of constraints.
    result: JsonObject = field(default_factory=dict)
    #: Why it failed, or was ended early.
    why: Text = ""
    #: All that was reported of it, thinned when that is too much.
    points: Annotated[tuple[MetricPoint, ...], Meta(max_length=2000)] = ()


class ReportTrial(Request, tag="report_trial", kw_only=True, frozen=True):
    """Say that a trial that was asked for goes on, with what it has reached. Answered with `prune`.

    Stored as progress is, so it may get lost; it is no event.
    """

    sweep: SweepId
    trial: Count
    token: Token
    #: None: only that it goes on.
    point: MetricPoint | None = None
