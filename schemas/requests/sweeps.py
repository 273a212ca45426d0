"""Requests about sweeps, and about the trials that the house itself runs for them."""

from typing import Annotated

from msgspec import Meta, field

from schemas.early_stopping import Live, StopRules
from schemas.names import Count, JsonObject, ShortText, SweepId, Text
from schemas.requests.base import Request
from schemas.specs import Dimension, SweepSpec
from schemas.trials import Descent, KnownTrials


class SubmitSweep(Request, tag="submit_sweep", kw_only=True, frozen=True):
    sweep: SweepSpec


class CancelSweep(Request, tag="cancel_sweep", kw_only=True, frozen=True):
    sweep: SweepId


class DeleteSweep(Request, tag="delete_sweep", kw_only=True, frozen=True):
    """Forget a sweep that has ended, and its jobs."""

    sweep: SweepId


class Propose(Request, tag="propose", kw_only=True, frozen=True):
    """From the search process: the parameters of trials `first`, `first` + 1, ..."""

    sweep: SweepId
    first: Count
    trials: tuple[JsonObject, ...]
    #: The sampler is empty: these are the last ones.
    exhausted: bool = False
    #: With no trials: why none can be chosen. Told to people until there is one.
    why: Text = ""
    #: How often the sweep had been changed when they were chosen.
    changes: Count = 0
    #: Of a population: one for each trial.
    descents: Annotated[tuple[Descent, ...], Meta(max_length=200)] = ()


class PauseSweep(Request, tag="pause_sweep", kw_only=True, frozen=True):
    """Propose nothing and begin nothing of it until it is resumed; what runs goes on."""

    sweep: SweepId


class ResumeSweep(Request, tag="resume_sweep", kw_only=True, frozen=True):
    sweep: SweepId


class ChangeSweep(Request, tag="change_sweep", kw_only=True, frozen=True):
    """Change a sweep that has not ended, for the trials that are proposed later."""

    sweep: SweepId
    trials: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    parallel: Annotated[int, Meta(ge=1, le=10_000)] | None = None
    space: dict[ShortText, Dimension] | None = None
    #: In place of all its rules before.
    stop: StopRules | None = None
    #: Also with parameters that the script does not seem to take.
    force: bool = False


class FinishSweep(Request, tag="finish_sweep", kw_only=True, frozen=True):
    """Propose no more trials; those that wait are cancelled."""

    sweep: SweepId
    live: Live = "finish"


class AddTrials(Request, tag="add_trials", kw_only=True, frozen=True):
    """Add trials with these parameters to a sweep, beside those that its sampler chooses."""

    sweep: SweepId
    trials: Annotated[tuple[JsonObject, ...], Meta(min_length=1, max_length=200)]


class ReadSweeps(Request, tag="read_sweeps", kw_only=True, frozen=True):
    """The running sweeps with how many trials were proposed and are live.

    Of those that are named, also what happened in them: parameters of trials by their number, and how
    trials ended, in the order of the log.
    """

    after: SweepId | None = None
    #: How much of it is known already.
    known: Annotated[dict[SweepId, KnownTrials], Meta(max_length=1000)] = field(default_factory=dict)


class ReadSeries(Request, tag="read_series", kw_only=True, frozen=True):
    """The values that a sweep's trials have reported of its metric, step by step, in the trials' order."""

    sweep: SweepId
    #: Only of trials after this one.
    after: Count | None = None
    #: Only of these.
    trials: Annotated[tuple[Count, ...], Meta(max_length=200)] = ()


class ReadPast(Request, tag="read_past", kw_only=True, frozen=True):
    """The trials of another time that a sweep's `past_blob` holds, in parts."""

    sweep: SweepId
    #: How many of them are known.
    after: Count = 0
