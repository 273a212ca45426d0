"""HQ's housekeeping thread: once an hour it deletes what the house does not want to keep.

Jobs and sweeps are deleted like on request, by decisions of the authority:
this thread only names them, some at a time, and goes on when they are gone.
Trouble of one chore is reported and waits for the next round.
"""

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pymongo.database import Database
from pymongo.errors import PyMongoError

from hq.housekeeping.ageing import delete_old_records, find_old_jobs, find_old_sweeps
from hq.housekeeping.blobs import sweep_blobs
from hq.housekeeping.settings import Keeping, SettingsUnusable, read_settings
from hq.log.mongo import EVENTS
from hq.read_models.deletion import repeat_deletions
from hq.read_models.models import JOBS, SWEEPS, ReadModelsUnusable
from hq.read_models.writer import read_checkpoint

FIRST_SECONDS = 60.0
EVERY_SECONDS = 3600.0
#: Jobs that are deleted by one decision: a short turn of HQ's loop.
BATCH = 1000
_GONE_SECONDS = 60.0
_STEP_SECONDS = 0.2

log = logging.getLogger(__name__)


class Housekeeper:
    """Does the chores in the background.

    Args:
        database: From `hq.log.connection.connect`.
        tidy: Takes jobs and sweeps that HQ should delete; called on this thread.
        on_fatal: Called on this thread if it ends by a mistake.
        retention_file: Read before every round; None for the defaults.
        compact_command: What compacts the log, a process of its own; None if nothing should.
    """

    def __init__(
        self,
        database: Database[dict[str, Any]],
        tidy: Callable[[tuple[str, ...], tuple[str, ...]], None],
        *,
        on_fatal: Callable[[Exception], None],
        retention_file: Path | None = None,
        compact_command: tuple[str, ...] | None = None,
        first_seconds: float = FIRST_SECONDS,
        every_seconds: float = EVERY_SECONDS,
    ) -> None:
        self._database = database
        self._tidy = tidy
        self._on_fatal = on_fatal
        self._file = retention_file
        self._compact_command = compact_command
        self._pauses = (first_seconds, every_seconds)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeper", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_seconds: float = 5) -> bool:
        """End the thread in the middle of whatever it does, and tell whether it has ended."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        pause, every = self._pauses
        try:
            while not self._stopping.wait(pause):
                pause = every
                try:
                    self.do_round(read_settings(self._file))
                except SettingsUnusable as error:
                    log.warning("nothing is tidied: %s", error)
        except Exception as error:
            if not self._stopping.is_set():
                self._on_fatal(error)

    def do_round(self, keeping: Keeping) -> None:
        """Do every chore once. What cannot be done now is reported and left."""
        chores: list[tuple[str, Callable[[], object]]] = [
            ("late documents of deleted jobs", self._repeat_deletions),
            ("blobs", lambda: self._sweep_blobs(keeping.blobs_grace_hours)),
        ]
        if keeping.finished_jobs_days is not None:
            days = keeping.finished_jobs_days
            chores.insert(0, ("old jobs", lambda: self._delete_old_jobs(days)))
        if keeping.logs_days is not None:
            age = keeping.logs_days
            chores.append(("old logs", lambda: delete_old_records(self._database, age)))
        if keeping.compact_above_mb is not None:
            megabytes = keeping.compact_above_mb
            chores.append(("the event log", lambda: self._compact(megabytes, keeping.compact_keep)))
        for what, chore in chores:
            if self._stopping.is_set():
                return
            try:
                done = chore()
                if done:
                    log.info("tidied %s: %s", what, done)
            except (PyMongoError, ReadModelsUnusable) as error:
                log.warning("%s are left for the next round: %.300s", what, error)

    def _sweep_blobs(self, grace_hours: float) -> str:
        swept = sweep_blobs(self._database, grace_hours)
        if not swept.blobs and not swept.orphans:
            return ""
        return f"{swept.blobs} with {swept.bytes} bytes, and {swept.orphans} uploads that never ended"

    def _repeat_deletions(self) -> None:
        repeat_deletions(self._database, read_checkpoint(self._database)[0])

    def _delete_old_jobs(self, days: float) -> int:
        deleted = 0
        while jobs := find_old_jobs(self._database, days, BATCH):
            self._tidy(jobs, ())
            if not self._are_gone(JOBS, jobs):
                return deleted
            deleted += len(jobs)
        while sweeps := find_old_sweeps(self._database, days, BATCH):
            self._tidy((), sweeps)
            if not self._are_gone(SWEEPS, sweeps):
                return deleted
            deleted += len(sweeps)
        return deleted

    def _are_gone(self, name: str, identities: tuple[str, ...]) -> bool:
        """Wait until HQ has deleted them. It may refuse, as while the log is silent."""
        deadline = time.monotonic() + _GONE_SECONDS
        wanted = {"_id": {"$in": identities}}
        while self._database[name].find_one(wanted, {"_id": 1}) is not None:
            if time.monotonic() > deadline or self._stopping.wait(_STEP_SECONDS):
                return False
        return True

    def _compact(self, megabytes: int, keep: int) -> str:
        size = int(self._database.command("collStats", EVENTS).get("size", 0))
        if self._compact_command is None or size <= megabytes * 1024 * 1024:
            return ""
        # In a process of its own: folding a long log here would make HQ's loop wait.
        command = (*self._compact_command, "--keep", str(keep))
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        while process.poll() is None:
            if self._stopping.wait(_STEP_SECONDS):
                # Safe at any moment; the next round does it again.
                process.terminate()
                process.wait()
                return ""
        return f"from {size // 1024 // 1024} MiB" if process.returncode == 0 else ""


def compact_command(mongodb_file: str) -> tuple[str, ...]:
    """Return the command line that compacts the log."""
    return (sys.executable, "-P", "-m", "hq.housekeeping", "compact", "--mongodb-file", mongodb_file)
