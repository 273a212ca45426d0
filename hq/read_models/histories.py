"""The histories of running sweeps, as HQ has them in memory, from the read models."""

from collections.abc import Mapping
from typing import Any

from pymongo.collection import Collection
from pymongo.database import Database

from hq.core.history import LAST_POINTS, History, build_end
from hq.core.state import Sweep
from hq.log.documents import RAW_CODEC, decode_document
from hq.read_models.models import JOBS, RESULTS
from schemas.states import JobStatus
from schemas.trials import Descent


def read_histories(database: Database[dict[str, Any]], sweeps: Mapping[str, Sweep]) -> dict[str, History]:
    """Return the history of each running sweep. The read models must be in step with the log.

    Raises:
        LogUnreadable: If a document is damaged.
        PyMongoError: If the database does not answer.
    """
    return {identity: _read(database, sweep) for identity, sweep in sweeps.items()}


def _read(database: Database[dict[str, Any]], sweep: Sweep) -> History:
    results = {
        row["job"]: row.get("result")
        for row in _rows(
            database,
            RESULTS,
            {"sweep": sweep.id, "verdict": "accepted"},
            {
                "job": 1,
                "result.result": 1,
                "result.result_blob": 1,
                "result.checkpoint": 1,
                "result.series": {"$slice": -LAST_POINTS},
            },
        )
    }
    fields = {"spec.trial": 1, "spec.params": 1, "spec.lineage": 1, "status": 1, "position": 1}
    trials = {row["spec"]["trial"]: row for row in _rows(database, JOBS, {"spec.sweep": sweep.id}, fields)}
    history = History()
    for number in range(sweep.proposed):
        row = trials.get(number)
        if row is None:
            history.add_trial({}, Descent(0) if sweep.spec.sampler == "pbt" else None)
            history.add_gone(number)
            continue
        # With what the sweep gives to every trial: whoever reads them knows the space.
        lineage = row["spec"].get("lineage")
        descent = None if lineage is None else Descent(lineage["member"], lineage.get("parent"))
        history.add_trial(row["spec"].get("params", {}), descent)
        status = JobStatus(row["status"])
        if status.is_final:
            end = build_end(sweep.spec, number, status, results.get(row["_id"]))
            history.add_end(row["position"], row["_id"], end)
    return history


def _rows(
    database: Database[dict[str, Any]], name: str, query: dict[str, Any], fields: dict[str, Any]
) -> list[dict[str, Any]]:
    # Not with majority: what this start itself has just written and deleted is to be seen.
    collection: Collection[Any] = database.get_collection(name, codec_options=RAW_CODEC)
    return [decode_document(raw) for raw in collection.find(query, fields)]
