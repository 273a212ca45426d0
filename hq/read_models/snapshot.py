"""The read models as documents: the state as of their checkpoint, and what is ahead of it.

Only what reached the majority is read. A document that is written meanwhile,
by an HQ that no longer leads, is found by the second query of its collection.
"""

from typing import Any

from pymongo import ASCENDING, DESCENDING
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.read_concern import ReadConcern

from hq.core.state import (
    FINISHED_KEPT,
    REPORTED_KEPT,
    AgentRecord,
    Answer,
    Finished,
    Job,
    Limit,
    Model,
    Schedule,
    Service,
    State,
    Sweep,
)
from hq.log.documents import RAW_CODEC, decode_document
from hq.read_models.models import (
    AGENTS,
    JOBS,
    LIMITS,
    MODELS,
    REQUESTS,
    RESULTS,
    SCHEDULES,
    SERVICES,
    SWEEPS,
    change_of,
)
from schemas.states import FINAL_STATUSES, JobStatus, SweepStatus

_LIVE = [status.value for status in JobStatus if status not in FINAL_STATUSES]
_LIVE_SWEEPS = [status.value for status in SweepStatus if not status.is_final]


class Snapshot:
    """The state as of the checkpoint, and what is ahead of it.

    Attributes:
        state: Up to and including the checkpoint.
        hidden_jobs: Documents that are ahead, by id.
        hidden_sweeps: Likewise.

    Raises:
        LogUnreadable: If a document cannot be read.
        PyMongoError: If the database does not answer.
    """

    def __init__(self, database: Database[dict[str, Any]], checkpoint: int, prefix: str = "") -> None:
        self._database = database
        self._prefix = prefix
        self._checkpoint = checkpoint
        self.state = State()
        self.state.position = checkpoint
        self.hidden_jobs: dict[str, Job] = {}
        self.hidden_sweeps: dict[str, Sweep] = {}
        self._read_jobs()
        self._read_finished()
        self._read_the_rest()

    def _collection(self, name: str) -> Collection[Any]:
        return self._database.get_collection(
            self._prefix + name, codec_options=RAW_CODEC, read_concern=ReadConcern("majority")
        )

    def _ahead(self) -> dict[str, Any]:
        return {"position": {"$gt": self._checkpoint}}

    def _read_jobs(self) -> None:
        jobs = self._collection(JOBS)
        for query in ({"status": {"$in": _LIVE}}, self._ahead()):
            for document in jobs.find(query):
                job = change_of(JOBS, document)
                assert isinstance(job, Job)  # noqa: S101 - for the type checker
                if job.position > self._checkpoint:
                    self._hide(job)
                elif not job.status.is_final:
                    self.state.jobs[job.id] = job

    def _read_finished(self) -> None:
        accepted: dict[str, int] = {}
        fields = {"job": 1, "token": 1, "verdict": 1}
        reported = self._collection(RESULTS).find({}, fields).sort("position", DESCENDING)
        for row in reversed([decode_document(raw) for raw in reported.limit(REPORTED_KEPT)]):
            self.state.remember_reported(row["job"], row["token"], row["verdict"])
            if row["verdict"] == "accepted":
                accepted[row["job"]] = row["token"]
        ended = {"status": {"$nin": _LIVE}, "position": {"$lte": self._checkpoint}}
        fields = {"status": 1, "revision": 1}
        latest = self._collection(JOBS).find(ended, fields).sort("position", DESCENDING)
        for row in reversed([decode_document(raw) for raw in latest.limit(FINISHED_KEPT)]):
            status = JobStatus(row["status"])
            self.state.finished[row["_id"]] = Finished(status, accepted.get(row["_id"], 0), row["revision"])

    def _read_the_rest(self) -> None:
        sweeps = self._collection(SWEEPS)
        for query in ({"status": {"$in": _LIVE_SWEEPS}}, self._ahead()):
            for document in sweeps.find(query):
                sweep = change_of(SWEEPS, document)
                assert isinstance(sweep, Sweep)  # noqa: S101
                if sweep.position > self._checkpoint:
                    self._hide(sweep)
                elif not sweep.status.is_final:
                    self.state.sweeps[sweep.id] = sweep
        for document in self._collection(AGENTS).find({}):
            record = change_of(AGENTS, document)
            assert isinstance(record, AgentRecord)  # noqa: S101
            self.state.agents[record.name] = record
        for document in self._collection(SERVICES).find({}):
            service = change_of(SERVICES, document)
            assert isinstance(service, Service)  # noqa: S101
            self.state.services[service.name] = service
        for document in self._collection(SCHEDULES).find({}):
            schedule = change_of(SCHEDULES, document)
            assert isinstance(schedule, Schedule)  # noqa: S101
            self.state.schedules[schedule.name] = schedule
        for document in self._collection(LIMITS).find({}):
            limit = change_of(LIMITS, document)
            assert isinstance(limit, Limit)  # noqa: S101
            if limit.at_most is not None:
                self.state.limits[limit.id] = limit.at_most
        for document in self._collection(MODELS).find({}):
            model = change_of(MODELS, document)
            assert isinstance(model, Model)  # noqa: S101
            self.state.models[model.name] = model
        for document in self._collection(REQUESTS).find({}).sort("position", ASCENDING):
            answer = change_of(REQUESTS, document)
            assert isinstance(answer, Answer)  # noqa: S101
            self.state.remember_answer(answer)

    def _hide(self, entity: Job | Sweep) -> None:
        # Found twice when it changed between two queries: the later one counts.
        hidden: dict[str, Any] = self.hidden_jobs if isinstance(entity, Job) else self.hidden_sweeps
        live: dict[str, Any] = self.state.jobs if isinstance(entity, Job) else self.state.sweeps
        live.pop(entity.id, None)
        hidden[entity.id] = entity
