"""What the trials of a sweep have reported of its metric, as far as it is stored. Read-only.

Of a trial that has ended it is the series of its result, which is whole; of one
that runs it is what came as progress, which is lossy.
"""

import math
from typing import Any

import msgspec
from msgspec import Struct
from pymongo.collection import Collection
from pymongo.database import Database

from hq.core.accounts import values_of
from hq.log.documents import RAW_CODEC, decode_document
from hq.read_models.models import JOBS, RESULTS
from hq.read_models.recorder import PROGRESS
from schemas.facts import MetricPoint
from schemas.states import JobStatus

#: One answer must fit one message.
ANSWER_BYTES = 100 * 1024
TRIALS_AT_ONCE = 200


class SeriesAsked(Struct, frozen=True):
    """Which values are wanted: see `schemas.requests.ReadSeries`."""

    sweep: str
    metric: str
    after: int | None = None
    trials: tuple[int, ...] = ()


def read_series(database: Database[dict[str, Any]], asked: SeriesAsked) -> dict[str, Any]:
    """Return `{"trials": [{trial, job, token, status, steps, values, value}], "more": bool}`.

    `value` is the metric in the result; values are None where they were not finite.

    Raises:
        LogUnreadable: If a document cannot be read.
        PyMongoError: If the database does not answer.
    """
    query: dict[str, Any] = {"spec.sweep": asked.sweep}
    if asked.trials:
        query["spec.trial"] = {"$in": list(asked.trials)}
    elif asked.after is not None:
        query["spec.trial"] = {"$gt": asked.after}
    fields = {"spec.trial": 1, "status": 1, "token": 1}
    found = database[JOBS].find(query, fields).sort("spec.trial", 1).limit(TRIALS_AT_ONCE + 1)
    jobs = list(found)
    trials: list[dict[str, Any]] = []
    room = ANSWER_BYTES
    for job in jobs[:TRIALS_AT_ONCE]:
        trial = _describe(database, job, asked.metric)
        room -= len(msgspec.json.encode(trial))
        if trials and room < 0:
            break
        trials.append(trial)
    return {"trials": trials, "more": len(trials) < len(jobs)}


def _describe(database: Database[dict[str, Any]], job: dict[str, Any], metric: str) -> dict[str, Any]:
    status = JobStatus(job["status"])
    points, value = (
        _of_result(database, job, metric) if status.is_final else (_of_progress(database, job), None)
    )
    values = values_of(metric, points)
    return {
        "trial": int(job["spec"]["trial"]),
        "job": job["_id"],
        "token": int(job["token"]),
        "status": status.value,
        "steps": list(values),
        "values": [None if math.isnan(one) else one for one in values.values()],
        "value": value,
    }


def _of_result(
    database: Database[dict[str, Any]], job: dict[str, Any], metric: str
) -> tuple[tuple[MetricPoint, ...], Any]:
    results: Collection[Any] = database.get_collection(RESULTS, codec_options=RAW_CODEC)
    fields = {"result.series": 1, "result.result": 1}
    document = results.find_one({"job": job["_id"], "verdict": "accepted"}, fields)
    if document is None:
        return (), None
    result = decode_document(document)["result"]
    return _points(result.get("series", ())), (result.get("result") or {}).get(metric)


def _of_progress(database: Database[dict[str, Any]], job: dict[str, Any]) -> tuple[MetricPoint, ...]:
    progress: Collection[Any] = database.get_collection(PROGRESS, codec_options=RAW_CODEC)
    query = {"_id.job": job["_id"], "_id.token": job["token"]}
    rows = (decode_document(document) for document in progress.find(query).sort("_id.seq", 1))
    return _points([{"seq": row["_id"]["seq"], **row} for row in rows])


def _points(rows: Any) -> tuple[MetricPoint, ...]:
    return msgspec.convert(rows, tuple[MetricPoint, ...], strict=False)
