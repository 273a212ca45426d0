"""The thread that records progress points and log lines: best effort, bounded, never waited for.

    logs      {_id: number, job, token, seq, stream, lines, agent, stored}
    progress  {_id: {job, token, seq}, agent, at, metrics, step, number, stored}

When it cannot keep up, the newest are dropped and counted: what is on screen
already went there directly.
"""

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database
from pymongo.errors import PyMongoError
from pymongo.write_concern import WriteConcern

from hq.log.documents import encode_document
from hq.log.port import DecisionRefused
from hq.read_models.retention import Bounds, Retention
from hq.read_models.writer import insert_new
from schemas.messages import JobLog, JobProgress

LOGS = "logs"
PROGRESS = "progress"
_WRITE_AT_ONCE = 500

logger = logging.getLogger(__name__)


class Recorder:
    """Records in the background.

    Attributes:
        dropped: How many messages were not stored, by reason: `overloaded` or `unstorable`.

    Args:
        database: From `hq.log.connection.connect`.
        epoch: This HQ's; numbers of log documents grow with it.
        on_fatal: Called on this thread if it ends by a mistake.
        retention: How much is kept.
    """

    def __init__(
        self,
        database: Database[dict[str, Any]],
        *,
        epoch: int,
        on_fatal: Callable[[Exception], None],
        retention: Retention | None = None,
    ) -> None:
        self.dropped: Counter[str] = Counter()
        kept = retention or Retention()
        self._room = kept.waiting
        not_waited_for = WriteConcern(w=1)
        self._logs = database.get_collection(LOGS, write_concern=not_waited_for)
        self._progress = database.get_collection(PROGRESS, write_concern=not_waited_for)
        self._on_fatal = on_fatal
        # Numbers grow over all starts of HQ, and with them the order of lines.
        self._next_number = epoch * 2**30
        self._waiting: deque[JobProgress | JobLog] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._log_bounds = Bounds(self._logs, kept.logs_per_job, kept.logs_in_all, "job", [("_id", 1)])
        self._progress_bounds = Bounds(
            self._progress, kept.progress_per_job, kept.progress_in_all, "_id.job", [("stored", 1)]
        )
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, item: JobProgress | JobLog) -> None:
        """Record it some time soon, or drop and count it. Returns at once."""
        with self._changed:
            if len(self._waiting) >= self._room:
                self.dropped["overloaded"] += 1
                return
            self._waiting.append(item)
            self._changed.notify()

    def stop(self, timeout_seconds: float = 5) -> bool:
        """Write what waits if the database takes it now, end the thread, tell whether it has ended."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while items := self._take():
                try:
                    self._write(items)
                except PyMongoError as error:
                    self.dropped["database"] += len(items)
                    logger.warning(
                        "%d messages of progress and log were not stored: %.300s", len(items), error
                    )
        except Exception as error:
            self._on_fatal(error)

    def _take(self) -> list[JobProgress | JobLog]:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopping)
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), _WRITE_AT_ONCE))]

    # --- writing -------------------------------------------------------------------

    def _write(self, items: list[JobProgress | JobLog]) -> None:
        stored = time.time()
        logs, points = Counter[str](), Counter[str]()
        log_documents: list[RawBSONDocument] = []
        point_documents: list[RawBSONDocument] = []
        for item in items:
            try:
                if isinstance(item, JobLog):
                    log_documents.append(self._log_document(item, stored))
                    logs[item.log.job] += 1
                else:
                    found = list(_point_documents(item, stored))
                    point_documents.extend(found)
                    points[item.progress.job] += len(found)
            except DecisionRefused:
                self.dropped["unstorable"] += 1
        if log_documents:
            insert_new(self._logs, log_documents)
            self._log_bounds.keep(logs)
        if point_documents:
            insert_new(self._progress, point_documents)
            self._progress_bounds.keep(points)

    def _log_document(self, item: JobLog, stored: float) -> RawBSONDocument:
        number, self._next_number = self._next_number, self._next_number + 1
        log = item.log
        return encode_document(
            {
                "_id": number,
                "job": log.job,
                "token": log.token,
                "seq": log.seq,
                "stream": log.stream,
                "lines": log.lines,
                "agent": item.agent,
                "stored": stored,
            }
        )


def _point_documents(item: JobProgress, stored: float) -> Iterator[RawBSONDocument]:
    progress = item.progress
    for point in progress.points:
        fields = msgspec.structs.asdict(point)
        identity = {"job": progress.job, "token": progress.token, "seq": fields.pop("seq")}
        yield encode_document({"_id": identity, **fields, "agent": item.agent, "stored": stored})
