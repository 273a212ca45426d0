"""What HQ says to agents: answers to heartbeats, grants, acknowledgements."""

from collections.abc import Iterator
from itertools import islice
from operator import itemgetter
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from bus import topics
from bus.port import Inbound
from bus.topics import Topic
from hq.core.bookkeeping import Bookkeeping
from hq.core.decide.attempts import decide_boot, decide_claim, decide_result, decide_return
from hq.core.decide.checkpoints import decide_checkpoint
from hq.core.leases import AttemptKey
from hq.core.recording import Recording
from hq.core.sightings import COOL_SECONDS, Sighting
from hq.core.state import Job
from hq.core.timing import LEASE_SECONDS
from schemas.events import (
    AttemptLost,
    AttemptResumed,
    AttemptReturned,
    CheckpointStored,
    JobClaimed,
    JobSucceeded,
)
from schemas.messages import (
    Ack,
    AttemptReport,
    Claims,
    Declines,
    Denial,
    Grant,
    Grants,
    Heartbeat,
    JobLog,
    JobProgress,
    Order,
    ResultAck,
    Results,
)
from schemas.names import TOKEN_BITS
from schemas.states import AttemptState, Command, JobStatus, Phase

#: Grants of one decision: what it weighs is bounded. The rest follows with the next.
MAX_AHEAD = 500


class HeartbeatAnswer(Struct, frozen=True):
    """What to answer at once, and whether a decision must follow from the heartbeat."""

    ack: Ack | None
    needs_decision: bool = False


