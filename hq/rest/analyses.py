"""Analyses of a sweep, for REST and page alike: reads trials, then asks the pure functions of `hq.analysis`.

pandas is imported at the first question, and in a thread; importance runs in a process of its own, one at a
time.
"""

import asyncio
import json
import sys
import time
from collections import OrderedDict
from typing import Any

from hq.analysis.questions import LEAST_TRIALS, Kind, Method, Question, why_too_few
from hq.rest import board, queries
from hq.rest.database import Database, Document
from hq.rest.problems import Problem

#: Trials of a sweep that are looked at, the first.
MOST_TRIALS = 10_000
MOST_CURVES = 200
_PAGE = 1000
_POINTS_READ = 60_000
_CHILD_SECONDS = 120.0
_REMEMBERED = 64
_MISSING = (
    "Analyses need pandas, Optuna and scikit-learn, which are not installed beside HQ: "
    "`pip install 'idlehands[analysis]'` there, then start it again."
)


async def read_all_trials(database: Database, sweep: str) -> tuple[Document, list[Document]]:
    """Return a sweep and its trials.

    Raises:
        Problem: 404 when there is no such sweep.
    """
    found = await queries.read_sweep(database, sweep)
    if found is None:
        raise Problem(404, "not_found", f"There is no sweep {sweep}.")
    trials: list[Document] = []
    after = None
    while len(trials) < MOST_TRIALS:
        page = await queries.read_trials(database, sweep, limit=_PAGE, after=after)
        trials += page["trials"]
        after = page["next"]
        if after is None:
            break
    return found, trials


async def analyse(database: Database, sweep: str, kind: Kind, asked: Question) -> Document:
    """Return one analysis of a sweep.

    Raises:
        Problem: 404 when there is no such sweep, 422 when the question has no answer, 501 without pandas.
    """
    found, trials = await read_all_trials(database, sweep)
    steps = await read_steps(database, found, trials, asked) if kind in ("curves", "compare") else {}
    done = await asyncio.to_thread(_answer, kind, found["spec"], trials, asked, steps)
    if kind == "compare":
        done["curves"] = [
            {"trial": trial, "x": [x for x, _ in points], "y": [y for _, y in points]}
            for trial, points in steps.items()
        ]
    return done


def _answer(kind: Kind, spec: Document, trials: list[Document], asked: Question, steps: Any) -> Document:
    try:
        from hq.analysis.answers import NotPossible, answer
    except ImportError as error:
        raise Problem(501, "not_installed", _MISSING) from error
    try:
        return answer(kind, spec, trials, asked, time.time(), steps)
    except NotPossible as error:
        raise Problem(422, "not_possible", str(error)) from error


async def read_steps(
    database: Database, found: Document, trials: list[Document], asked: Question
) -> dict[int, list[tuple[float, float | None]]]:
    """Return per trial its latest attempt's values of the metric that is searched for, or of the first."""
    begun = [trial for trial in trials if trial["status"] not in ("queued", "held")]
    if asked.compare:
        begun = [trial for trial in begun if trial["trial"] in asked.compare]
    numbers = {trial["job"]: int(trial["trial"] or 0) for trial in begun[-MOST_CURVES:]}
    latest: dict[str, tuple[int, list[Document]]] = {}
    for point in await board.read_points(database, list(numbers), _POINTS_READ):
        token, points = latest.get(point["job"], (0, []))
        if point["token"] > token:
            points = []
        points.append(point)
        latest[point["job"]] = (point["token"], points)
    wanted = asked.value or _first_metric(found["spec"])
    names = {name for _, points in latest.values() for point in points for name in point.get("metrics") or {}}
    if wanted not in names:
        wanted = min((name for name in names if "/" not in name), default="")
    return {
        numbers[job]: [
            (float(point["seq"] if point.get("step") is None else point["step"]), point["metrics"][wanted])
            for point in points
            if wanted in (point.get("metrics") or {})
        ]
        for job, (_, points) in latest.items()
    }


def _first_metric(spec: Document) -> str:
    objectives = spec.get("objectives") or []
    return str(objectives[0]["metric"] if objectives else spec.get("metric") or "")


class Importance:
    """Asks for importance, remembers answers: they change only with the trials that have ended."""

    def __init__(self) -> None:
        self._one_at_a_time = asyncio.Lock()
        self._known: OrderedDict[tuple[Any, ...], Document] = OrderedDict()

    async def of(self, database: Database, sweep: str, value: str, method: Method) -> Document:
        """Return the share of each parameter: see `hq.analysis.importance`.

        Raises:
            Problem: 404 when there is no such sweep, 422 when it does not search for that, 501 when something
                is not installed, 503 when it takes too long.
        """
        found, trials = await read_all_trials(database, sweep)
        ended = [trial for trial in trials if trial["status"] == "succeeded"]
        if len(ended) < LEAST_TRIALS:
            # No process is needed to say that; but what was asked for must be there.
            await asyncio.to_thread(_answer, "best", found["spec"], ended, Question(value), {})
            few: Document = {"method": method, "trials": len(ended), "shares": {}}
            return few | {"why": why_too_few(len(ended))}
        key = (sweep, value, method, len(ended), found["revision"])
        async with self._one_at_a_time:
            known = self._known.get(key)
            if known is None:
                asked = {"spec": found["spec"], "trials": ended, "value": value, "method": method}
                known = self._known[key] = await _ask_child(json.dumps(asked).encode())
                while len(self._known) > _REMEMBERED:
                    self._known.popitem(last=False)
        return known


async def _ask_child(asked: bytes) -> Document:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "hq.analysis"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        answered, said = await asyncio.wait_for(child.communicate(asked), _CHILD_SECONDS)
    except TimeoutError:
        raise Problem(
            503, "too_slow", f"Importance was not found within {_CHILD_SECONDS:g} s; the house is busy."
        ) from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode == 0:
        done: Document = json.loads(answered)
        return done
    last = said.decode(errors="replace").strip().rpartition("\n")[2]
    if "ModuleNotFoundError" in last or "ImportError" in last:
        raise Problem(501, "not_installed", _MISSING)
    if last.startswith("KeyError"):
        raise Problem(422, "not_possible", "No trial has a number of what was asked for yet.")
    raise Problem(500, "analysis_failed", f"Importance could not be found: {last[:300]}")
