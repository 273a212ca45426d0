"""Calls of services on their way: waiting for a worker, running on one, answered.

    CallService -> waiting -> sent to a worker -> answered -> (in the log) -> Reply

Volatile: an HQ that starts anew knows of no call that was not answered; whoever asked asks again. At
most one answer is given to a request, and none after its deadline. What a service with a log answered
to a request with a key is the answer for seven days: it is not called a second time for it.
"""

import hashlib
import math
from collections import Counter, OrderedDict, deque
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from bus import topics
from bus.port import Inbound
from hq.core.bookkeeping import Bookkeeping
from hq.core.call_figures import Figures
from hq.core.decide.refused import Refused
from hq.core.decide.requests import digest_of
from hq.core.decide.services import find_service
from hq.core.decide.specs import MAX_SPEC_BYTES
from hq.core.leases import AttemptKey
from hq.core.outputs import Answer, Output, Publish
from hq.core.sightings import Sighting
from hq.core.state import Service
from schemas.events import RequestAnswered, ServiceCalled
from schemas.messages import Reply, RequestError, ServiceAnswer, ServiceAnswers, ServiceCall, ServiceCalls
from schemas.requests import CallService

#: A worker that says nothing for so long after a deadline has lost the call, or its answer was lost.
GRACE_SECONDS = 10.0
_ANSWERS_KEPT = 500
_LOOK_SECONDS = 0.05


class Pending(Struct):
    """A call that was not answered yet."""

    id: str
    message: Inbound
    service: str
    version: int
    by: str
    params: dict[str, Any]
    asked_at: float
    ends_at: float
    is_logged: bool
    #: Of the request, where it has a key: under it the answer is kept over restarts.
    digest: str = ""
    agent: str = ""
    #: Its answer is on the way into the log.
    is_answered: bool = False


class Answered(Struct, frozen=True):
    """A call whose answer is given once it is in the log."""

    pending: Pending
    event: ServiceCalled
    reply: Reply

    @property
    def kept(self) -> RequestAnswered | None:
        """What is put into the log with it, so that a repeat with the same key is no second call."""
        key = self.pending.message.data.key
        if key is None or not self.reply.ok:
            return None
        return RequestAnswered(self.pending.by, key, self.pending.digest, self.reply.result)


