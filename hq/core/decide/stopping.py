"""Which rule stops a sweep, and what follows from that. Pure: from the fold and the wall clock alone."""

from collections.abc import Iterator

from hq.core.accounts import is_better
from hq.core.decide.pruning import decide_winding_down
from hq.core.state import State, Sweep
from schemas.early_stopping import Live
from schemas.events import AnyEvent, SweepStopped
from schemas.states import JobStatus

ASKED = "asked"
LOOK_SECONDS = 1.0


def find_rule(state: State, sweep: Sweep, wall: float) -> tuple[str, str] | None:
    """Return the rule that holds and says so in words, None while none does or it has stopped already."""
    rules = sweep.spec.stop
    # One that is cancelled in the same decision has ended already, and is not looked at.
    if sweep.rule:
        return None
    if rules.target is not None and sweep.best is not None and not _is_worse(sweep, rules.target):
        found = f"trial {sweep.best_trial} reached {sweep.best:g}, the target is {rules.target:g}"
        return "target", found
    if rules.no_better_in is not None and sweep.since_best >= rules.no_better_in:
        return (
            "no_better_in",
            f"{sweep.since_best} trials ended and none was better than trial {sweep.best_trial}",
        )
    if rules.kwh is not None and sweep.kwh >= rules.kwh:
        return "kwh", f"its trials have used {sweep.kwh:.3g} kWh of {rules.kwh:g}"
    if rules.machine_hours is not None:
        hours = _machine_seconds(state, sweep, wall) / 3600
        if hours >= rules.machine_hours:
            return (
                "machine_hours",
                f"its trials have used {hours:.3g} machine hours of {rules.machine_hours:g}",
            )
    since = sweep.submitted_at if sweep.began_at is None else sweep.began_at
    if rules.wall_seconds is not None and not sweep.waits_for and wall - since >= rules.wall_seconds:
        began = "it was submitted" if sweep.began_at is None else "it could begin"
        return "wall_seconds", f"its time is over: {rules.wall_seconds:g} s since {began}"
    return None


def decide_stop(state: State, sweep: Sweep, rule: str, why: str, live: Live, by: str) -> list[AnyEvent]:
    """Return the stop of a sweep, and what becomes of the trials that have not ended."""
    events: list[AnyEvent] = [SweepStopped(sweep.id, rule, why)]
    for name in sorted(state.trials.get(sweep.id, ())):
        words = f"its sweep was stopped: {why}"[:8000]
        event = decide_winding_down(state.jobs[name], words, by, wind_down=live == "wind_down")
        if event is not None:
            events.append(event)
    return events


class TimedRules:
    """Finds the sweeps that time alone has stopped. Looks at all of them, so not at every turn."""

    def __init__(self) -> None:
        self._look_at = 0.0

    def find(self, state: State, now: float, wall: float) -> Iterator[tuple[Sweep, tuple[str, str]]]:
        """Yield such sweeps, each with its rule and the words. Once a second; `now` is monotonic."""
        if now < self._look_at:
            return
        self._look_at = now + LOOK_SECONDS
        for sweep in list(state.sweeps.values()):
            rules = sweep.spec.stop
            if rules.wall_seconds is None and rules.machine_hours is None:
                continue
            if (found := find_rule(state, sweep, wall)) is not None:
                yield sweep, found


def _is_worse(sweep: Sweep, target: float) -> bool:
    return sweep.best is None or (sweep.best != target and not is_better(sweep.spec, sweep.best, target))


def _machine_seconds(state: State, sweep: Sweep, wall: float) -> float:
    running = 0.0
    for name in state.trials.get(sweep.id, ()):
        job = state.jobs.get(name)
        if job is not None and job.status is JobStatus.RUNNING and job.claimed_at is not None:
            running += max(0.0, wall - job.claimed_at)
    return sweep.machine_seconds + running
