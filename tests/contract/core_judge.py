"""What no order of events may break, judged from the log and from what was published alone."""

from collections import defaultdict
from typing import Any

from bus import topics
from hq.core.outputs import Publish
from hq.core.state import State
from schemas import events as ev
from schemas.events import Decision
from schemas.specs import JobSpec
from tests.unit.hq.core.small_house import Key

ENDS = (ev.JobSucceeded, ev.JobFailed, ev.JobCancelled, ev.JobDied)


class Judge:
    """Reads what was committed, and hears what was published: I3 to I8, I15 and I22 of RELIABILITY."""

    def __init__(self) -> None:
        self.jobs: dict[str, JobSpec] = {}
        #: Jobs and sweeps that were not deleted.
        self.stored: set[str] = set()
        #: Attempts whose results were in the log when their job was deleted.
        self.forgotten: set[Key] = set()
        self.ran: set[Key] = set()
        self._position = 0
        self._epoch = 0
        self._tokens: dict[str, list[int]] = defaultdict(list)
        self._ended: dict[str, Any] = {}
        self._starts: dict[str, int] = defaultdict(int)
        self._lost: dict[str, set[str]] = defaultdict(set)
        self._revisions: dict[str, int] = defaultdict(int)
        self._keys: set[tuple[str, str]] = set()
        self._ahead: set[tuple[str, str]] = set()
        self._results: set[Key] = set()
        self._state = State()

    def read(self, decisions: list[Decision]) -> None:
        for decision in decisions:
            assert decision.position == self._position + 1, "I6: a gap"
            assert decision.epoch >= self._epoch, "I15: an older epoch after a newer"
            self._position, self._epoch = decision.position, decision.epoch
            assert decision.events
            for event in decision.events:
                self._judge(event)

    def stored_jobs_of(self, sweep: str) -> tuple[str, ...] | None:
        """Return what the read models would find of a sweep."""
        jobs = tuple(job for job, at in self.jobs.items() if at.sweep == sweep and job in self.stored)
        return jobs if sweep in self.stored else None

    def _judge(self, event: Any) -> None:
        if isinstance(event, ev.SweepSubmitted):
            self.stored.add(event.sweep)
        elif isinstance(event, ev.SweepDeleted):
            self.stored.discard(event.sweep)
        if isinstance(event, ev.RequestAnswered):
            assert (event.submitter, event.key) not in self._keys, "I7: carried out twice"
            self._keys.add((event.submitter, event.key))
        result = getattr(event, "result", None)
        if result is not None:
            self._results.add((result.job, result.token))
        job = getattr(event, "job", None)
        if job is None:
            return
        if isinstance(event, ev.JobDeleted):
            assert job in self._ended, "a job was deleted that had not ended"
            self.stored.discard(job)
            self.forgotten |= {key for key in self._results if key[0] == job}
        elif not isinstance(event, ev.ResultSuperseded | ev.TrialProposed):
            assert job not in self._ended, f"I6: {event} after {self._ended.get(job)}"
        match event:
            case ev.JobSubmitted():
                self.jobs[job] = event.spec
                self.stored.add(job)
            case ev.JobClaimed():
                assert event.token > max(self._tokens[job], default=0), "I6: a token that is not larger"
                assert self._starts[job] < self.jobs[job].starts_allowed, "I8: granted beyond its starts"
                assert len(self._lost[job]) < 2, "I8: granted again after two machines were lost"
                self._tokens[job].append(event.token)
                if event.standing:
                    assert (event.agent, event.nonce) not in self._ahead, "I5: one claim was granted twice"
                    self._ahead.add((event.agent, event.nonce))
            case ev.AttemptLost():
                self._lost[job].add(event.agent)
                self._starts[job] += event.token == self._tokens[job][-1]
            case ev.AttemptFailed():
                self._starts[job] += 1
            case ev.JobSucceeded():
                assert event.token in self._tokens[job], "I3: a result of an attempt never granted"
                assert (job, event.token) in self.ran, "I3: a result of an attempt that never ran"
                self._starts[job] += 1
            case ev.JobFailed():
                self._starts[job] += event.token is not None
            case ev.JobDied():
                used_up = self._starts[job] >= self.jobs[job].starts_allowed
                assert used_up or len(self._lost[job]) >= 2, "I8: dead before its time"
        assert job not in self.jobs or self._starts[job] <= self.jobs[job].starts_allowed, "I8"
        if isinstance(event, ENDS):
            self._ended[job] = event

    def hear(self, output: Publish) -> None:
        if output.topic is topics.JOB_EVENT:
            job, revision = output.names["job"], output.data.revision
            assert revision > self._revisions[job], "I22: a job went backwards"
            self._revisions[job] = revision
            assert output.data.position <= self._position, "published before its commit"
        elif output.topic is topics.ACK:
            for ack in output.data.results:
                kept = ack.verdict == "refused" or (ack.job, ack.token) in self._results
                assert kept, "I4: acknowledged and not in the log"
        elif output.topic is topics.GRANT:
            for grant in output.data.grants:
                assert grant.token in self._tokens[grant.job], "I5: a grant that is not in the log"
