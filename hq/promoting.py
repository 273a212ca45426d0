"""What is stored of a job that is to be a model: read for HQ, which decides by it."""

import datetime
from typing import Any

from msgspec import convert
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.read_concern import ReadConcern

from hq.core.decide.models import Source
from hq.core.state import Job, Sweep
from hq.log.documents import RAW_CODEC, decode_document
from hq.read_models.models import JOBS, RESULTS, SWEEPS, change_of
from schemas.facts import AttemptResult

FILES = "blobs.files"


def read_source(database: Database[dict[str, Any]], job: str | None, sweep: str | None) -> Source:
    """Return a job, or the best trial of a sweep, with its result that counts.

    The blobs of its artifacts are noted as wanted, so that they outlive the next clean-up.

    Raises:
        LogUnreadable: If a document cannot be read.
        PyMongoError: If the database does not answer.
    """
    searched = None if sweep is None else _read_sweep(database, sweep)
    if sweep is not None:
        if searched is None or searched.best_trial is None:
            return Source(sweep=searched)
        found = _read_job(database, {"spec.sweep": sweep, "spec.trial": searched.best_trial})
    else:
        found = _read_job(database, {"_id": job})
    if found is None:
        return Source(sweep=searched)
    if searched is None and found.spec.sweep is not None:
        searched = _read_sweep(database, found.spec.sweep)
    agent, result = _read_result(database, found.id)
    hashes = [] if result is None else sorted({file.sha256 for file in result.artifacts})
    return Source(found, result, agent, searched, _want(database, hashes))


def _read_job(database: Database[dict[str, Any]], query: dict[str, Any]) -> Job | None:
    jobs: Collection[Any] = database.get_collection(JOBS, codec_options=RAW_CODEC)
    found = jobs.find_one(query)
    job = None if found is None else change_of(JOBS, found)
    return job if isinstance(job, Job) else None


def _read_sweep(database: Database[dict[str, Any]], sweep: str) -> Sweep | None:
    sweeps: Collection[Any] = database.get_collection(SWEEPS, codec_options=RAW_CODEC)
    found = sweeps.find_one({"_id": sweep})
    change = None if found is None else change_of(SWEEPS, found)
    return change if isinstance(change, Sweep) else None


def _read_result(database: Database[dict[str, Any]], job: str) -> tuple[str, AttemptResult | None]:
    results: Collection[Any] = database.get_collection(RESULTS, codec_options=RAW_CODEC)
    found = results.find_one({"job": job, "verdict": "accepted"}, {"result.series": 0})
    if found is None:
        return "", None
    document = decode_document(found)
    return document.get("agent", ""), convert(document["result"], AttemptResult)


def _want(database: Database[dict[str, Any]], hashes: list[str]) -> frozenset[str]:
    if not hashes:
        return frozenset()
    # Dearer than a look: the clean-up may be about to delete them, and leaves what is wanted now.
    files = database[FILES].with_options(read_concern=ReadConcern("majority"))
    now = datetime.datetime.now(datetime.UTC)
    named = {"filename": {"$in": hashes}}
    files.update_many(named, {"$set": {"wanted": now}})
    return frozenset(str(row["filename"]) for row in files.find(named, {"filename": 1}))
