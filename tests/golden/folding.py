"""What a log folds to, in a form that can be written down and compared."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from hq.core.evolve import apply
from hq.core.state import (
    AgentRecord,
    Answer,
    Change,
    Finished,
    Job,
    Relabelled,
    Service,
    State,
    StoredResult,
    Sweep,
    with_labels,
)
from schemas.events import Decision

LOG = "log.jsonl"
STATE = "state.json"


class Folded(Struct, frozen=True):
    """The read models' documents, and what of them HQ keeps in memory."""

    position: int
    epoch: int
    live_jobs: list[str]
    live_sweeps: list[str]
    finished: dict[str, Finished]
    reported: list[tuple[str, int, str]]
    trials: dict[str, list[str]]
    jobs: list[Job]
    sweeps: list[Sweep]
    agents: list[AgentRecord]
    answers: list[Answer]
    results: list[StoredResult]
    #: The first logs had none.
    services: list[Service] = []


def fold(decisions: Iterable[Decision]) -> Folded:
    """Return what decisions fold to."""
    state = State()
    latest: dict[Any, Change] = {}
    for decision in decisions:
        for change in apply(state, decision):
            match change:
                case Job(id=identity) | Sweep(id=identity):
                    latest[type(change), identity] = change
                case Relabelled(id=identity):
                    known = next(
                        one for kind, one in latest.items() if kind in ((Job, identity), (Sweep, identity))
                    )
                    assert isinstance(known, Job | Sweep)
                    latest[type(known), identity] = with_labels(known, change)
                case AgentRecord(name=name):
                    latest[AgentRecord, name] = change
                case Service(name=name):
                    latest[Service, name] = change
                case Answer(submitter=submitter, key=key):
                    latest[Answer, submitter, key] = change
                case StoredResult(job=job, token=token):
                    latest.setdefault((StoredResult, job, token), change)

    def of(kind: type[Any]) -> list[Any]:
        return [change for change in latest.values() if isinstance(change, kind)]

    return Folded(
        position=state.position,
        epoch=state.epoch,
        live_jobs=sorted(state.jobs),
        live_sweeps=sorted(state.sweeps),
        finished=dict(state.finished),
        reported=[(job, token, verdict) for (job, token), verdict in state.reported.items()],
        trials={sweep: sorted(jobs) for sweep, jobs in state.trials.items()},
        jobs=of(Job),
        sweeps=of(Sweep),
        agents=of(AgentRecord),
        answers=of(Answer),
        results=of(StoredResult),
        services=of(Service),
    )


def write(folder: Path, decisions: list[Decision]) -> None:
    """Write a new golden folder.

    Raises:
        FileExistsError: If it is there: what was once written stays as it is.
    """
    folder.mkdir()
    (folder / LOG).write_bytes(b"".join(msgspec.json.encode(d) + b"\n" for d in decisions))
    (folder / STATE).write_bytes(msgspec.json.format(msgspec.json.encode(fold(decisions)), indent=1))


def read_log(folder: Path) -> list[Decision]:
    """Return the decisions of a golden folder."""
    return msgspec.json.decode(
        b"[" + b",".join((folder / LOG).read_bytes().splitlines()) + b"]", type=list[Decision]
    )


def read_state(folder: Path) -> Any:
    """Return what the decisions folded to when they were written down, as it was written."""
    return msgspec.json.decode((folder / STATE).read_bytes())


def find_difference(written: Any, folded: Any, place: str = "") -> str:
    """Return where a fold is not what was once written, "" when it is. What it knows beside that is new."""
    if isinstance(written, dict) and isinstance(folded, dict):
        places = ((key, written[key], folded.get(key, "missing")) for key in written)
    elif isinstance(written, list) and isinstance(folded, list | tuple) and len(written) == len(folded):
        places = zip(range(len(written)), written, folded, strict=True)  # type: ignore[assignment]
    else:
        return "" if written == folded else f"{place}: {written!r} was written, and now it is {folded!r}"
    found = (find_difference(old, new, f"{place}/{key}") for key, old, new in places)
    return next(filter(None, found), "")
