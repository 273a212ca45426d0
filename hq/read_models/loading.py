"""The state at HQ's start: read models, then the log after their checkpoint.

The read models may be ahead of their checkpoint in part, when HQ died between
two writes. So each document is only looked at from the position that it
reflects on: until then it stays hidden, and events of it are skipped.

    checkpoint          document's position       tail
        |-- events skipped --|-- events folded --|
"""

from typing import Any

from pymongo import ASCENDING, DESCENDING
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from hq.core.evolve import InvalidTransition, Moment, evolve
from hq.core.state import (
    FINISHED_KEPT,
    REPORTED_KEPT,
    AgentRecord,
    Answer,
    Change,
    Finished,
    Job,
    State,
    Sweep,
)
from hq.log.connection import explain, is_refusal
from hq.log.documents import RAW_CODEC, decode_document
from hq.log.port import EventLog, LogUnavailable, LogUnreadable
from hq.read_models.models import AGENTS, JOBS, REQUESTS, RESULTS, SWEEPS, ReadModelsUnusable, change_of
from hq.read_models.writer import Changes, ReadModelWriter, read_checkpoint
from schemas.events import (
    JOB_EVENTS,
    SWEEP_EVENTS,
    AnyEvent,
    Decision,
    JobCancelled,
    JobDied,
    JobFailed,
    JobSucceeded,
)
from schemas.states import FINAL_STATUSES, JobStatus, SweepStatus

_ENDS = (JobSucceeded, JobFailed, JobCancelled, JobDied)
#: Documents that are written at once while a long tail is folded.
WRITE_AT = 2000
_AHEAD = (
    "The read models are ahead of the event log, which was perhaps restored from a backup. "
    "Run `idlehands hq rebuild`."
)
_LIVE = [status.value for status in JobStatus if status not in FINAL_STATUSES]


def load(database: Database[dict[str, Any]], log: EventLog) -> tuple[State, ReadModelWriter]:
    """Return the fold of the whole log, and the writer with which to go on.

    Afterwards the read models are in step with the log. Call it after
    `begin_epoch`, so that no older leader can append any more.

    Raises:
        LogUnavailable: If the database does not answer.
        LogUnreadable: If the log or a document cannot be read or do not fit each other.
        ReadModelsUnusable: If a rebuild is going on or was interrupted.
    """
    try:
        checkpoint, generation = read_checkpoint(database)
        # In this order: a document that is written meanwhile is found by the second query of its collection.
        loader = _Loader(database, checkpoint)
        writer = ReadModelWriter(database, generation)
        loader.fold(log, writer)
    except PyMongoError as error:
        why = explain(database, error)
        raise (LogUnreadable(why) if is_refusal(database, error) else LogUnavailable(why)) from error
    return loader.state, writer


class _Loader:
    """Reads the documents, then folds the tail into them."""

    def __init__(self, database: Database[dict[str, Any]], checkpoint: int) -> None:
        self._database = database
        self._checkpoint = checkpoint
        self.state = State()
        self.state.position = checkpoint
        #: Documents ahead of the position that the fold has reached.
        self._hidden_jobs: dict[str, Job] = {}
        self._hidden_sweeps: dict[str, Sweep] = {}
        #: position -> what to take out of hiding once the fold has passed it.
        self._appearing: dict[int, list[Job | Sweep]] = {}
        #: Accepted tokens of hidden jobs that ended.
        self._accepted: dict[str, int] = {}
        self._read_jobs()
        self._read_finished()
        self._read_the_rest()

    # --- documents ---------------------------------------------------------------

    def _collection(self, name: str) -> Collection[Any]:
        return self._database.get_collection(
            name, codec_options=RAW_CODEC, read_concern=ReadConcern("majority")
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
        for query in ({"status": SweepStatus.RUNNING.value}, self._ahead()):
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
        for document in self._collection(REQUESTS).find({}).sort("position", ASCENDING):
            answer = change_of(REQUESTS, document)
            assert isinstance(answer, Answer)  # noqa: S101
            self.state.remember_answer(answer)

    def _hide(self, entity: Job | Sweep) -> None:
        # Found twice when it changed between two queries: the later one counts.
        hidden: dict[str, Any] = self._hidden_jobs if isinstance(entity, Job) else self._hidden_sweeps
        live: dict[str, Any] = self.state.jobs if isinstance(entity, Job) else self.state.sweeps
        live.pop(entity.id, None)
        hidden[entity.id] = entity

    # --- the tail ------------------------------------------------------------------

    def fold(self, log: EventLog, writer: ReadModelWriter) -> None:
        """Fold the log after the checkpoint and write what it changes."""
        at_checkpoint = log.header_at(self._checkpoint)
        self.state.epoch = at_checkpoint.epoch if at_checkpoint else 0
        if self._checkpoint and at_checkpoint is None:
            raise ReadModelsUnusable(_AHEAD)
        hidden: list[Job | Sweep] = [*self._hidden_jobs.values(), *self._hidden_sweeps.values()]
        for entity in hidden:
            self._appearing.setdefault(entity.position, []).append(entity)
        changes = Changes()
        for decision in log.read_after(self._checkpoint):
            changes.add(decision.position, self._fold_decision(decision))
            if len(changes) >= WRITE_AT:
                writer.write(changes)
                changes = Changes()
        if changes.position:
            writer.write(changes)
        if self._appearing:
            raise ReadModelsUnusable(_AHEAD)
        for job in self.state.jobs.values():
            if job.spec.sweep in self.state.sweeps:
                self.state.trials.setdefault(job.spec.sweep or "", set()).add(job.id)

    def _fold_decision(self, decision: Decision) -> list[Change]:
        changes: list[Change] = []
        for index, event in enumerate(decision.events):
            moment = Moment(decision.position, index, decision.at)
            try:
                changes.extend(self._fold_event(event, moment))
            except InvalidTransition as error:
                raise LogUnreadable(
                    f"Position {decision.position} of the event log does not follow from what is before: "
                    f"{error}. If `idlehands hq rebuild` ends with the same error, the log is damaged."
                ) from error
        self.state.position = decision.position
        for entity in self._appearing.pop(decision.position, ()):
            self._show(entity)
        return changes

    def _fold_event(self, event: AnyEvent, moment: Moment) -> list[Change]:
        if isinstance(event, SWEEP_EVENTS):
            return [] if event.sweep in self._hidden_sweeps else evolve(self.state, event, moment)  # type: ignore[union-attr]
        if not isinstance(event, JOB_EVENTS):
            return evolve(self.state, event, moment)
        hidden = self._hidden_jobs.get(event.job)  # type: ignore[union-attr]
        if hidden is None:
            return evolve(self.state, event, moment)
        # Its results and its sweep were written before it, so there is nothing else to do.
        if isinstance(event, _ENDS):
            self._accepted[hidden.id] = getattr(event, "token", None) or 0
        return []

    def _show(self, entity: Job | Sweep) -> None:
        if isinstance(entity, Sweep):
            del self._hidden_sweeps[entity.id]
            if not entity.status.is_final:
                self.state.sweeps[entity.id] = entity
            return
        del self._hidden_jobs[entity.id]
        if entity.status.is_final:
            self.state.remember_finished(entity, self._accepted.pop(entity.id, 0))
        else:
            self.state.jobs[entity.id] = entity
