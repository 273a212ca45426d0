"""Which schedules are due, without asking each of them at every turn; and what people are told of all."""

from typing import Any

import msgspec

from hq.core.decide.schedules import due_of
from hq.core.state import Schedule, State

#: Of one turn: whatever a clock that jumps makes due comes bit by bit.
_AT_ONCE = 20


class Dues:
    """When each schedule is due next. Follows the state by the position that a schedule reflects."""

    def __init__(self, state: State) -> None:
        self._state = state
        #: By name: what it was reckoned for, and when it is due.
        self._next: dict[str, tuple[int, float | None]] = {}

    def find(self, wall: float) -> list[Schedule]:
        """Return some of those that are due, the longest due first."""
        due = []
        for schedule in self._state.schedules.values():
            at = self.next_of(schedule)
            if at is not None and at <= wall:
                due.append((at, schedule.name))
        return [self._state.schedules[name] for _, name in sorted(due)[:_AT_ONCE]]

    def next_of(self, schedule: Schedule) -> float | None:
        """Return when it is due next; None: never, or not while it is paused."""
        known = self._next.get(schedule.name)
        if known is None or known[0] != schedule.order:
            known = self._next[schedule.name] = (schedule.order, due_of(schedule))
        return known[1]

    def read(self, only: str | None = None) -> dict[str, Any]:
        """Return what people are told of the schedules, by name."""
        shown = [
            {
                "schedule": one.name,
                "cron": one.spec.cron,
                "zone": one.spec.zone,
                "overlap": one.spec.overlap,
                "missed": one.spec.missed,
                "what": _describe(one),
                # Of all of them, they would not fit one message.
                **({} if only is None else {"spec": msgspec.to_builtins(one.spec)}),
                "owner": one.owner,
                "paused": one.is_paused,
                "next": self.next_of(one),
                "fired": one.fired,
                "fired_at": one.fired_at,
                "job": one.job,
                "sweep": one.sweep,
                "pipeline": one.pipeline,
                "skipped": one.skipped,
                "skipped_at": one.skipped_at,
                "why": one.why,
            }
            for one in sorted(self._state.schedules.values(), key=lambda one: one.name)
            if only in (None, one.name) and not one.is_removed
        ]
        return {"schedules": shown}


def _describe(schedule: Schedule) -> str:
    spec = schedule.spec
    if spec.sweep is not None:
        job = spec.sweep.job
        return f"sweep {spec.sweep.name or job.script.name or job.script.entry}"
    if spec.pipeline is not None:
        steps = ", ".join(step.name for step in spec.pipeline.steps)
        return f"pipeline {spec.pipeline.name or steps}"[:300]
    assert spec.job is not None  # noqa: S101 - it is not removed
    return spec.job.name or spec.job.script.name or spec.job.script.entry
