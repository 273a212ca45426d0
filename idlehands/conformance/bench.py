"""What a check has at hand: the agent's process, HQ's desk, and jobs to give.

The steps that many checks share, each of which fails with a sentence of its
own when the agent does not take it.
"""

from pathlib import Path
from typing import Any

from idlehands.conformance.desk import Desk
from idlehands.conformance.stand import Stand
from idlehands.conformance.subject import Subject
from idlehands.conformance.verdicts import Failed
from idlehands.conformance.work import Task, Workshop, build_bundle
from schemas.facts import AttemptResult
from schemas.messages import Claims, Heartbeat
from schemas.states import Phase

#: An interpreter may have to be loaded first.
START_SECONDS = 30.0
#: An offer lives that long.
CLAIM_SECONDS = 5.0
BEGIN_SECONDS = 10.0
RESULT_SECONDS = 12.0
#: Heartbeats come every 9 to 10 s; a busy machine may be late with them.
LONGEST_GAP_SECONDS = 12.5
#: An agent that declined is offered the next job after that: it may have been busy with the last one.
_AGAIN_SECONDS = 2.0


class Bench:
    """One life (or several) of one agent."""

    def __init__(self, stand: Stand, command: str, desk: Desk) -> None:
        self.stand = stand
        self.desk = desk
        self.subject = Subject(command, stand)
        self.workshop = Workshop(stand.traces, stand.blobs.hold(build_bundle()), stand.author_key)
        #: Of which checks that come later speak.
        self.first: Task | None = None
        self.settled: list[tuple[Task, float]] = []
        #: Jobs that were granted to it.
        self.granted: set[str] = set()
        #: When it was started again last; 0 before.
        self.restarted = 0.0
        self._silent = False

    @property
    def boot(self) -> int:
        """The agent's boot, as its last heartbeat has it."""
        return self.heartbeat.boot

    @property
    def heartbeat(self) -> Heartbeat:
        """The last heartbeat."""
        heartbeats = self.desk.heartbeats()
        if not heartbeats:
            raise Failed(f"there never was a heartbeat that could be read{self._why_silent()}")
        return heartbeats[-1][1]

    def start(self) -> list[tuple[float, Heartbeat]]:
        """Start the agent and return the heartbeats of this start, at least one."""
        since = self.desk.now()
        self.subject.start()
        if not self.desk.wait(
            lambda: bool(self.desk.heartbeats(since) or self.subject.ended), START_SECONDS
        ) or not self.desk.heartbeats(since):
            raise Failed(f"no heartbeat came after the start{self._why_silent(since)}")
        return self.desk.heartbeats(since)

    def claim(self, task: Task) -> None:
        """Offer a task until it is claimed, again as HQ would when it was declined."""
        declined: list[str] = []
        seconds = 2.0 if self._silent else CLAIM_SECONDS
        # The first may be lost: an agent may speak before its subscriptions are in place.
        for offered in range(1 if self._silent else 4):
            self.desk.offer(task)
            self.desk.wait(
                lambda: bool(self.desk.claims(task) or self.desk.declines(task) or self.subject.ended),
                seconds,
            )
            if self.desk.claims(task):
                self.with_nonce(task)
                self._silent = False
                return
            declined = self.desk.declines(task)
            if declined:
                self.pause(_AGAIN_SECONDS)
            elif offered == 1:
                break
        self._silent = True
        why = f"it declined: {declined[-1]}" if declined else f"it said nothing{self._why_silent()}"
        raise Failed(f"a job was offered and not claimed within {seconds:.0f} s: {why}")

    def begin(self, seconds: float = 0.0, ending: str = "well", **spec: Any) -> Task:
        """Have a job offered, claimed and granted, and its script begin."""
        task = self.workshop.task(seconds, ending, **spec)
        self.claim(task)
        self.grant(task)
        return task

    def grant(self, task: Task) -> None:
        """Grant a claimed task, and wait until its script has begun."""
        self.granted.add(task.job)
        self.desk.grant(self.desk.build_grant(task, self.boot))
        if not self.desk.wait(lambda: self.workshop.begun(task) > 0, BEGIN_SECONDS):
            raise Failed(
                f"the script of a granted job did not begin within {BEGIN_SECONDS:.0f} s"
                f"{self._said_of(task)}{self._why_silent()}"
            )

    def result(self, task: Task, seconds: float = RESULT_SECONDS) -> AttemptResult:
        """Wait for the result of a task and return it."""
        if not self.desk.wait(lambda: bool(self.desk.results(task) or self.subject.ended), seconds):
            raise Failed(f"no result within {seconds:.0f} s{self._said_of(task)}{self._why_silent()}")
        results = self.desk.results(task)
        if not results:
            raise Failed(f"no result: {self.subject.ended}")
        return results[0][1]

    def settle(self, task: Task) -> None:
        """Acknowledge a result, once; whether it comes again is looked at in the end."""
        self.desk.settle(task, self.boot)
        self.settled.append((task, self.desk.now()))

    def with_nonce(self, task: Task) -> Task:
        """Return a task that was claimed, with what the claim said."""
        task.claimed_at, task.nonce, _boot = self.desk.claims(task)[0]
        return task

    def nonces(self) -> list[str]:
        """Return the nonces of all claims so far."""
        said = [one.data for one in self.desk.heard() if isinstance(one.data, Claims)]
        return [claim.nonce for claims in said for claim in claims.claims]

    def phases(self, task: Task, since: float = 0.0) -> list[Phase]:
        """Return in which phases the heartbeats since then list a task."""
        return [
            attempt.phase
            for _, heartbeat in self.desk.heartbeats(since)
            for attempt in heartbeat.attempts
            if (attempt.job, attempt.token) == (task.job, task.token)
        ]

    def must_not_begin(self, task: Task, what: str, seconds: float) -> None:
        """Fail when the script of a task begins within some seconds."""
        if self.desk.wait(lambda: self.workshop.begun(task) > 0, seconds):
            raise Failed(f"the script began, though {what}")

    def pause(self, seconds: float) -> None:
        """Let time pass."""
        self.desk.wait(lambda: bool(self.subject.ended), seconds)

    def extra_key(self) -> Path:
        """Return where a key lies that nobody trusts."""
        return self.stand.home.path / "stranger.key"

    def _said_of(self, task: Task) -> str:
        declined = self.desk.declines(task)
        return f"; it declined: {declined[-1]}" if declined else ""

    def _why_silent(self, since: float = 0.0) -> str:
        if ended := self.subject.ended:
            return f"; {ended}"
        troubles = [one.trouble for one in self.desk.heard(since) if one.trouble]
        if troubles:
            return f"; what it said last could not be used: {troubles[-1]}"
        return f"; it wrote: {self.subject.last_words}"
