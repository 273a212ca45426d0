"""The state at HQ's start: read models, then the log after their checkpoint.

The read models may be ahead of their checkpoint in part, when HQ died between
two writes. So each document is only looked at from the position that it
reflects on: until then it stays hidden, and events of it are skipped.

    checkpoint          document's position       tail
        |-- events skipped --|-- events folded --|
"""

from typing import Any

from pymongo.database import Database
from pymongo.errors import PyMongoError

from hq.core.evolve import evolve
from hq.core.moment import InvalidTransition, Moment
from hq.core.state import Change, Job, State, Sweep
from hq.log.connection import explain, is_refusal
from hq.log.port import EventLog, LogUnavailable, LogUnreadable
from hq.read_models.deletion import finish_deletions
from hq.read_models.histories import read_histories
from hq.read_models.models import ReadModelsUnusable
from hq.read_models.replay import WRITE_AT
from hq.read_models.snapshot import Snapshot
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

_ENDS = (JobSucceeded, JobFailed, JobCancelled, JobDied)
_AHEAD = (
    "The read models are ahead of the event log, which was perhaps restored from a backup. "
    "Run `idlehands hq rebuild`."
)


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
        finish_deletions(database, checkpoint)
        tail = _Tail(Snapshot(database, checkpoint))
        writer = ReadModelWriter(database, generation)
        tail.fold(log, writer)
        tail.state.histories = read_histories(database, tail.state.sweeps)
    except PyMongoError as error:
        why = explain(database, error)
        raise (LogUnreadable(why) if is_refusal(database, error) else LogUnavailable(why)) from error
    return tail.state, writer


class _Tail:
    """Folds the log after the checkpoint into a snapshot, which is used up."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.state = snapshot.state
        self._snapshot = snapshot
        #: position -> what to take out of hiding once the fold has passed it.
        self._appearing: dict[int, list[Job | Sweep]] = {}
        #: Accepted tokens of hidden jobs that ended.
        self._accepted: dict[str, int] = {}

    def fold(self, log: EventLog, writer: ReadModelWriter) -> None:
        """Fold the log after the checkpoint and write what it changes."""
        at_checkpoint = log.header_at(self.state.position)
        self.state.epoch = at_checkpoint.epoch if at_checkpoint else 0
        if self.state.position and at_checkpoint is None:
            raise ReadModelsUnusable(_AHEAD)
        hidden: list[Job | Sweep] = [
            *self._snapshot.hidden_jobs.values(),
            *self._snapshot.hidden_sweeps.values(),
        ]
        for entity in hidden:
            self._appearing.setdefault(entity.position, []).append(entity)
        changes = Changes()
        for decision in log.read_after(self.state.position):
            changes.add(decision.position, self._fold_decision(decision))
            if len(changes) >= WRITE_AT:
                writer.write(changes)
                changes = Changes()
        if changes.position:
            writer.write(changes)
        if self._appearing:
            raise ReadModelsUnusable(_AHEAD)
        self.state.fill_trials()

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
            return [] if event.sweep in self._snapshot.hidden_sweeps else evolve(self.state, event, moment)  # type: ignore[union-attr,operator]
        if not isinstance(event, JOB_EVENTS):
            return evolve(self.state, event, moment)
        hidden = self._snapshot.hidden_jobs.get(event.job)  # type: ignore[union-attr,arg-type]
        if hidden is None:
            return evolve(self.state, event, moment)
        # Its results and its sweep were written before it, so there is nothing else to do.
        if isinstance(event, _ENDS):
            self._accepted[hidden.id] = getattr(event, "token", None) or 0
        return []

    def _show(self, entity: Job | Sweep) -> None:
        if isinstance(entity, Sweep):
            del self._snapshot.hidden_sweeps[entity.id]
            if not entity.status.is_final:
                self.state.sweeps[entity.id] = entity
            return
        del self._snapshot.hidden_jobs[entity.id]
        if entity.status.is_final:
            self.state.remember_finished(entity, self._accepted.pop(entity.id, 0))
        else:
            self.state.jobs[entity.id] = entity
