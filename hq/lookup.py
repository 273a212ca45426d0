"""The thread that reads of jobs and sweeps that are not in memory any more, for retries and deletions."""

import logging
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import PyMongoError

from hq.core.decide.deletion import MAX_DELETED
from hq.core.decide.labels import FoundLabels
from hq.core.decide.models import Source
from hq.core.dependents import Ended, FoundPipeline
from hq.core.state import Job
from hq.ends import read_ends, read_labels, read_pipeline
from hq.log.documents import RAW_CODEC
from hq.log.port import LogUnreadable
from hq.past import PastAsked, PastReader
from hq.promoting import read_source
from hq.read_models.models import JOBS, SWEEPS, change_of
from hq.scripts import find_untaken
from hq.series import SeriesAsked, read_series
from schemas.spaces import Dimension
from schemas.specs import JobSpec

#: A job that ended a moment ago may not be in its read model yet.
_CATCH_UP_SECONDS = 2.0
_STEP_SECONDS = 0.05

log = logging.getLogger(__name__)


class SpecLookUp:
    """Reads in the background. What cannot be read now is not answered; then its client asks again.

    Args:
        database: Where the read models are.
        is_current: Tells whether everything committed is in them.
        on_fatal: Called on this thread if it ends by a mistake; HQ cannot go on without it.
    """

    def __init__(
        self,
        database: Database[dict[str, Any]],
        is_current: Callable[[], bool],
        *,
        on_fatal: Callable[[Exception], None],
    ) -> None:
        self._database = database
        self._jobs: Collection[Any] = database.get_collection(JOBS, codec_options=RAW_CODEC)
        self._sweeps: Collection[Any] = database.get_collection(SWEEPS)
        self._past = PastReader(database)
        self._is_current = is_current
        self._on_fatal = on_fatal
        self._requests: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="look-up", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(
        self,
        jobs: tuple[str, ...],
        known: dict[str, JobSpec],
        done: Callable[[dict[str, JobSpec]], None],
    ) -> None:
        """Call `done` with the specs of those jobs that exist, the known ones included."""

        def look_up() -> None:
            missing = [job for job in jobs if job not in known]
            if missing:
                self._await_read_models()
            done({**known, **self._read(missing)} if missing else known)

        self._requests.put(look_up)

    def submit_sweep(self, sweep: str, done: Callable[[tuple[str, ...] | None], None]) -> None:
        """Call `done` with the jobs of a sweep, one more than may be deleted at most; None without it."""

        def look_up() -> None:
            self._await_read_models()
            done(self._read_jobs_of(sweep))

        self._requests.put(look_up)

    def submit_model(self, job: str | None, sweep: str | None, done: Callable[[Source], None]) -> None:
        """Call `done` with what is stored of a job, or of the best trial of a sweep."""

        def look_up() -> None:
            self._await_read_models()
            done(read_source(self._database, job, sweep))

        self._requests.put(look_up)

    def submit_labels(
        self, ids: tuple[str, ...], is_there: Callable[[], bool], done: Callable[[FoundLabels], None]
    ) -> None:
        """Call `done` with the labels of jobs and sweeps; as `submit_parents`."""
        self._submit_current(is_there, lambda: done(read_labels(self._database, ids)))

    def submit_pipeline(
        self, pipeline: str, is_there: Callable[[], bool], done: Callable[[FoundPipeline], None]
    ) -> None:
        """Call `done` with a pipeline and how its steps stand; as `submit_parents`."""
        self._submit_current(is_there, lambda: done(read_pipeline(self._database, pipeline)))

    def submit_parents(
        self, parents: tuple[str, ...], is_there: Callable[[], bool], done: Callable[[dict[str, Ended]], None]
    ) -> None:
        """Call `done` with how jobs and sweeps stand, once `is_there` says that all of it can be read.

        When it does not in time, nothing is called: whoever asked asks again.
        """
        self._submit_current(is_there, lambda: done(read_ends(self._database, parents)))

    def _submit_current(self, is_there: Callable[[], bool], read: Callable[[], None]) -> None:
        def look_up() -> None:
            deadline = time.monotonic() + _CATCH_UP_SECONDS
            while not is_there():
                if time.monotonic() > deadline:
                    return
                time.sleep(_STEP_SECONDS)
            read()

        self._requests.put(look_up)

    def submit_series(self, asked: SeriesAsked, done: Callable[[dict[str, Any]], None]) -> None:
        """Call `done` with what the trials of a sweep have reported; see `hq.series`."""

        def look_up() -> None:
            self._await_read_models()
            done(read_series(self._database, asked))

        self._requests.put(look_up)

    def submit_script(
        self, job: JobSpec, space: dict[str, Dimension], done: Callable[[tuple[str, ...]], None]
    ) -> None:
        """Call `done` with what the job's script would not take of a space; see `hq.scripts`."""
        self._requests.put(lambda: done(find_untaken(self._database, job, space)))

    def submit_past(self, asked: PastAsked, done: Callable[[dict[str, Any]], None]) -> None:
        """Call `done` with trials of another time; see `hq.past`."""
        self._requests.put(lambda: done(self._past.read(asked)))

    def stop(self) -> None:
        """End the thread. Safe to repeat."""
        self._requests.put(None)

    def _run(self) -> None:
        try:
            while (look_up := self._requests.get()) is not None:
                self._try(look_up)
        except Exception as error:
            self._on_fatal(error)

    def _try(self, look_up: Callable[[], None]) -> None:
        try:
            look_up()
        except PyMongoError as error:
            # No answer: the client repeats its request until there is one.
            log.warning("a request waits for the database: %.300s", error)
        except LogUnreadable as error:
            # One damaged document must not take HQ down each time that somebody asks for it.
            log.error("a request cannot be answered: %.300s", error)

    def _await_read_models(self) -> None:
        deadline = time.monotonic() + _CATCH_UP_SECONDS
        while not self._is_current() and time.monotonic() < deadline:
            time.sleep(_STEP_SECONDS)

    def _read(self, jobs: list[str]) -> dict[str, JobSpec]:
        found = (change_of(JOBS, document) for document in self._jobs.find({"_id": {"$in": jobs}}))
        return {job.id: job.spec for job in found if isinstance(job, Job)}

    def _read_jobs_of(self, sweep: str) -> tuple[str, ...] | None:
        if self._sweeps.find_one({"_id": sweep}, {"_id": 1}) is None:
            return None
        found = self._jobs.find({"spec.sweep": sweep}, {"_id": 1}).limit(MAX_DELETED + 1)
        return tuple(str(document["_id"]) for document in found)
