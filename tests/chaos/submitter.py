"""Submits jobs whatever happens: with idempotency keys, repeated until answered, and notes all of it.

Now and then it repeats an old submission, uses its key for another one, or
cancels a job.
"""

import random
import threading
import time

from bus.port import Inbound
from bus.topics import JOB_EVENT
from idlehands.client.errors import HqUnreachable, RequestRefused
from idlehands.client.feed import Feed
from schemas.specs import JobSpec
from tests.chaos.history import Answered, Asked, Cancelled, History, Noticed, Plan, Read, Reused, tag_of
from tests.e2e.workplace import Workplace

#: HQ says these when it cannot just now.
_NOT_NOW = ("unavailable", "busy", "overloaded")
_PATIENCE_SECONDS = 5.0
#: Different bundles, so that agents have some to fetch all the time.
SCRIPTS = 40


class Submitter:
    """Some threads that submit, one that listens, and one that reads."""

    def __init__(
        self, work: Workplace, history: History, seed: int, *, threads: int = 2, exclusive: bool = True
    ) -> None:
        self._work = work
        self._history = history
        self._exclusive = exclusive
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._answered: list[tuple[str, list[JobSpec], tuple[str, ...]]] = []
        #: What went wrong in a thread: a mistake of this program, or of the client.
        self.faults: list[BaseException] = []
        self._threads = [
            threading.Thread(
                target=self._guard, args=(self._submit, random.Random(f"{seed}/{number}"), number)
            )
            for number in range(threads)
        ]
        for work_too in (self._listen, self._read):
            self._threads.append(threading.Thread(target=self._guard, args=(work_too, random.Random(seed))))

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_seconds: float) -> bool:
        """Submit nothing new, wait for the answers that are still out; tell whether all came."""
        self._stopping.set()
        deadline = time.monotonic() + timeout_seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    @property
    def accepted(self) -> list[str]:
        """Return the jobs of every answered submission."""
        with self._lock:
            return [job for _, _, jobs in self._answered for job in jobs]

    def _guard(self, work: object, *arguments: object) -> None:
        try:
            work(*arguments)  # type: ignore[operator]
        except BaseException as error:
            self.faults.append(error)

    # --- submitting -----------------------------------------------------------------

    def _submit(self, draw: random.Random, thread: int) -> None:
        number = 0
        while not self._stopping.wait(draw.uniform(0.2, 1.2)):
            number += 1
            self._submit_once(draw, f"{thread}-{number}")
            if draw.random() < 0.2:
                self._repeat(draw)
            if draw.random() < 0.1:
                self._reuse(draw)
            if draw.random() < 0.1:
                self._cancel(draw)

    def _submit_once(self, draw: random.Random, key: str) -> None:
        specs = [self._make_spec(draw, f"{key}-{index}") for index in range(draw.choice((1, 1, 1, 2, 4)))]
        tags = tuple(str(spec.params["tag"]) for spec in specs)
        self._history.note(Asked(key, tags, time.monotonic()))
        jobs = self._insist(specs, key)
        self._history.note(Answered(key, jobs, time.monotonic()))
        with self._lock:
            self._answered.append((key, specs, jobs))

    def _make_spec(self, draw: random.Random, number: str) -> JobSpec:
        plan = Plan(
            code=3 if draw.random() < 0.1 else 0,
            exclusive=self._exclusive and draw.random() < 0.2,
            retry_on_failure=draw.choice((0, 0, 1)),
            max_starts=draw.choice((1, 3, 3, 10)),
        )
        seconds = draw.choice((0.0, 0.1, 0.5, 1.0, 2.0))
        return self._work.spec(
            tag_of(plan, number),
            seconds,
            code=plan.code,
            script=draw.randrange(SCRIPTS),
            exclusive=plan.exclusive,
            retry_on_failure=plan.retry_on_failure,
            max_starts=plan.max_starts,
            priority=draw.choice((-1, 0, 0, 1)),
        )

    def _insist(self, specs: list[JobSpec], key: str) -> tuple[str, ...]:
        """Repeat the same submission until HQ answers it."""
        while True:
            try:
                return self._work.client.submit(specs, key=key, deadline_seconds=_PATIENCE_SECONDS).jobs
            except HqUnreachable:
                continue
            except RequestRefused as refused:
                if refused.code not in _NOT_NOW:
                    raise

    # --- being difficult --------------------------------------------------------------

    def _choose(self, draw: random.Random) -> tuple[str, list[JobSpec], tuple[str, ...]] | None:
        with self._lock:
            return draw.choice(self._answered) if self._answered else None

    def _repeat(self, draw: random.Random) -> None:
        chosen = self._choose(draw)
        if chosen is not None:
            key, specs, _ = chosen
            self._history.note(Answered(key, self._insist(specs, key), time.monotonic()))

    def _reuse(self, draw: random.Random) -> None:
        chosen = self._choose(draw)
        if chosen is None:
            return
        key, specs, _ = chosen
        try:
            other = self._work.spec("never:o:0:0:1", 0.0)
            self._work.client.submit([*specs, other], key=key, deadline_seconds=_PATIENCE_SECONDS)
            self._history.note(Reused(key, ""))
        except HqUnreachable:
            return
        except RequestRefused as refused:
            if refused.code not in _NOT_NOW:
                self._history.note(Reused(key, refused.code))

    def _cancel(self, draw: random.Random) -> None:
        chosen = self._choose(draw)
        if chosen is None:
            return
        job = draw.choice(chosen[2])
        try:
            self._work.client.cancel([job])
            self._history.note(Cancelled(job, ""))
        except HqUnreachable:
            return
        except RequestRefused as refused:
            self._history.note(Cancelled(job, refused.code))

    # --- listening ----------------------------------------------------------------------

    def _read(self, draw: random.Random) -> None:
        """Ask REST for jobs again and again, as a page does."""
        while not self._stopping.wait(draw.uniform(0.05, 0.3)):
            chosen = self._choose(draw)
            if chosen is None:
                continue
            try:
                job = self._work.client.job(chosen[2][0])
            except (HqUnreachable, RequestRefused):
                # It is away, or its read model is behind.
                continue
            self._history.note(Read(chosen[2][0], job["revision"], job["status"]))

    def _listen(self, _: random.Random) -> None:
        with self._work.client.watch((JOB_EVENT, {})) as feed:
            while not self._stopping.is_set():
                self._note_notice(feed, 0.2)

    def _note_notice(self, feed: Feed, timeout_seconds: float) -> None:
        what = feed.get(timeout_seconds)
        if isinstance(what, Inbound):
            notice = what.data
            self._history.note(Noticed(what.names["job"], notice.revision, str(notice.status)))
