"""The thread that keeps the read models in step with the log, some milliseconds behind it.

Takes what each commit changed, coalesces what waits and writes it in one go:
the slower the database, the larger and rarer the writes. Nothing is lost by
dying: the next start reads what is missing from the log.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence

from pymongo.errors import PyMongoError

from hq.core.state import IDEMPOTENCY_SECONDS, Answer, Change
from hq.read_models.writer import Changes, ReadModelWriter

RETRY_SECONDS = 0.25
LONGEST_REST_SECONDS = 0.2
#: How often answers older than seven days are deleted.
FORGET_EVERY_SECONDS = 3600.0

logger = logging.getLogger(__name__)


class Projector:
    """Writes changes in the background.

    What waits is bounded without a limit of its own: while the database is
    away, nothing is committed and so nothing is submitted.

    Attributes:
        position: Everything up to here is in the read models.

    Args:
        writer: Writes; not used by anyone else meanwhile.
        position: Where the read models stand.
        on_fatal: Called on this thread when it ends for a reason; HQ cannot go on without it.
    """

    def __init__(
        self, writer: ReadModelWriter, *, position: int, on_fatal: Callable[[Exception], None]
    ) -> None:
        self.position = position
        self._writer = writer
        self._on_fatal = on_fatal
        self._waiting = Changes()
        self._changed = threading.Condition()
        self._stopping = False
        self._forgotten_at = 0.0
        self._thread = threading.Thread(target=self._run, name="projector", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, position: int, changes: Sequence[Change]) -> None:
        """Take what the decisions up to `position` changed. Returns at once; call in order of commit."""
        with self._changed:
            self._waiting.add(position, changes)
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
            while True:
                changes = self._take()
                if changes is None:
                    return
                began = time.monotonic()
                self._write(changes)
                self._rest(time.monotonic() - began)
        except Exception as error:
            self._on_fatal(error)

    def _take(self) -> Changes | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting.position or self._stopping)
            taken, self._waiting = self._waiting, Changes()
        return taken if taken.position else None

    def _write(self, changes: Changes) -> None:
        while True:
            try:
                self._writer.write(changes)
                self.position = changes.position
                self._forget_old_answers(changes)
                return
            except PyMongoError as error:
                logger.warning("the read models stay behind at %d: %.300s", self.position, error)
                with self._changed:
                    if self._changed.wait_for(lambda: self._stopping, RETRY_SECONDS):
                        return

    def _rest(self, wrote_seconds: float) -> None:
        """Leave the database to the log for as long as it was kept busy.

        A job that is queued, claimed and over meanwhile costs one write instead of three.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._stopping, min(wrote_seconds, LONGEST_REST_SECONDS))

    def _forget_old_answers(self, changes: Changes) -> None:
        # By the clock of the log, as the fold itself forgets.
        latest = max((one.at for one in changes.of("requests") if isinstance(one, Answer)), default=0.0)
        if latest > self._forgotten_at + FORGET_EVERY_SECONDS:
            self._writer.forget_answers(latest - IDEMPOTENCY_SECONDS)
            self._forgotten_at = latest
