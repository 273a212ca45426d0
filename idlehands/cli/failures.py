"""Why so many failed: the commonest reason, and where to read more.

Knows trials and results as REST has them; prints nothing.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from idlehands.cli.printing import show
from schemas.states import JobStatus, Outcome


class Failed(NamedTuple):
    """A job that failed, and its reason in one line."""

    job: str
    why: str


def failed_trials(trials: Iterable[dict[str, Any]]) -> list[Failed]:
    """Return the trials that failed or are dead, in their order; who cancelled one needs no reason."""
    ended = (JobStatus.FAILED, JobStatus.DEAD)
    return [
        Failed(trial["job"], _reason(trial.get("result"), trial.get("why", "")))
        for trial in trials
        if trial["status"] in ended
    ]


def failed_results(rows: Iterable[dict[str, Any]]) -> list[Failed]:
    """Return the results of attempts that failed, in their order."""
    outcomes = [(row, row.get("result") or {}) for row in rows]
    return [
        Failed(row["job"], _reason(result, ""))
        for row, result in outcomes
        if result.get("outcome") == Outcome.FAILED
    ]


def describe_commonest(failed: list[Failed], total: int) -> str:
    """Return one sentence about what failed most often among `total`; "" when nothing did."""
    if not failed:
        return ""
    # Of equally many, the first.
    (why, times), *others = Counter(one.why for one in failed).most_common()
    example = next(one.job for one in failed if one.why == why)
    often = "Most often: " if others else ""
    return f"{often}{times} of {total} failed with {why}; `idlehands job {example}` shows one of them"


def _reason(result: dict[str, Any] | None, why: str) -> str:
    failure = (result or {}).get("failure")
    words = [failure["kind"], _first_line(failure["message"])] if failure else [_first_line(why)]
    return show(": ".join(filter(None, words)) or "no reason given")


def _first_line(text: str) -> str:
    # A script may have written many, and blank ones before them.
    return next(iter(text.strip().splitlines()), "")
