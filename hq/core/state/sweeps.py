"""Sweeps as they stand."""

from msgspec import Struct

from schemas.names import JsonObject
from schemas.specs import SweepSpec
from schemas.states import SweepStatus


class Sweep(Struct, frozen=True, kw_only=True):
    """A sweep as it stands after the event at `position`."""

    id: str
    spec: SweepSpec
    submitter: str
    status: SweepStatus
    position: int
    revision: int
    submitted_at: float
    proposed: int = 0
    live: int = 0
    succeeded: int = 0
    unsuccessful: int = 0
    #: Ended early: neither succeeded nor unsuccessful.
    pruned: int = 0
    #: Cancelled as they still waited when a rule, or somebody, stopped the sweep.
    dropped: int = 0
    #: Of `proposed`: not chosen by the sampler but added by hand, beside `spec.trials`.
    added: int = 0
    #: How often its spec was changed.
    changes: int = 0
    #: Ended trials whose values could be compared step by step, and those that never reported the metric.
    measured: int = 0
    unmeasured: int = 0
    #: Of all attempts that left a result.
    machine_seconds: float = 0
    kwh: float = 0
    best: float | None = None
    best_trial: int | None = None
    #: Trials that ended since the best one.
    since_best: int = 0
    #: Which rule stopped it; "" when none did.
    rule: str = ""
    #: The sampler has nothing more to propose.
    exhausted: bool = False
    #: While it runs: why no trial can be chosen.
    why: str = ""
    ended_at: float | None = None
    #: How many trials had ended when the sweep itself was last changed: whatever is proposed after that is
    #: chosen knowing these at least.
    settled: int = 0
    #: As in `Job`. While there are any no trial is proposed.
    waits_for: tuple[str, ...] = ()
    received: JsonObject = {}
    #: When it had nothing more to wait for; None for one that never waited.
    began_at: float | None = None
    #: As in `Job`, from the spec of its job.
    project: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""
    labelled: int = 0
