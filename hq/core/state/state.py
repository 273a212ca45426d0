"""The live part of the fold, and how much of what is over is remembered."""

from collections import OrderedDict

from hq.core.history import History
from hq.core.state.jobs import Finished, Job
from hq.core.state.models import Model
from hq.core.state.records import AgentRecord, Answer, Schedule
from hq.core.state.services import Service
from hq.core.state.sweeps import Sweep

#: How many finished jobs HQ remembers, to answer a repeated result or a late cancel at once.
FINISHED_KEPT = 50_000
#: How many results HQ remembers to have stored: a repeated one is acknowledged, never stored twice.
REPORTED_KEPT = 100_000
IDEMPOTENCY_SECONDS = 7 * 24 * 3600.0


class State:
    """The live part of the fold. Only `hq.core.evolve` changes it."""

    def __init__(self) -> None:
        self.position = 0
        self.epoch = 0
        self.jobs: dict[str, Job] = {}
        self.finished: OrderedDict[str, Finished] = OrderedDict()
        self.agents: dict[str, AgentRecord] = {}
        self.sweeps: dict[str, Sweep] = {}
        #: By name, stopped ones too.
        self.services: dict[str, Service] = {}
        #: By name, also those that were removed: a name is all that is left of them.
        self.schedules: dict[str, Schedule] = {}
        #: By name, also those of which all versions were removed.
        self.models: dict[str, Model] = {}
        #: By `user NAME` or `named NAME`.
        self.limits: dict[str, int] = {}
        self.answers: OrderedDict[tuple[str, str], Answer] = OrderedDict()
        #: (job, token) -> verdict of every result in the log, the latest `REPORTED_KEPT`.
        self.reported: OrderedDict[tuple[str, int], str] = OrderedDict()
        #: job ids of each running sweep's live trials.
        self.trials: dict[str, set[str]] = {}
        #: What each running sweep's sampler learns from.
        self.histories: dict[str, History] = {}

    def fill_trials(self) -> None:
        """Note the live trials of each running sweep, after jobs and sweeps were put in."""
        for job in self.jobs.values():
            if job.spec.sweep in self.sweeps:
                self.trials.setdefault(job.spec.sweep or "", set()).add(job.id)

    def remember_finished(self, job: Job, token: int) -> None:
        """Move a job that reached a terminal state out of the live jobs."""
        self.jobs.pop(job.id, None)
        self.finished[job.id] = Finished(job.status, token, job.revision)
        while len(self.finished) > FINISHED_KEPT:
            self.finished.popitem(last=False)

    def remember_reported(self, job: str, token: int, verdict: str) -> None:
        """Note that the result of an attempt is in the log."""
        self.reported[job, token] = verdict
        while len(self.reported) > REPORTED_KEPT:
            self.reported.popitem(last=False)

    def remember_answer(self, answer: Answer) -> None:
        """Store an answer and forget those older than seven days."""
        self.answers[answer.submitter, answer.key] = answer
        while self.answers:
            oldest = next(iter(self.answers.values()))
            if answer.at - oldest.at <= IDEMPOTENCY_SECONDS:
                break
            self.answers.popitem(last=False)
