"""How jobs and sweeps ended, from the read models: for those that wait for them."""

from collections.abc import Iterable
from typing import Any

from pymongo.collection import Collection
from pymongo.database import Database

from hq.core.decide.deletion import MAX_DELETED
from hq.core.decide.labels import FoundLabels, Labels, labels_of
from hq.core.dependents import Ended, FoundPipeline, end_of_job, end_of_sweep
from hq.core.state import Job, Pipeline, StoredResult, Sweep
from hq.log.documents import RAW_CODEC
from hq.read_models.models import JOBS, PIPELINES, RESULTS, SWEEPS, change_of


def read_ends(database: Database[dict[str, Any]], parents: Iterable[str]) -> dict[str, Ended]:
    """Return how those of the parents stand that there are, also if they have not ended.

    Raises:
        PyMongoError: If the database does not answer.
        LogUnreadable: If a document cannot be read.
    """
    wanted = list(parents)
    ends = _read_jobs(database, [one for one in wanted if one.startswith("j")])
    for document in _of(database, SWEEPS).find({"_id": {"$in": [p for p in wanted if p.startswith("s")]}}):
        sweep = change_of(SWEEPS, document)
        if isinstance(sweep, Sweep):
            ends[sweep.id] = _end_of(database, sweep)
    return ends


def read_pipeline(database: Database[dict[str, Any]], name: str) -> FoundPipeline:
    """Return a pipeline, if there is such a one, and how its steps stand. Raises as `read_ends`."""
    document = _of(database, PIPELINES).find_one({"_id": name})
    pipeline = change_of(PIPELINES, document) if document is not None else None
    if not isinstance(pipeline, Pipeline):
        return FoundPipeline(None, {})
    ends = read_ends(database, pipeline.steps.values())
    return FoundPipeline(pipeline, ends, _read_own(database, pipeline))


def _read_own(database: Database[dict[str, Any]], pipeline: Pipeline) -> dict[str, tuple[str, ...]]:
    steps = list(pipeline.steps.values())
    jobs = _of(database, JOBS)
    own: dict[str, tuple[str, ...]] = {}
    for found in jobs.find({"_id": {"$in": steps}, "spec.pipeline": pipeline.id}, {"_id": 1}):
        own[found["_id"]] = ()
    for found in _of(database, SWEEPS).find(
        {"_id": {"$in": steps}, "spec.job.pipeline": pipeline.id}, {"_id": 1}
    ):
        trials = jobs.find({"spec.sweep": found["_id"]}, {"_id": 1}).limit(MAX_DELETED + 1)
        own[found["_id"]] = tuple(trial["_id"] for trial in trials)
    return own


def read_labels(database: Database[dict[str, Any]], ids: Iterable[str]) -> FoundLabels:
    """Return the labels of those jobs and sweeps that there are. Raises as `read_ends`."""
    wanted = list(ids)
    found: dict[str, Labels] = {}
    for name in (JOBS, SWEEPS):
        for document in _of(database, name).find({"_id": {"$in": wanted}}):
            thing = change_of(name, document)
            if isinstance(thing, Job | Sweep):
                found[thing.id] = labels_of(thing)
    return FoundLabels(found)


def _read_jobs(database: Database[dict[str, Any]], wanted: list[str]) -> dict[str, Ended]:
    if not wanted:
        return {}
    results: dict[str, StoredResult] = {}
    accepted = {"job": {"$in": wanted}, "verdict": "accepted"}
    for document in _of(database, RESULTS).find(accepted).sort("position", 1):
        stored = change_of(RESULTS, document)
        if isinstance(stored, StoredResult):
            results[stored.job] = stored
    ends: dict[str, Ended] = {}
    for document in _of(database, JOBS).find({"_id": {"$in": wanted}}):
        job = change_of(JOBS, document)
        if isinstance(job, Job):
            ends[job.id] = end_of_job(job, results[job.id].result if job.id in results else None)
    return ends


def _end_of(database: Database[dict[str, Any]], sweep: Sweep) -> Ended:
    if sweep.best_trial is None:
        return end_of_sweep(sweep, None, None)
    trial = {"spec.sweep": sweep.id, "spec.trial": sweep.best_trial}
    found = _of(database, JOBS).find_one(trial)
    job = change_of(JOBS, found) if found is not None else None
    if not isinstance(job, Job):
        return end_of_sweep(sweep, None, None)
    return end_of_sweep(sweep, job.id, dict(job.spec.params))


def _of(database: Database[dict[str, Any]], name: str) -> Collection[Any]:
    return database.get_collection(name, codec_options=RAW_CODEC)
