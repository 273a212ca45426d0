"""Random but valid histories: what an HQ could have decided, by the rules of the fold itself."""

import random

from hq.core.evolve import apply
from hq.core.state import Change, Job, State, Sweep
from schemas.audit import AuditNote
from schemas.events import (
    AgentBooted,
    AnyEvent,
    AttemptFailed,
    AttemptInterrupted,
    AttemptLost,
    Audited,
    Decision,
    EpochBegan,
    JobCancelled,
    JobClaimed,
    JobDied,
    JobFailed,
    JobHeld,
    JobReleased,
    JobSubmitted,
    JobSucceeded,
    Labelled,
    RequestAnswered,
    ResultSuperseded,
    SweepCancelled,
    SweepExhausted,
    SweepFinished,
    SweepSubmitted,
    TrialProposed,
)
from schemas.facts import AttemptResult, Checkpoint, MachineFacts, MetricPoint
from schemas.specs import FloatRange, JobSpec, Lineage, ScriptRef, SweepSpec
from schemas.states import JobStatus, Outcome
from schemas.trials import Descent

_SCRIPT = ScriptRef("0" * 64, "train.py")


class History:
    """Decides at random. `decisions` and `changes` go together.

    Attributes:
        state: The fold of all decisions.
    """

    def __init__(self, seed: int) -> None:
        self.state = State()
        self.decisions: list[Decision] = []
        self.changes: list[list[Change]] = []
        self._chance = random.Random(seed)
        self._jobs = 0
        self._tokens = 0
        self._keep([[EpochBegan(1, "0" * 32)]])

    def grow(self, decisions: int) -> None:
        """Decide so many times."""
        for _ in range(decisions):
            self._keep([self._some_events() for _ in range(self._chance.choice([1, 1, 1, 2, 3]))])

    def _keep(self, picks: list[list[AnyEvent]]) -> None:
        position = len(self.decisions) + 1
        touched: set[str] = set()
        fitting: list[AnyEvent] = []
        for events in picks:
            own = {getattr(event, kind, None) for event in events for kind in ("job", "sweep")} - {None}
            # Picks are made on the state before the decision: of two on one job only the first fits.
            if not own & touched:
                fitting.extend(events)
                touched |= own  # type: ignore[arg-type]
        if position % 7 == 0:
            # Now and then one that was handed in before.
            fitting.append(Audited(AuditNote(f"{position % 91:032x}", float(position), "login.used"), "web"))
        if position % 5 == 0:
            # Labels of something live or ended, whatever else happens to it in this decision.
            known = sorted({*self.state.jobs, *self.state.finished, *self.state.sweeps})
            if known:
                tags = (f"t{position % 3}", "old")
                fitting.append(
                    Labelled(known[position * 7 % len(known)], "cli", "Wine", tags, f"at {position}")
                )
        decision = Decision(position, 1, f"op-{position}", 1e9 + position * 3600.0, tuple(fitting))
        self.changes.append(apply(self.state, decision))
        self.decisions.append(decision)

    def _some_events(self) -> list[AnyEvent]:
        pick = self._chance.random()
        live = list(self.state.jobs.values())
        if pick < 0.2 or not live:
            return [JobSubmitted(self._new_job(), self._spec(), "cli"), self._answer()]
        if pick < 0.3:
            return self._about_sweeps()
        if pick < 0.34:
            facts = MachineFacts(cores=self._chance.randrange(1, 64))
            return [AgentBooted(self._chance.choice(["attic", "den"]), 1, "0" * 32, 2, facts)]
        if pick < 0.4 and self.state.finished:
            job = self._chance.choice(list(self.state.finished))
            token = self._token()
            return [ResultSuperseded(job, token, "attic", "late", self._result(job, token))]
        return [self._about(self._chance.choice(live))]

    def _about_sweeps(self) -> list[AnyEvent]:
        running = list(self.state.sweeps.values())
        if not running or self._chance.random() < 0.2:
            identity = f"s{self._letters()}"
            spec = SweepSpec(JobSpec(_SCRIPT), {"x.y": FloatRange(0, 1)}, metric="loss")
            if identity < "sm":
                spec = SweepSpec(JobSpec(_SCRIPT), spec.space, "pbt", metric="accuracy")
            return [SweepSubmitted(identity, spec, "cli")]
        sweep = self._chance.choice(running)
        pick = self._chance.random()
        if pick < 0.05:
            ends: list[AnyEvent] = [SweepCancelled(sweep.id, "cli")]
            return [*ends, *(JobCancelled(job, "cli") for job in self.state.trials.get(sweep.id, ()))]
        if pick < 0.1:
            return [SweepFinished(sweep.id)] if not sweep.live else [SweepExhausted(sweep.id, sweep.proposed)]
        job, trial = self._new_job(), sweep.proposed
        params = {"x.y": self._chance.random(), "$ref": {"$id": trial}}
        descent = self._descend(sweep) if sweep.spec.sampler == "pbt" else None
        line = None if descent is None else Lineage(descent.member, parent=descent.parent)
        job_spec = JobSpec(_SCRIPT, params, sweep=sweep.id, trial=trial, lineage=line)
        proposed = TrialProposed(sweep.id, trial, job, params, descent=descent)
        return [proposed, JobSubmitted(job, job_spec, "cli")]

    def _descend(self, sweep: Sweep) -> Descent:
        history = self.state.histories.get(sweep.id)
        left = sorted(history.checkpoints) if history is not None else []
        return Descent(sweep.proposed % 3, self._chance.choice(left) if left else None)

    def _about(self, job: Job) -> AnyEvent:
        pick = self._chance.random()
        if pick < 0.05:
            return JobCancelled(job.id, "cli")
        if job.status is JobStatus.HELD:
            return JobReleased(job.id, "cli")
        if job.status is JobStatus.QUEUED:
            if pick < 0.1:
                return JobHeld(job.id, "cli")
            if pick < 0.12:
                return JobDied(job.id, "lost twice")
            return JobClaimed(job.id, self._token(), self._chance.choice(["attic", "den"]), 1, "0" * 32)
        result = self._result(job.id, job.token)
        if pick < 0.2:
            return AttemptInterrupted(job.id, job.token, "asleep", 1.5)
        if pick < 0.25:
            return AttemptLost(job.id, job.token, "attic", "gone", 2)
        if pick < 0.35:
            return AttemptFailed(job.id, job.token, result, 3)
        if pick < 0.5:
            return JobFailed(job.id, "exit code 1", job.token, result)
        return JobSucceeded(job.id, job.token, result)

    def _result(self, job: str, token: int) -> AttemptResult:
        series = (MetricPoint(0, 1.5, {"loss.a": 0.5, "$x": None}),)
        left = Checkpoint(token, f"{token:064x}", 1)
        result = {"accuracy": 1, "$ref": 1}
        return AttemptResult(job, token, Outcome.SUCCEEDED, 0, result, series=series, checkpoint=left)

    def _answer(self) -> RequestAnswered:
        return RequestAnswered("cli", f"key-{self._jobs}", "0" * 64, {"jobs": [self._jobs], "$id": 2**40})

    def _spec(self) -> JobSpec:
        return JobSpec(_SCRIPT, {"a.b": 1, "$ref": 2, "n": 2**40}, priority=self._chance.randrange(3))

    def _token(self) -> int:
        self._tokens += 1
        return 2**40 + self._tokens

    def _new_job(self) -> str:
        self._jobs += 1
        return f"j{self._letters()}"

    def _letters(self) -> str:
        return "".join(self._chance.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(12))
