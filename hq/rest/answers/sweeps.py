"""Answers about sweeps and their trials."""

from typing import Any

from msgspec import Struct

from hq.core.state import Sweep
from schemas.facts import AttemptResult


class EarlyStopping(Struct, frozen=True):
    #: none, waiting, active or metric_missing.
    state: str
    why: str


class SweepDetail(Sweep, frozen=True, kw_only=True):
    """A sweep and how far it is."""

    early_stopping: EarlyStopping
    #: What is odd about its trials, such as that none has a value; of a single sweep only.
    remarks: tuple[str, ...] = ()


class SweepPage(Struct, frozen=True):
    sweeps: tuple[SweepDetail, ...]
    next: str | None


class TrialLineage(Struct, frozen=True):
    """Which member of a population a trial is, how many were before it, and from which one it went on."""

    member: int
    generation: int
    parent: int | None


class TrialRow(Struct, frozen=True, kw_only=True):
    trial: int | None
    job: str
    status: str
    agent: str | None
    why: str
    #: One for each objective, once it has succeeded.
    values: tuple[float | None, ...]
    violations: tuple[float | None, ...]
    started: float | None
    ended: float | None
    params: dict[str, Any]
    result: AttemptResult | None
    #: Of a population's trial only.
    lineage: TrialLineage | None = None


class TrialPage(Struct, frozen=True):
    sweep: str
    trials: tuple[TrialRow, ...]
    next: str | None


class SweepAnswered(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which sweep was changed, and the log position that this stands at."""

    sweep: str
    position: int
    #: Jobs that were made.
    jobs: tuple[str, ...] = ()
    #: The number of the first trial that was added.
    first: int | None = None
    #: How many jobs were cancelled or deleted.
    cancelled: int | None = None
    deleted: int | None = None


class TrialAsked(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A trial to run, or why there is none now."""

    sweep: str
    #: taken, wait or none_left.
    state: str
    position: int
    trial: int | None = None
    job: str | None = None
    token: int | None = None
    params: dict[str, Any] | None = None
    #: For so long nothing need be said of it.
    seconds: float | None = None
    why: str = ""


class TrialTold(Struct, frozen=True, kw_only=True):
    sweep: str
    trial: int
    job: str
    #: What it is now.
    state: str
    position: int


class TrialReported(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether it is to end early, and why."""

    trial: int
    prune: bool
    position: int
    why: str = ""
