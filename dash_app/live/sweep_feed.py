"""A sweep, live: how far it is, the best so far, its trials, and figures once a second."""

from typing import Any

from dash_app import component_ids as ids
from dash_app.live.hearing import Changes, Hearing
from dash_app.live.push import Push, Sent
from dash_app.presenters import pieces, series, sweep
from hq.rest import board, queries
from hq.rest.house import House
from hq.rest.problems import Problem

Document = dict[str, Any]
TRIALS_SHOWN = 1000
#: Curves of so many trials, the latest.
_CURVES_DRAWN = 60
_POINTS_READ = 30_000


async def read_trials(house: House, identity: str) -> tuple[Document, list[Document]]:
    """Return a sweep and its trials.

    Raises:
        Problem: 404 when there is no such sweep.
    """
    found = await queries.read_sweep(house.database, identity)
    if found is None:
        raise Problem(404, "not_found", f"There is no sweep {identity}.")
    page = await queries.read_trials(house.database, identity, limit=TRIALS_SHOWN)
    return found, page["trials"]


class _OfTrials:
    """What is touched by anything that happens to a sweep or one of its trials."""

    def __init__(self, house: House, hearing: Hearing, identity: str) -> None:
        self._house, self._hearing, self._sweep = house, hearing, identity
        self._jobs: set[str] = set()
        self._position = 0
        self._is_deleted = hearing.is_deleted(identity)
        self._sent = Sent()

    def _is_touched(self, changes: Changes) -> bool:
        self._position = max(self._position, changes.position)
        self._jobs |= {job for job, of in changes.trials.items() if of == self._sweep}
        if self._sweep in changes.deleted:
            self._is_deleted = True
        return self._sweep in changes.sweeps or not self._jobs.isdisjoint(changes.jobs)

    async def _read(self) -> tuple[Document, list[Document]]:
        await queries.catch_up(self._house.database, self._position)
        found, trials = await read_trials(self._house, self._sweep)
        trials = [trial for trial in trials if not self._hearing.is_deleted(trial["job"])]
        self._jobs |= {trial["job"] for trial in trials}
        return found, trials


class TrialsFeed(_OfTrials):
    """Words and the table."""

    pause = 0.25

    def __init__(self, house: House, hearing: Hearing, identity: str) -> None:
        super().__init__(house, hearing, identity)
        self._percents: dict[str, float] = {}
        self._changed = False
        #: A second after the last change all is sent once more, whatever became of it on the way.
        self.unfinished = False

    def touch(self, changes: Changes) -> bool:
        self._changed |= self._is_touched(changes)
        self._percents |= {job: one for job, one in changes.percents.items() if job in self._jobs}
        return self._changed or bool(self._percents)

    async def whole(self) -> Push:
        self._sent.forget()
        return await self._all()

    async def push(self) -> Push:
        # Taken before anything is waited for: what is touched meanwhile is for the next push.
        percents, self._percents = self._percents, {}
        changed, self._changed = self._changed, False
        again, self.unfinished = self.unfinished, changed
        if changed or again:
            try:
                push = await self._all()
            except BaseException:
                self._changed = True
                raise
            return Push(props=self._sent.only_new(push.props), rows=push.rows)
        patch = [{"id": job, "percent": round(percent, 1)} for job, percent in percents.items()]
        return Push(rows={ids.TRIALS_GRID: {"patch": patch}} if patch else {})

    async def _all(self) -> Push:
        if self._is_deleted:
            gone = {"children": pieces.deleted("sweep"), "data-status": "deleted"}
            return Push(props={ids.SWEEP_STATUS: gone})
        found, trials = await self._read()
        metric, known = sweep.metric_of(found, trials), self._hearing.percents()
        rows = [sweep.trial_row(trial, metric, known.get(trial["job"])) for trial in trials]
        return Push(
            props={
                ids.SWEEP_STATUS: {
                    "children": sweep.status(found, trials),
                    "data-status": str(found["status"]),
                    "data-revision": sweep.revision(found),
                },
                ids.SWEEP_BEST: {"children": sweep.best(found, trials)},
            },
            rows={ids.TRIALS_GRID: {"all": rows}},
        )


class SweepFiguresFeed(_OfTrials):
    """The curves of all trials. What else is drawn of them is asked for by who looks at it."""

    pause = 1.0
    unfinished = False

    def touch(self, changes: Changes) -> bool:
        touched = self._is_touched(changes)
        return touched or any(one.job in self._jobs for one in changes.progress)

    async def whole(self) -> Push:
        self._sent.forget()
        return await self._all()

    async def push(self) -> Push:
        return Push(props=self._sent.only_new((await self._all()).props))

    async def _all(self) -> Push:
        if self._is_deleted:
            return Push()
        found, trials = await self._read()
        begun = [trial for trial in trials if trial["status"] not in ("queued", "held")][-_CURVES_DRAWN:]
        numbers = {trial["job"]: trial["trial"] or 0 for trial in begun}
        points: dict[str, list[Document]] = {}
        for point in await board.read_points(self._house.database, list(numbers), _POINTS_READ):
            points.setdefault(point["job"], []).append(point)
        curves = {numbers[job]: series.by_metric(series.of_latest(own)) for job, own in points.items()}
        return Push(
            props={
                ids.SWEEP_CURVES: {"children": sweep.curves(found, trials, curves)},
            }
        )


class SweepsFeed:
    """The list of sweeps."""

    pause = 0.5
    unfinished = False

    def __init__(self, house: House, hearing: Hearing, labels: dict[str, str]) -> None:
        self._house, self._hearing, self._labels = house, hearing, labels
        self._position = 0

    def touch(self, changes: Changes) -> bool:
        self._position = max(self._position, changes.position)
        return bool(changes.sweeps or changes.jobs)

    async def whole(self) -> Push:
        return await self.push()

    async def push(self) -> Push:
        await queries.catch_up(self._house.database, self._position)
        found = await queries.read_sweeps(self._house.database, limit=board.MOST_ROWS, **self._labels)
        there = [one for one in found["sweeps"] if not self._hearing.is_deleted(one["id"])]
        return Push(rows={ids.SWEEPS_GRID: {"all": [sweep.sweep_row(one) for one in there]}})
