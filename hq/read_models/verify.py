"""Are the read models the fold of the event log? The check behind that promise."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from pymongo.database import Database
from pymongo.read_concern import ReadConcern

from hq.core.evolve import apply
from hq.core.state import (
    IDEMPOTENCY_SECONDS,
    Answer,
    Change,
    Deleted,
    Job,
    Relabelled,
    StoredChange,
    StoredResult,
    Sweep,
)
from hq.log.documents import RAW_CODEC
from hq.log.port import EventLog
from hq.read_models.base import Base, check_base, load_base, read_base, read_changes
from hq.read_models.deletion import read_unsettled
from hq.read_models.models import (
    COLLECTIONS,
    JOBS,
    PIPELINES,
    REQUESTS,
    RESULTS,
    SWEEPS,
    Place,
    change_of,
    document_of,
    place_of,
)
from hq.read_models.writer import read_checkpoint

_DELETABLE = (JOBS, SWEEPS, PIPELINES, RESULTS)


class Difference(Struct, frozen=True):
    """A document that is not what the log says."""

    collection: str
    identity: Any
    what: str


class _Expected(Struct, frozen=True):
    position: int
    digest: bytes
    at: float | None
    #: They change after the end, when nothing else of a document does.
    labels: tuple[Any, ...]


def find_differences(database: Database[dict[str, Any]], log: EventLog) -> list[Difference]:
    """Return how the read models differ from the fold of the log up to their checkpoint.

    An HQ may run meanwhile: documents that are ahead of the checkpoint are not judged.

    Raises:
        LogUnavailable: If the database does not answer.
        LogUnreadable: If the log or a document cannot be read.
        ReadModelsUnusable: If a rebuild is going on or was interrupted.
        InvalidTransition: If the log itself makes no sense.
    """
    checkpoint, _ = read_checkpoint(database)
    unsettled = read_unsettled(database, checkpoint)
    base = read_base(database)
    expected, forgotten = _fold(database, base, log, checkpoint)
    check_base(database, base)
    found = [*_judge(database, expected, checkpoint, forgotten)]
    # Documents of what is deleted at this moment are neither here nor there.
    unsettled |= read_unsettled(database, checkpoint)
    return [one for one in found if not (one.collection in _DELETABLE and _owner_of(one) in unsettled)]


def _owner_of(difference: Difference) -> str:
    identity = difference.identity
    return str(identity[0] if difference.collection == RESULTS else identity)


def _fold(
    database: Database[dict[str, Any]], base: Base, log: EventLog, checkpoint: int
) -> tuple[dict[Place, _Expected], float]:
    """Return what should be there, and before when answers need not be there any more."""
    state, expected, latest = load_base(database, base), dict[Place, _Expected](), 0.0
    results: dict[str, list[Place]] = {}

    def expect(changes: Iterable[Change]) -> None:
        for change in changes:
            place = place_of(change)
            if isinstance(change, Deleted):
                for gone in (place, *results.pop(change.id, ())):
                    expected.pop(gone, None)
                continue
            if isinstance(change, StoredResult):
                results.setdefault(change.job, []).append(place)
            if isinstance(change, Relabelled):
                if (known := expected.get(place)) is not None:
                    expected[place] = replace(known, labels=_labels_of(change))
                continue
            if place[0] != RESULTS or place not in expected:
                expected[place] = _Expected(
                    change.position, _digest(change), getattr(change, "at", None), _labels_of(change)
                )

    expect(read_changes(database, base))
    for decision in log.read_after(base.position, limit=checkpoint - base.position):
        latest = max(latest, decision.at)
        expect(apply(state, decision))
    return expected, latest - IDEMPOTENCY_SECONDS


def _judge(
    database: Database[dict[str, Any]], expected: dict[Place, _Expected], checkpoint: int, forgotten: float
) -> Iterator[Difference]:
    for name in COLLECTIONS:
        stored = database.get_collection(name, codec_options=RAW_CODEC, read_concern=ReadConcern("majority"))
        documents: Iterator[Any] = stored.find({})
        for document in documents:
            change = change_of(name, document)
            place = place_of(change)
            wanted = expected.pop(place, None)
            if change.position > checkpoint or getattr(change, "labelled", 0) > checkpoint:
                continue
            if wanted is None and isinstance(change, Answer) and change.at < forgotten:
                continue  # a snapshot has forgotten it, the read models have not yet
            if wanted is None:
                yield Difference(
                    name, place[1], f"is there, at position {change.position}, but not in the log"
                )
            elif change.position != wanted.position:
                yield Difference(
                    name, place[1], f"reflects position {change.position}, should be {wanted.position}"
                )
            elif _labels_of(change) != wanted.labels:
                yield Difference(name, place[1], "has other labels than the log gives it")
            elif _digest(change) != wanted.digest:
                yield Difference(name, place[1], "has other content than the log gives it")
    for place, wanted in expected.items():
        is_forgotten = place[0] == REQUESTS and (wanted.at or 0.0) < forgotten
        if not is_forgotten:
            yield Difference(place[0], place[1], f"is missing, should be at position {wanted.position}")


def _labels_of(change: Change) -> tuple[Any, ...]:
    if not isinstance(change, Job | Sweep | Relabelled):
        return ()
    return change.project, tuple(change.tags), change.note, change.labelled


def _digest(change: StoredChange) -> bytes:
    # Through the document and back, so that 0 and 0.0, or a field added later, are no difference.
    stored = change_of(place_of(change)[0], document_of(change))
    if isinstance(stored, Job | Sweep):
        stored = replace(stored, project="", tags=(), note="", labelled=0)
    return hashlib.sha256(msgspec.json.encode(stored, order="sorted")).digest()
