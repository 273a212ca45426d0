"""An oracle that never says no proves nothing: here each invariant is broken once, and it must say so."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.chaos.evidence import Evidence
from tests.chaos.history import Answered, Asked, Cancelled, Noticed, Read, Reused, Spooled
from tests.chaos.logbook import read_logbook
from tests.chaos.oracle import judge
from tests.e2e.workplace import Entry

#: Number, ordinary, exit code 0, no retries, 3 starts.
TAG = "0-1-0:o:0:0:3"
JOB = "jobone"
RESULT = {"job": JOB, "token": 7, "result": {"tag": TAG}}
Break = Callable[[list[dict[str, Any]], Evidence], object]


def log() -> list[dict[str, Any]]:
    """Return a log in which one job is claimed in vain, then runs to its end."""
    submitted = {"type": "JobSubmitted", "job": JOB, "spec": {"params": {"tag": TAG}}}
    decisions: list[list[dict[str, Any]]] = [
        [{"type": "EpochBegan"}],
        [submitted, {"type": "RequestAnswered"}],
        [{"type": "JobClaimed", "job": JOB, "token": 5, "agent": "attic"}],
        [{"type": "AttemptLost", "job": JOB, "token": 5, "agent": "attic"}],
        [{"type": "JobClaimed", "job": JOB, "token": 7, "agent": "cellar"}],
        [{"type": "JobSucceeded", "job": JOB, "token": 7, "result": RESULT}],
    ]
    return [
        {"_id": position, "epoch": 1, "at": float(position), "events": events}
        for position, events in enumerate(decisions, 1)
    ]


def begin(token: int, agent: str, wall: float) -> Entry:
    return Entry("begin", TAG, JOB, token, 2**22 + 1, f"/h/agents/{agent}/home/attempts/a", wall, wall)


def evidence() -> Evidence:
    return Evidence(
        lines=[
            Asked("k", (TAG,), 1.0),
            Answered("k", (JOB,), 2.0),
            Answered("k", (JOB,), 3.0),
            Reused("k", "key_reused"),
            Cancelled(JOB, "already_final"),
            Noticed(JOB, 2, "running"),
            Noticed(JOB, 5, "succeeded"),
            Spooled("cellar", JOB, 7),
        ],
        ledger=[begin(5, "attic", 3.5), begin(7, "cellar", 5.5)],
        log=read_logbook([]),
        jobs={JOB: {"status": "succeeded", "revision": 5}},
        results=[{"job": JOB, "token": 7, "verdict": "accepted", "result": RESULT}],
        left=[],
        differences=[],
    )


def event(documents: list[dict[str, Any]], position: int) -> dict[str, Any]:
    found: dict[str, Any] = documents[position - 1]["events"][0]
    return found


def append(documents: list[dict[str, Any]], *events: dict[str, Any]) -> None:
    documents.append({"_id": len(documents) + 1, "epoch": 1, "at": 9.0, "events": list(events)})


def lose_the_end(documents: list[dict[str, Any]], seen: Evidence) -> None:
    documents.pop()
    seen.jobs[JOB] = {"status": "running", "revision": 4}
    seen.results.clear()
    seen.lines = [line for line in seen.lines if not isinstance(line, Spooled | Noticed)]


def end_twice(documents: list[dict[str, Any]], seen: Evidence) -> None:
    append(documents, {"type": "JobCancelled", "job": JOB})
    seen.jobs[JOB] = {"status": "cancelled", "revision": 6}


def die_early(documents: list[dict[str, Any]], seen: Evidence) -> None:
    documents[5]["events"] = [{"type": "JobDied", "job": JOB, "why": "so"}]
    seen.jobs[JOB] = {"status": "dead", "revision": 5}
    seen.results.clear()
    seen.lines = [line for line in seen.lines if not isinstance(line, Spooled | Noticed)]


BROKEN: dict[str, tuple[Break, str]] = {
    "an accepted job is gone": (
        lambda documents, seen: seen.lines.append(Answered("k", ("jobtwo",), 4.0)),
        "i1",
    ),
    "a job never ends": (lose_the_end, "i1"),
    "a job ends twice": (end_twice, "i1"),
    "an accepted cancel does nothing": (lambda _, seen: seen.lines.append(Cancelled(JOB, "")), "i1"),
    "an exclusive job runs twice at a time": (
        lambda _, seen: seen.ledger.append(
            Entry("beside", "0:x:0:0:3", JOB, 5, 2**22 + 1, "/h/agents/attic/home/attempts/a", 6.0, 6.0)
        ),
        "i2",
    ),
    "a second result is accepted": (
        lambda _, seen: seen.results.append(seen.results[0] | {"token": 5}),
        "i3",
    ),
    "a stored result has changed": (
        lambda _, seen: seen.results[0].update(result={"result": {"tag": "other"}}),
        "i3",
    ),
    "it succeeded without having begun": (lambda _, seen: seen.ledger.pop() and None, "i3"),
    "a spooled result is lost": (lambda _, seen: seen.lines.append(Spooled("attic", JOB, 5)), "i4"),
    "a result is left in a spool": (lambda _, seen: seen.left.append("it is still there"), "i4"),
    "an attempt begins twice": (lambda _, seen: seen.ledger.append(begin(7, "cellar", 5.6)), "i5"),
    "an attempt begins without a grant": (lambda _, seen: seen.ledger.append(begin(6, "attic", 5.0)), "i5"),
    "an attempt begins elsewhere": (lambda log, _: event(log, 5).update(agent="attic"), "i5"),
    "an attempt begins before its grant": (lambda log, _: log[4].update(at=5.9), "i5"),
    "a position is missing": (lambda log, _: log[5].update(_id=7), "i6"),
    "an older epoch follows": (lambda log, _: log[5].update(epoch=0), "i6"),
    "a token does not grow": (lambda log, _: event(log, 3).update(token=9), "i6"),
    "a reader saw another status": (lambda _, seen: seen.lines.append(Noticed(JOB, 4, "queued")), "i22"),
    "a reader saw it go back": (
        lambda _, seen: seen.lines.extend((Read(JOB, 4, "running"), Read(JOB, 3, "queued"))),
        "i22",
    ),
    "a reader saw what was never committed": (
        lambda _, seen: seen.lines.append(Noticed(JOB, 6, "failed")),
        "i22",
    ),
    "a key gets another answer": (lambda _, seen: seen.lines.append(Answered("k", (), 4.0)), "i7"),
    "a key is used twice": (lambda _, seen: seen.lines.append(Reused("k", "")), "i7"),
    "a submission is never answered": (lambda _, seen: seen.lines.append(Asked("l", ("t",), 4.0)), "i7"),
    "a job dies too early": (die_early, "i8"),
    "a read model is behind": (lambda _, seen: seen.jobs[JOB].update(status="running"), "i11"),
    "a read model is not the fold": (lambda _, seen: seen.differences.append("jobs differ"), "i11"),
}


def test_a_run_without_fault_has_no_violation() -> None:
    seen = evidence()
    seen.log = read_logbook(log())

    assert judge(seen) == []


@pytest.mark.parametrize("name", BROKEN)
def test_each_broken_invariant_is_found(name: str) -> None:
    breaks, invariant = BROKEN[name]
    documents, seen = log(), evidence()

    breaks(documents, seen)
    seen.log = read_logbook(documents)

    assert invariant in {violation.partition("_")[0] for violation in judge(seen)}
