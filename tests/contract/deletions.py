"""Random histories in which what has ended is deleted, and late results come all the same."""

from schemas.events import AnyEvent, Decision, JobDeleted, ResultSuperseded, SweepDeleted, SweepSubmitted
from schemas.specs import JobSpec
from tests.unit.hq.read_models.histories import History


class ForgetfulHistory(History):
    """As `History`, and about every tenth event deletes something."""

    @property
    def deleted(self) -> list[str]:
        """The ids of all that was deleted."""
        found: list[str] = []
        for event in _events(self.decisions):
            if isinstance(event, JobDeleted):
                found.append(event.job)
            elif isinstance(event, SweepDeleted):
                found.append(event.sweep)
        return found

    def _some_events(self) -> list[AnyEvent]:
        pick = self._chance.random()
        if pick < 0.1 and self.state.finished:
            return [JobDeleted(self._chance.choice(list(self.state.finished)), "cli")]
        if pick < 0.12:
            jobs = [one for one in self.deleted if one.startswith("j")]
            if jobs:
                return [self._late(self._chance.choice(jobs))]
        if pick < 0.14:
            sweeps = self._ended_sweeps()
            if sweeps:
                return self._delete_sweep(self._chance.choice(sweeps))
        return super()._some_events()

    def _late(self, job: str) -> AnyEvent:
        # Also with a token that is known from before: memory forgets, agents repeat.
        known = [token for reported, token in self.state.reported if reported == job]
        token = self._chance.choice([*known, self._token()])
        return ResultSuperseded(job, token, "attic", "late", self._result(job, token))

    def _ended_sweeps(self) -> list[str]:
        gone = {*self.state.sweeps, *self.deleted}
        known = [event.sweep for event in _events(self.decisions) if isinstance(event, SweepSubmitted)]
        return [sweep for sweep in known if sweep not in gone]

    def _delete_sweep(self, sweep: str) -> list[AnyEvent]:
        jobs = [
            event.job  # type: ignore[union-attr]
            for event in _events(self.decisions)
            if isinstance(spec := getattr(event, "spec", None), JobSpec) and spec.sweep == sweep
        ]
        # Of a sweep that was cancelled by this history some jobs live on.
        ended = [job for job in jobs if job in self.state.finished]
        return [*(JobDeleted(job, "cli") for job in ended), SweepDeleted(sweep, "cli")]


def _events(decisions: list[Decision]) -> list[AnyEvent]:
    return [event for decision in decisions for event in decision.events]
