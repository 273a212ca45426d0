"""Which checkpoints of populations are needed: those from which a trial may still go on, and the best one's.

    the sweep has not ended --> what its live trials began with, and what later ones may go on from
    it has ended            --> what its best trial left

All others are let go, though results and specs go on naming them: they say where
a trial came from. An ordinary job's checkpoint is no business of this module.
"""

from typing import Any

from bson import CodecOptions
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.read_concern import ReadConcern

from hq.core.history import build_end
from hq.core.state import Sweep
from hq.log.documents import RAW_CODEC, decode_document
from hq.read_models.models import JOBS, RESULTS, SWEEPS, change_of
from hq.search.population import Population
from schemas.states import FINAL_STATUSES, JobStatus
from schemas.trials import Descent

_FINAL = {status.value for status in FINAL_STATUSES}


def read_needed(database: Database[dict[str, Any]]) -> tuple[set[str], list[str]]:
    """Return the sha256 of every checkpoint that a population needs, and the ids of all populations.

    Raises:
        PyMongoError: If the database does not answer.
        LogUnreadable: If a document is damaged.
    """
    needed: set[str] = set()
    names: list[str] = []
    for document in _collection(database, SWEEPS).find({"spec.sampler": "pbt"}):
        sweep = change_of(SWEEPS, document)
        assert isinstance(sweep, Sweep)  # noqa: S101 - for the type checker
        names.append(sweep.id)
        needed |= _of_ended(database, sweep) if sweep.status.is_final else _of_running(database, sweep)
    return needed, names


def _of_ended(database: Database[dict[str, Any]], sweep: Sweep) -> set[str]:
    if sweep.best_trial is None:
        return set()
    left = _read_left(database, sweep, {"trial": sweep.best_trial})
    return {result["checkpoint"]["sha256"] for result in left.values()}


def _of_running(database: Database[dict[str, Any]], sweep: Sweep) -> set[str]:
    # Trials first: the document of one that has ended is never ahead of its result.
    fields = {"spec.trial": 1, "spec.lineage": 1, "checkpoint": 1, "status": 1, "position": 1}
    rows = {row["spec"]["trial"]: row for row in _rows(database, JOBS, {"spec.sweep": sweep.id}, fields)}
    left = _read_left(database, sweep, {})
    needed: set[str] = set()
    for row in rows.values():
        if row["status"] not in _FINAL:
            for one in (row.get("checkpoint"), row["spec"]["lineage"].get("checkpoint")):
                needed |= {one["sha256"]} if one is not None else set()
    everything = {result["checkpoint"]["sha256"] for result in left.values()}
    again = _collection(database, SWEEPS).find_one({"_id": sweep.id})
    later = None if again is None else change_of(SWEEPS, again)
    if not isinstance(later, Sweep) or (later.spec, later.settled) != (sweep.spec, sweep.settled):
        # It was changed in this very moment: the next round sees more.
        return needed | everything
    # HQ may be ahead of what is read here, and what is proposed later needs no more than what comes next.
    proposed = next(number for number in range(len(rows) + 1) if number not in rows)
    ended = sorted(
        (row for number, row in rows.items() if row["status"] in _FINAL and number < proposed),
        key=lambda row: (row["position"], row["spec"]["trial"]),
    )
    ends = [
        build_end(sweep.spec, row["spec"]["trial"], JobStatus(row["status"]), left.get(row["_id"]))
        for row in ended
    ]
    lines = (rows[number]["spec"]["lineage"] for number in range(proposed))
    descents = [Descent(line["member"], line.get("parent")) for line in lines]
    population = Population(sweep.spec, "", sweep.settled)
    sources = population.find_sources(proposed, ends, descents)
    return needed | {
        end.checkpoint.sha256 for end in ends if end.checkpoint is not None and end.trial in sources
    }


def _read_left(
    database: Database[dict[str, Any]], sweep: Sweep, query: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """Return the accepted results that name a checkpoint, by job, without their series."""
    wanted = {"sweep": sweep.id, "verdict": "accepted", "result.checkpoint": {"$ne": None}, **query}
    fields = {"job": 1, "result.result": 1, "result.result_blob": 1, "result.checkpoint": 1}
    return {row["job"]: row["result"] for row in _rows(database, RESULTS, wanted, fields)}


def _rows(
    database: Database[dict[str, Any]], name: str, query: dict[str, Any], fields: dict[str, Any]
) -> list[dict[str, Any]]:
    return [decode_document(raw) for raw in _collection(database, name).find(query, fields)]


def _collection(database: Database[dict[str, Any]], name: str) -> Collection[Any]:
    codec: CodecOptions[Any] = RAW_CODEC
    return database.get_collection(name, codec_options=codec, read_concern=ReadConcern("majority"))