class Contact:
    """Agents' messages: heartbeats are answered at once, the rest becomes decisions."""

    def __init__(self, books: Bookkeeping) -> None:
        self._books = books
        self._state = books.state

    # --- at once ---------------------------------------------------------------

    def hear(self, agent: str, heartbeat: Heartbeat, now: float) -> HeartbeatAnswer:
        """Renew the leases that a heartbeat lists and return the answer to it."""
        record = self._state.agents.get(agent)
        if record is None or heartbeat.boot > record.boot:
            # Nothing is answered before the boot is in the log: attempts of the
            # boot before must be settled first.
            return HeartbeatAnswer(None, needs_decision=True)
        epoch = self._state.epoch
        sighting = self._sighting(agent, heartbeat)
        refused = sighting.note_instance(heartbeat, now)
        if refused:
            self._books.count_refused("two_machines_one_name")
        elif heartbeat.boot < record.boot or heartbeat.instance != record.instance:
            refused = (
                f"HQ knows a later start of '{agent}' (boot {record.boot}): "
                f"this one (boot {heartbeat.boot}) must be started again"
            )
            self._books.count_refused("old_boot")
        if refused:
            return HeartbeatAnswer(Ack(epoch, heartbeat.boot, heartbeat.seq, refused=refused))
        sighting.note_heartbeat(heartbeat, now)
        self._books.note_heard(sighting)
        commands = ((report, self._command_for(agent, report, now)) for report in heartbeat.attempts)
        orders = tuple(Order(r.job, r.token, command) for r, command in commands if command is not None)
        news = next(self._find_never_came(agent, heartbeat), None) is not None or any(
            self._may_resume(agent, report) or self._checkpoint_in(agent, report) is not None
            for report in heartbeat.attempts
        )
        return HeartbeatAnswer(Ack(epoch, heartbeat.boot, heartbeat.seq, orders), news)

    def _find_never_came(self, agent: str, heartbeat: Heartbeat) -> Iterator[tuple[Job, AttemptKey]]:
        """Yield live attempts of HQs before this one that the agent does not have and will never take.

        It follows this epoch, so it refuses the grants of those before: one that it does not list
        was lost with the HQ that gave it.
        """
        if heartbeat.standing is None or heartbeat.standing.epoch != self._state.epoch:
            return
        listed: set[AttemptKey] | None = None
        for key in self._books.open.get(agent, ()):
            if key[1] >> TOKEN_BITS >= self._state.epoch or key[0] in self._books.in_flight:
                continue
            if listed is None:
                listed = {(report.job, report.token) for report in heartbeat.attempts}
            job = self._state.jobs[key[0]]
            attempt = job.attempt(key[1])
            if key in listed or attempt is None or attempt.boot != heartbeat.boot:
                continue
            if attempt.state is AttemptState.LIVE:
                yield job, key

    def _checkpoint_in(self, agent: str, report: AttemptReport) -> CheckpointStored | None:
        return decide_checkpoint(self._state, agent, report.job, report.token, report.checkpoint)

    def _sighting(self, agent: str, heartbeat: Heartbeat) -> Sighting:
        sighting = self._books.sightings.get(agent)
        record = self._state.agents[agent]
        if sighting is None:
            sighting = Sighting(agent, record.boot, record.instance, facts=record.facts)
            self._books.sightings[agent] = sighting
        elif sighting.boot != record.boot:
            sighting.boot = record.boot
            sighting.instance = record.instance
            sighting.seq = -1
            sighting.note_facts(record.facts)
        return sighting

    def _command_for(self, agent: str, report: AttemptReport, now: float) -> Command | None:
        """Return what to do with an attempt, or None to say nothing: then its lease runs on."""
        job = self._state.jobs.get(report.job)
        attempt = job.attempt(report.token) if job else None
        if report.job in self._books.in_flight:
            # What is decided of this job is not committed: say nothing of it yet.
            return self._keep_if_renewed(report, now)
        if report.phase is Phase.SPOOLED:
            self._renew(report, now)
            return Command.KEEP
        if job is None or attempt is None or attempt.agent != agent:
            return Command.STOP
        if attempt.state is AttemptState.LIVE:
            keep = self._keep_if_renewed(report, now)
            return Command.WIND_DOWN if keep is not None and job.pruning is not None else keep
        # An ordinary attempt whose lease ended goes on and delivers late.
        return Command.STOP if job.spec.exclusive else Command.KEEP

    def _keep_if_renewed(self, report: AttemptReport, now: float) -> Command | None:
        # An exclusive lease that HQ may not renew must not grow at the agent
        # either: silence makes it end there before another HQ gives it away.
        return Command.KEEP if self._renew(report, now) else None

    def _renew(self, report: AttemptReport, now: float) -> bool:
        key = (report.job, report.token)
        return self._books.leases.renew(key, now, leader_until=self._books.leader_until)

    def _may_resume(self, agent: str, report: AttemptReport) -> bool:
        job = self._state.jobs.get(report.job)
        attempt = job.attempt(report.token) if job else None
        return (
            job is not None
            and attempt is not None
            and attempt.agent == agent
            and attempt.state is AttemptState.UNHEARD
            and report.token == job.token
            and job.status is JobStatus.QUEUED
            and not job.spec.exclusive
        )

    def forward(self, message: Inbound, now: float) -> list[tuple[Topic, str, str, Any]]:
        """Return (topic, job, agent, message) for what comes from lease holders."""
        agent = message.names["agent"]
        found: list[tuple[Topic, str, str, Any]] = []
        for item in message.data.items:
            job = self._state.jobs.get(item.job)
            if job is None or job.token != item.token or job.agent != agent:
                self._books.count_refused("not_the_lease_holder")
            elif self._books.is_over_rate(item.job, now):
                self._books.count_refused("over_rate")
            elif message.topic is topics.PROGRESS:
                found.append((topics.JOB_PROGRESS, item.job, agent, JobProgress(agent, item)))
            else:
                found.append((topics.JOB_LOG, item.job, agent, JobLog(agent, item)))
        return found

    # --- decisions ---------------------------------------------------------------

    def decide(self, recording: Recording, message: Inbound, now: float) -> None:
        """Record what follows from an agent's message, and the answer to it."""
        agent = message.names["agent"]
        match message.data:
            case Heartbeat():
                self._decide_heartbeat(recording, agent, message.data, now)
            case Claims():
                self._decide_claims(recording, agent, message.data)
            case Declines():
                self._decide_declines(recording, agent, message.data, now)
            case Results():
                self._decide_results(recording, agent, message.data)

    def _decide_heartbeat(self, recording: Recording, agent: str, heartbeat: Heartbeat, now: float) -> None:
        record = self._state.agents.get(agent)
        if record is None or heartbeat.boot > record.boot:
            self._decide_boot(recording, agent, heartbeat, now)
            answer = self.hear(agent, heartbeat, now)
            if answer.ack is not None:
                recording.publish(topics.ACK, answer.ack, agent=agent)
        elif heartbeat.boot == record.boot and heartbeat.instance == record.instance:
            for job, key in sorted(self._find_never_came(agent, heartbeat), key=itemgetter(1)):
                recording.record(AttemptReturned(job.id, key[1], f"{agent} never got the grant"))
            for report in heartbeat.attempts:
                if self._may_resume(agent, report):
                    recording.record(AttemptResumed(report.job, report.token))
                if (stored := self._checkpoint_in(agent, report)) is not None:
                    recording.record(stored)

    def _decide_boot(self, recording: Recording, agent: str, heartbeat: Heartbeat, now: float) -> None:
        sighting = self._books.sightings.get(agent)
        phases = dict(sighting.phases) if sighting else {}
        attempts = sorted(self._books.open.get(agent, ()))
        self._books.booting.add(agent)
        went_down = False
        for event in decide_boot(self._state, agent, heartbeat, attempts, phases):
            job = getattr(event, "job", None)
            if job is not None and job not in self._state.jobs:
                continue  # an event before this one ended the job
            recording.record(event)
            went_down = went_down or isinstance(event, AttemptLost)
        if went_down:
            # Once, however many attempts went down with it: it is the machine that is penalised.
            self._sighting(agent, heartbeat).penalise(now)

    def _decide_claims(self, recording: Recording, agent: str, claims: Claims) -> None:
        grants: list[Grant] = []
        denials: list[Denial] = []
        for claim in claims.claims:
            job = self._state.jobs.get(claim.job)
            attempt = job.attempt(claim.token) if job else None
            if (
                job
                and attempt
                and (attempt.agent, attempt.boot, attempt.nonce) == (agent, claims.boot, claim.nonce)
            ):
                # The claim came twice: the same grant again, for one that got lost.
                if attempt.state is AttemptState.LIVE:
                    grants.append(self._grant(claim.job, claim.token, agent, claims.boot, claim.nonce))
                continue
            offer = self._books.scheduler.offered.get(claim.job)
            decided = decide_claim(self._state, agent, claims.boot, claim, offer[:2] if offer else None)
            if isinstance(decided, JobClaimed):
                recording.record(decided)
                grants.append(self._grant(claim.job, claim.token, agent, claims.boot, claim.nonce))
            else:
                denials.append(Denial(claim.job, claim.token, claim.nonce, decided))
        if grants or denials:
            data = Grants(self._state.epoch, tuple(grants), tuple(denials))
            recording.publish(topics.GRANT, data, agent=agent)

    def grant_ahead(self, recording: Recording, now: float) -> None:
        """Record what machines have claimed ahead, as far as there are jobs and room, and the grants."""
        grants: dict[str, list[Grant]] = {}
        claims = self._books.scheduler.claim_ahead(self._state, self._books.sightings, now)
        for claimed in islice(claims, MAX_AHEAD):
            recording.record(claimed)
            grant = self._grant(claimed.job, claimed.token, claimed.agent, claimed.boot, claimed.nonce)
            grants.setdefault(claimed.agent, []).append(grant)
        for agent, granted in grants.items():
            recording.publish(topics.GRANT, Grants(self._state.epoch, tuple(granted)), agent=agent)

    def _grant(self, job: str, token: int, agent: str, boot: int, nonce: str) -> Grant:
        found = self._state.jobs[job]
        grant = Grant(job, token, agent, boot, nonce, LEASE_SECONDS, found.spec)
        return replace(grant, checkpoint=found.checkpoint) if found.checkpoint else grant

    def _decide_declines(self, recording: Recording, agent: str, declines: Declines, now: float) -> None:
        sighting = self._books.sightings.get(agent)
        for decline in declines.declines:
            offer = self._books.scheduler.offered.get(decline.job)
            job = self._state.jobs.get(decline.job)
            attempt = job.attempt(decline.token) if job else None
            unwilling = False
            # Before the job is queued again: whoever gets it goes on from there.
            stored = decide_checkpoint(self._state, agent, decline.job, decline.token, decline.checkpoint)
            if stored is not None:
                recording.record(stored)
                job = self._state.jobs[decline.job]
            if job and attempt and sighting and decline.unwilling and attempt.agent == agent:
                # Before it is queued again: not for the same machine, which would decline it for ever.
                self._books.scheduler.note_unwilling(job, decline.why, sighting, self._state.jobs)
                unwilling = True
            if offer is not None and offer[:2] == (agent, decline.token):
                self._books.scheduler.withdraw(decline.job, self._books.sightings)
                if job is not None:
                    self._books.scheduler.note_queued(job, now)
            elif job is not None:
                event = decide_return(job, decline.token, agent, decline.why, interrupted=decline.interrupted)
                if event is not None:
                    recording.record(event)
            if sighting is not None and not unwilling:
                sighting.cool_until = max(sighting.cool_until, now + COOL_SECONDS)

    def _decide_results(self, recording: Recording, agent: str, results: Results) -> None:
        acks: list[ResultAck] = []
        sighting = self._books.sightings.get(agent)
        for result in results.results:
            stored = decide_checkpoint(self._state, agent, result.job, result.token, result.checkpoint)
            if stored is not None:
                recording.record(stored)
            event, verdict = decide_result(self._state, agent, result)
            if event is not None:
                recording.record(event)
            if sighting is not None and isinstance(event, JobSucceeded):
                sighting.losses = 0
            if verdict == "refused":
                self._books.count_refused("foreign_result")
            acks.append(ResultAck(result.job, result.token, verdict))
        data = Ack(self._state.epoch, results.boot, results=tuple(acks))
        recording.publish(topics.ACK, data, agent=agent)
