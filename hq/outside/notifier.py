"""Tells people what happened: follows the log from where it was, and sends what is due.

    log, bus, database --> happenings --> outbox (a file) --> one try at a time for each notification

The file is written before a message is sent and after it was taken: whoever dies in between sends it
again under the same delivery id. Nothing here waits in the path of HQ or of a request.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from pymongo.errors import PyMongoError

from bus.port import Bus, BusInput, Inbound
from bus.topics import JOB_PROGRESS
from hq.outside.happenings import Happening, concerns
from hq.outside.keeping import Kept
from hq.outside.outbox import Outbox
from hq.outside.reading import read_end, read_happenings
from hq.outside.sending import NotTaken, Sender
from hq.outside.targets import Notification
from hq.outside.watching import Watch
from hq.outside.wording import Message, word, word_test
from hq.rest.database import Database, find_by_id
from hq.rest.problems import Problem
from schemas.resources import QUIET, describe_quiet
from trust.private_files import write_private
from trust.vault import VaultUnusable

_LOOK_SECONDS = 1.0
_READ_AGAIN_SECONDS = 5.0
_HANGS_KEPT = 5000
log = logging.getLogger(__name__)


class Notifier:
    """Runs on the server's event loop; sends in threads.

    Args:
        file: What is remembered over a restart.
        kept: The notifications.
        sender: Sends.
        read_database: Returns the database, on the event loop.
        read_wrong: Returns what is wrong with the house now, as far as the bus tells, in words by key.
    """

    def __init__(
        self,
        file: Path,
        kept: Kept,
        sender: Sender,
        read_database: Callable[[], Database],
        read_wrong: Callable[[], dict[str, str]],
    ) -> None:
        self._file, self._kept, self._sender = file, kept, sender
        self._read_database, self._read_wrong = read_database, read_wrong
        self._outbox = _load(file)
        self._stored, self._storing = b"", asyncio.Lock()
        self._watch = Watch(self._outbox.ill)
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._lock = threading.Lock()
        self._hanging: dict[tuple[str, int], float] = {}
        self._told_hanging: dict[tuple[str, int], None] = {}
        self._database_trouble = ""
        self._read_at = 0.0
        self._awake = asyncio.Event()

    # --- what happens -------------------------------------------------------------------

    def subscribe(self, bus: Bus) -> None:
        """Ask the bus for what `handle` takes."""
        bus.subscribe(JOB_PROGRESS)

    def handle(self, what: BusInput) -> None:
        """Note jobs that may hang; called on the bus's thread."""
        if not isinstance(what, Inbound) or what.topic is not JOB_PROGRESS:
            return
        progress = what.data.progress
        quiet = max((point.metrics.get(QUIET) or 0.0 for point in progress.points), default=0.0)
        if quiet:
            with self._lock:
                self._hanging[progress.job, progress.token] = quiet

    async def run(self) -> None:
        """Follow, and send, until cancelled."""
        while True:
            try:
                await self._step(time.time())
            except OSError as error:
                log.error("what waits to be told cannot be stored in %s: %s", self._file, error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._awake.wait(), _LOOK_SECONDS)
            self._awake.clear()

    async def begin_at_end(self, database: Database) -> None:
        """Be told from here on, where nobody was told anything before.

        Raises:
            PyMongoError: If the database does not answer.
        """
        if self._outbox.position is None:
            self._outbox.position = await read_end(database)

    def wake(self) -> None:
        """Look at once: a notification is new."""
        self._awake.set()

    async def stop(self) -> None:
        """End what is under way; it is sent again at the next start."""
        for task in self._under_way.values():
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    async def _step(self, now: float) -> None:
        notifications: list[Notification] = self._kept.all()
        self._outbox.keep_only(one.name for one in notifications)
        if time.monotonic() >= self._read_at:
            await self._read(notifications, now)
        wrong = self._read_wrong()
        if self._database_trouble:
            wrong["the database"] = f"The database does not answer: {self._database_trouble}"
        self._take(notifications, self._watch.look(wrong, now), now)
        await self._store()
        for one in notifications:
            self._begin(one, now)

    async def _read(self, notifications: list[Notification], now: float) -> None:
        try:
            if not notifications:
                # What is asked for later is told of what happens later.
                self._outbox.position = None
                self._take_hanging()
                self._database_trouble = ""
                return
            database = self._read_database()
            await self.begin_at_end(database)
            assert self._outbox.position is not None  # noqa: S101 - for the type checker
            found, self._outbox.position = await read_happenings(database, self._outbox.position)
            self._take(notifications, found, now)
            self._take(notifications, await self._read_hanging(database, now), now)
            self._database_trouble = ""
        except PyMongoError as error:
            self._database_trouble = type(error).__name__
            self._read_at = time.monotonic() + _READ_AGAIN_SECONDS
        except Problem:
            # The read models are behind: the same is read again.
            self._read_at = time.monotonic() + _LOOK_SECONDS

    def _take_hanging(self) -> dict[tuple[str, int], float]:
        with self._lock:
            found, self._hanging = self._hanging, {}
        return found

    async def _read_hanging(self, database: Database, now: float) -> list[Happening]:
        news: list[Happening] = []
        for (job, token), quiet in self._take_hanging().items():
            if (job, token) in self._told_hanging:
                continue
            self._told_hanging[job, token] = None
            while len(self._told_hanging) > _HANGS_KEPT:
                del self._told_hanging[next(iter(self._told_hanging))]
            known = await find_by_id(database, "jobs", job) or {}
            name = known.get("spec", {}).get("name") or known.get("spec", {}).get("script", {}).get(
                "name", ""
            )
            user, agent = known.get("submitter", ""), known.get("agent") or ""
            whose = f"Job {job}" + (f" ({name})" if name else "") + (f" on {agent}" if agent else "")
            news.append(
                Happening(
                    id=f"{job}/{token}",
                    what="job_hangs",
                    at=now,
                    text=f"{whose}: {describe_quiet(quiet, job)}.",
                    job=job,
                    agent=agent,
                    user=user,
                    project=known.get("project") or known.get("spec", {}).get("project") or "",
                    name=name,
                )
            )
        return news

    def _take(self, notifications: list[Notification], found: list[Happening], now: float) -> None:
        for happening in found:
            for one in notifications:
                if concerns(one, happening):
                    self._outbox.lane(one.name).add(happening, now)

    async def _store(self) -> None:
        # One after the other: what is older must not be what is stored last.
        async with self._storing:
            content = msgspec.json.encode(self._outbox)
            if content != self._stored:
                await asyncio.to_thread(write_private, self._file, content)
                self._stored = content

    # --- sending ---------------------------------------------------------------------------

    def _begin(self, notification: Notification, now: float) -> None:
        name = notification.name
        due = self._outbox.lane(name).due_at(notification.gather_seconds, notification.per_hour, now)
        if name not in self._under_way and due is not None and now >= due:
            task = asyncio.create_task(self._send_due(notification))
            self._under_way[name] = task
            task.add_done_callback(lambda _: self._under_way.pop(name, None))

    async def _send_due(self, notification: Notification) -> None:
        lane = self._outbox.lane(notification.name)
        happenings = lane.begin(notification.name)
        message = word(lane.delivery, happenings, lane.sending_left_out)
        await self._store()
        try:
            trouble = await self._send(notification, message)
        except NotTaken as error:
            lane.note_failed(str(error), time.time())
            log.warning("notification %s was not taken: %s", notification.name, error)
        except Exception as error:
            # Nobody has thought of it: it must neither stop the others nor be tried every second.
            lane.note_failed(f"sending failed ({type(error).__name__})", time.time())
            log.exception("notification %s cannot be sent", notification.name)
        else:
            lane.note_sent(time.time())
            lane.trouble = trouble
        await self._store()

    async def _send(self, notification: Notification, message: Message) -> str:
        try:
            secret = self._kept.secret(notification.name)
        except VaultUnusable as error:
            raise NotTaken(str(error)) from None
        return await asyncio.to_thread(self._sender.send, notification, message, secret)

    async def test(self, name: str, asked_by: str, delivery: str) -> str:
        """Send a test at once, past gathering and limits; return why it was not taken, "" if it was.

        Raises:
            Problem: 404 if there is no such notification.
        """
        notification: Notification = self._kept.find(name)
        try:
            return await self._send(notification, word_test(delivery, name, asked_by))
        except NotTaken as error:
            return str(error)

    def standing(self, name: str) -> dict[str, object]:
        """Return how it stands with one: what waits, when the last message was taken, what went wrong."""
        lane = self._outbox.lanes.get(name)
        if lane is None:
            return {"waiting": 0, "last_sent": None, "trouble": ""}
        waiting = len(lane.waiting) + lane.left_out
        return {"waiting": waiting, "last_sent": lane.last_sent or None, "trouble": lane.trouble}


def _load(file: Path) -> Outbox:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Outbox)
    except FileNotFoundError:
        return Outbox()
    except (OSError, msgspec.DecodeError) as error:
        log.error("%s cannot be used, so what waited there is not told: %s", file, error)
        return Outbox()