class Calls:
    """All calls of this HQ."""

    def __init__(self, books: Bookkeeping, instance: str) -> None:
        self._books, self._state = books, books.state
        self._instance = instance
        self._count = 0
        self._pending: dict[str, Pending] = {}
        #: (client, message) -> call, so that a repeat is no second call.
        self._asked: dict[tuple[str, str], str] = {}
        self._answers: OrderedDict[tuple[str, str], Reply] = OrderedDict()
        self._queues: dict[str, deque[str]] = {}
        #: call -> its worker, and until when its place there is taken.
        self._sent: dict[str, tuple[AttemptKey, float]] = {}
        self._busy: Counter[AttemptKey] = Counter()
        self._look_at = -math.inf
        self.figures: dict[str, Figures] = {}

    # --- what arrives ------------------------------------------------------------

    def ask(self, message: Inbound, by: str, now: float) -> list[Output]:
        """Take in a request to call; its repeats change nothing.

        Raises:
            Refused: If there is no such service, or too many of its calls wait.
        """
        request: CallService = message.data
        identity = (message.names["client"], message.id)
        if identity in self._asked:
            # The newest copy is the one that is waited on.
            self._pending[self._asked[identity]].message = message
            return []
        known = self._answers.get(identity)
        if known is not None:
            # One that is not in the log yet comes when it is.
            return [Answer(message, known)] if known.position <= self._books.committed else []
        if request.key is not None and (by, request.key) in self._state.answers:
            return self._repeat(message, by, request.key)
        service = find_service(self._state, request.service)
        self._check(service, request)
        self._count += 1
        call = hashlib.sha256(f"{self._instance}/{self._count}".encode()).hexdigest()[:32]
        spec = service.spec
        self._pending[call] = Pending(
            id=call,
            message=message,
            service=service.name,
            version=service.version,
            by=by,
            params=request.params,
            asked_at=now,
            ends_at=now + (request.deadline_seconds or spec.deadline_seconds),
            is_logged=spec.log,
            digest="" if request.key is None else digest_of(request),
        )
        self._asked[identity] = call
        self._queues.setdefault(service.name, deque()).append(call)
        return self.dispatch(service.name, now)

    def _repeat(self, message: Inbound, by: str, key: str) -> list[Output]:
        """Answer a call that an earlier one with the same key was; perhaps of another life of this HQ."""
        stored = self._state.answers[by, key]
        if stored.digest != digest_of(message.data):
            raise Refused(
                "key_reused", f"the idempotency key {key!r} was used for another request: use a new one"
            )
        # One that is not in the log yet comes when it is asked for again.
        is_sure = stored.position <= self._books.committed
        return [Answer(message, Reply(message.id, True, stored.position, stored.answer))] if is_sure else []

    def _check(self, service: Service, request: CallService) -> None:
        figures = self.figures.setdefault(service.name, Figures())
        if not service.is_running:
            raise Refused(
                "service_stopped", f"service {service.name} is stopped: deploy it again, or roll back"
            )
        waiting = len(self._queues.get(service.name, ()))
        if waiting >= service.spec.queue and (waiting or not self._has_room(service)):
            figures.refused += 1
            raise Refused(
                "service_busy",
                f"all workers of {service.name} are busy and {waiting} calls wait, the most that may",
            )
        size = len(msgspec.json.encode(request.params))
        if size > MAX_SPEC_BYTES:
            raise Refused("too_big", f"the parameters have {size} bytes, at most {MAX_SPEC_BYTES}")

    def answered(self, message: Inbound, now: float) -> tuple[list[Output], list[Answered]]:
        """Take in answers of a machine; return what to send at once, and what belongs into the log first."""
        data: ServiceAnswers = message.data
        agent = message.names["agent"]
        outputs: list[Output] = []
        logged: list[Answered] = []
        services: dict[str, None] = {}
        for answer in data.answers:
            worker = self._sent.get(answer.call)
            if worker is None or worker[0] != (answer.job, answer.token):
                continue
            pending = self._pending.get(answer.call)
            if not self._is_on(agent, worker[0]):
                continue
            self._free(answer.call)
            job = self._state.jobs.get(answer.job)
            if job is not None and job.spec.serves is not None:
                services[job.spec.serves.service] = None
            if pending is None:
                continue  # it came too late
            reply = self._reply(pending, answer)
            self._note(pending, answer, now)
            if pending.is_logged:
                pending.is_answered = True
                logged.append(Answered(pending, _event(pending, agent, answer), reply))
            else:
                outputs.append(self._settle(pending, reply))
        for name in services:
            outputs += self.dispatch(name, now)
        return outputs, logged

    def settle(self, answered: Answered, position: int) -> Output:
        """Return the answer of a call that is put into the log at `position`."""
        return self._settle(answered.pending, replace(answered.reply, position=position))

    # --- workers -------------------------------------------------------------------

    def dispatch(self, name: str, now: float) -> list[Output]:
        """Send calls that wait to workers that have room."""
        outputs: list[Output] = []
        queue = self._queues.get(name)
        service = self._state.services.get(name)
        while queue and service is not None:
            worker = self._choose(service)
            if worker is None:
                break
            sighting, key = worker
            pending = self._pending.get(queue.popleft())
            if pending is None:
                continue
            self._sent[pending.id] = (key, pending.ends_at + GRACE_SECONDS)
            self._busy[key] += 1
            pending.agent = sighting.name
            left = max(0.0, pending.ends_at - now)
            call = ServiceCall(pending.id, key[0], key[1], pending.params, left)
            calls = ServiceCalls(self._state.epoch, sighting.boot, (call,))
            outputs.append(Publish(topics.CALL, {"agent": sighting.name}, calls))
        return outputs

    def ready_workers(self, name: str) -> Iterator[tuple[Sighting, AttemptKey, int]]:
        """Yield the machines, attempts and versions of a service's workers that take calls."""
        for job_id in self._books.serving.get(name, ()):
            job = self._state.jobs.get(job_id)
            sighting = self._books.sightings.get(job.agent or "") if job is not None else None
            if job is None or sighting is None or job.spec.serves is None or not sighting.accepting:
                continue
            if (job.id, job.token) in sighting.ready:
                yield sighting, (job.id, job.token), job.spec.serves.version

    def running(self, name: str) -> int:
        """Return how many calls of a service its workers have."""
        jobs = self._books.serving.get(name, set())
        return sum(count for key, count in self._busy.items() if key[0] in jobs)

    def waiting(self, name: str) -> int:
        """Return how many calls of a service wait for a worker."""
        return len(self._queues.get(name, ()))

    def _choose(self, service: Service) -> tuple[Sighting, AttemptKey] | None:
        """Return the worker with the most room; an older version only while there is none of the current."""
        best: tuple[tuple[int, int, str], Sighting, AttemptKey] | None = None
        for sighting, key, version in self.ready_workers(service.name):
            room = service.spec.concurrency - self._busy[key]
            # While a version comes up, the one before it goes on.
            rank = (0 if version == service.version else 1, -room, sighting.name)
            if room > 0 and (best is None or rank < best[0]):
                best = (rank, sighting, key)
        return None if best is None else best[1:]

    def _has_room(self, service: Service) -> bool:
        return self._choose(service) is not None

    def _is_on(self, agent: str, key: AttemptKey) -> bool:
        job = self._state.jobs.get(key[0])
        attempt = job.attempt(key[1]) if job is not None else None
        return attempt is not None and attempt.agent == agent

    # --- time ------------------------------------------------------------------------

    def tick(self, now: float) -> list[Output]:
        """Answer calls whose deadline is over or whose worker is gone, and send those that wait."""
        if now < self._look_at or not (self._pending or self._sent):
            return []
        self._look_at = now + _LOOK_SECONDS
        outputs: list[Output] = []
        for call, (key, until) in list(self._sent.items()):
            job = self._state.jobs.get(key[0])
            is_lost = job is None or job.token != key[1] or job.agent is None
            if not is_lost and now < until:
                continue
            self._free(call)
            pending = self._pending.get(call)
            if pending is not None:
                why = f"its worker on {pending.agent} ended while the call ran there; it may have had effects"
                outputs.append(self._fail(pending, "worker_lost", why))
        for pending in [one for one in self._pending.values() if now >= one.ends_at and not one.is_answered]:
            is_sent = pending.id in self._sent
            where = f"it runs on {pending.agent}" if is_sent else "no worker had room for it"
            outputs.append(self._fail(pending, "deadline", f"the call was not answered in time: {where}"))
        for name in [name for name, queue in self._queues.items() if queue]:
            outputs += self.dispatch(name, now)
        return outputs

    def look_again(self) -> None:
        """Look at the next occasion: a worker may be ready, or gone."""
        self._look_at = -math.inf

    @property
    def is_idle(self) -> bool:
        """Tell whether no call is on its way."""
        return not self._pending and not self._sent

    # --- details -----------------------------------------------------------------------

    def _free(self, call: str) -> None:
        key, _ = self._sent.pop(call)
        self._busy[key] -= 1
        if self._busy[key] <= 0:
            del self._busy[key]

    def _fail(self, pending: Pending, code: str, why: str) -> Output:
        self.figures.setdefault(pending.service, Figures()).failures += 1
        queue = self._queues.get(pending.service)
        if queue is not None and pending.id in queue:
            queue.remove(pending.id)
        error = RequestError(code, f"service {pending.service}: {why}")
        return self._settle(pending, Reply(pending.message.id, False, self._books.committed, error=error))

    def _settle(self, pending: Pending, reply: Reply) -> Output:
        self._forget(pending.id)
        self._remember((pending.message.names["client"], pending.message.id), reply)
        return Answer(pending.message, reply)

    def _forget(self, call: str) -> Pending:
        pending = self._pending.pop(call)
        self._asked.pop((pending.message.names["client"], pending.message.id), None)
        return pending

    def _remember(self, identity: tuple[str, str], reply: Reply) -> None:
        self._answers[identity] = reply
        while len(self._answers) > _ANSWERS_KEPT:
            self._answers.popitem(last=False)

    def _note(self, pending: Pending, answer: ServiceAnswer, now: float) -> None:
        asked_at = pending.ends_at - (
            pending.message.data.deadline_seconds
            or self._state.services[pending.service].spec.deadline_seconds
        )
        figures = self.figures.setdefault(pending.service, Figures())
        figures.note(now - asked_at, ok=answer.ok, now=now)

    def _reply(self, pending: Pending, answer: ServiceAnswer) -> Reply:
        said: dict[str, Any] = {"call": pending.id, "agent": pending.agent, "seconds": answer.seconds}
        if answer.ok:
            result = {**said, "result": answer.result}
            return Reply(pending.message.id, True, self._books.committed, result)
        failure = answer.failure
        why = failure.message if failure is not None else "it failed"
        is_asked_wrong = failure is not None and failure.kind == "bad_params"
        code = "bad_params" if is_asked_wrong else "call_failed"
        error = RequestError(code, f"service {pending.service}: {why}"[:8000])
        said["traceback"] = failure.traceback[-8000:] if failure is not None else ""
        return Reply(pending.message.id, False, self._books.committed, said, error)


def _event(pending: Pending, agent: str, answer: ServiceAnswer) -> ServiceCalled:
    return ServiceCalled(
        pending.service,
        pending.version,
        pending.id,
        pending.by,
        agent,
        pending.params,
        answer.ok,
        answer.result,
        answer.failure,
        answer.seconds,
    )
