"""HQ's side of the wire for one agent: hears everything, answers heartbeats, offers, grants.

Keeps no log and decides nothing: checks do. It hears on the bus's thread and
is asked on the check's.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from bus import topics
from bus.codec import encode
from bus.paho_bus import PahoBus
from bus.port import BusInput, Connected, Inbound, LastWill, Refusal
from bus.signing import KeyFile, Signed, Signer, check_signature
from idlehands.conformance.stand import AGENT, Stand
from idlehands.conformance.work import Task
from schemas.facts import AttemptResult
from schemas.messages import (
    Ack,
    Claims,
    Declines,
    Denial,
    Grant,
    Grants,
    Heartbeat,
    HqState,
    Offer,
    Offers,
    Order,
    ResultAck,
    Results,
)
from schemas.names import TOKEN_BITS
from schemas.states import Command
from trust.keys import key_id

_FIRST_EPOCH = 1_700_000_000
LEASE_SECONDS = 30.0
STATE_SECONDS = 3.0
_AGENT_SAYS = (
    *(topics.PRESENCE, topics.HEARTBEAT, topics.CLAIM, topics.DECLINE),
    *(topics.PROGRESS, topics.LOG, topics.RESULT),
)


class Interrupted(Exception):
    """The suite is to end before its time."""


class Heard(msgspec.Struct, frozen=True):
    """A message of the agent, and when it came on the suite's clock."""

    at: float
    topic: topics.Topic | None
    data: Any
    #: Why it cannot be used; "" when it can.
    trouble: str = ""


class Desk:
    """Plays HQ as long as it is entered.

    Attributes:
        answers: Whether heartbeats are answered.
        left_out: Jobs that the answers say nothing of.
        settles: Whether results are acknowledged as they come.
    """

    def __init__(self, stand: Stand, stop: threading.Event) -> None:
        """Make ready.

        Args:
            stand: Where the broker is, and whose keys.
            stop: Set when nobody wants to know any more: then waits end with `Interrupted`.
        """
        self.epoch = _FIRST_EPOCH
        self.answers = True
        self.settles = True
        self.left_out: set[str] = set()
        #: Tokens of offers that live no more: who claims on one is denied.
        self._withdrawn: set[int] = set()
        self._rest = stand.blobs.url
        self._token = self.epoch << TOKEN_BITS
        self._heard: list[Heard] = []
        self._changed = threading.Condition()
        self._stop = stop
        self._ends = threading.Event()
        self._keys = {key_id(stand.agent_key): stand.agent_key}
        self._prefix = f"{topics.DEFAULT_ROOT}/"
        self._signer = KeyFile(stand.hq_key)
        self._bus = PahoBus(
            stand.hq_settings,
            will=LastWill(topics.HQ_STATE, {}, HqState(online=False, epoch=self.epoch, version="suite")),
            signer=self._signer,
            check=self._check,
        )
        self._clock = threading.Thread(target=self._say_state_again, daemon=True)

    def __enter__(self) -> "Desk":
        for topic in _AGENT_SAYS:
            self._bus.subscribe(topic, agent=AGENT)
        self._bus.start(self._hear)
        self._clock.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ends.set()
        self._clock.join()
        self._bus.stop()

    # --- what HQ says -----------------------------------------------------------------

    def begin_epoch(self, ahead: int) -> None:
        """Be an HQ that has taken over."""
        self.epoch += ahead
        self._token = self.epoch << TOKEN_BITS
        self.say_state()

    def say_state(self) -> None:
        """Say that HQ is there."""
        state = HqState(online=True, epoch=self.epoch, version="conformance", rest=self._rest)
        self._bus.publish(topics.HQ_STATE, state)

    def next_token(self) -> int:
        """Return a token that is larger than all before."""
        self._token += 1
        return self._token

    def offer(self, task: Task, epoch: int | None = None) -> None:
        """Offer a job, with a new token."""
        self._withdrawn.add(task.token)
        task.token = self.next_token()
        offers = Offers(self.epoch if epoch is None else epoch, (Offer(task.job, task.token),))
        self._bus.publish(topics.OFFER, offers, agent=AGENT)

    def build_grant(self, task: Task, boot: int, /, **changed: Any) -> Grant:
        """Return the grant that the claim of a task deserves, with what is to be other than right."""
        right: dict[str, Any] = {
            "job": task.job,
            "token": task.token,
            "agent": AGENT,
            "boot": boot,
            "nonce": task.nonce,
            "lease_seconds": LEASE_SECONDS,
            "spec": task.spec,
        }
        return Grant(**{**right, **changed})

    def grant(self, *grants: Grant, epoch: int | None = None) -> None:
        """Grant, signed as HQ signs."""
        data = Grants(self.epoch if epoch is None else epoch, grants)
        self._bus.publish(topics.GRANT, data, agent=AGENT)

    def deny(self, task: Task) -> None:
        """Deny the claim of a task, signed."""
        denial = Denial(task.job, task.token, task.nonce, "the conformance suite denies this claim")
        self._bus.publish(topics.GRANT, Grants(self.epoch, (), (denial,)), agent=AGENT)

    def reassure(self) -> None:
        """Say something signed: after unsigned grants an agent may doubt for a while that HQ is there."""
        self._bus.publish(topics.GRANT, Grants(self.epoch), agent=AGENT)

    def forge(self, grant: Grant, signer: Signer | None, change: Callable[[bytes], bytes] = bytes) -> None:
        """Publish a grant that another has signed, or nobody, or that was changed on its way."""
        data = Grants(self.epoch, (grant,))
        payload = encode(topics.GRANT, data, message_id="forged", source="hq", signer=signer)
        self.put("grant", change(payload))

    def forge_as_hq(self, grant: Grant, change: Callable[[bytes], bytes]) -> None:
        """Publish a grant that HQ has signed, changed on its way."""
        self.forge(grant, self._signer, change)

    def put(self, what: str, payload: bytes) -> None:
        """Publish any bytes on the agent's topic of that name."""
        name = self._prefix + f"agent/{AGENT}/down/{what}"
        self._bus.publish_plain(name, payload, retained=False)

    def put_data(self, topic: topics.Topic, data: dict[str, Any]) -> None:
        """Publish what no version of ours would say, well formed."""
        self._bus.publish(topic, data, agent=AGENT)

    def grant_spaced(self, grant: Grant) -> None:
        """Grant in other bytes than usual, signed as they are, with the signature before `data`."""
        body = json.dumps(msgspec.to_builtins(Grants(self.epoch, (grant,))), indent=1).encode()
        body = body.replace(b"\n", b"\t")
        key, signature = self._signer.sign(topics.GRANT.type, body)
        said = {"specversion": "1.0", "id": "spaced", "source": "hq", "type": topics.GRANT.type}
        before = json.dumps({**said, "signer": key, "signature": signature}).encode()
        self.put("grant", before[:-1] + b', "data" : ' + body + b" }")

    def order(self, task: Task, command: Command, boot: int) -> None:
        """Push an order, as HQ does when somebody cancels."""
        orders = (Order(task.job, task.token, command),)
        self._bus.publish(topics.ACK, Ack(self.epoch, boot, orders=orders), agent=AGENT)

    def settle(self, task: Task, boot: int, verdict: str = "accepted") -> None:
        """Acknowledge the result of a task."""
        acks = (ResultAck(task.job, task.token, verdict),)
        self._bus.publish(topics.ACK, Ack(self.epoch, boot, results=acks), agent=AGENT)

    # --- what was heard ---------------------------------------------------------------

    @staticmethod
    def now() -> float:
        """Return the time on the clock that everything here is told in."""
        return time.monotonic()

    def heard(self, since: float = 0.0) -> list[Heard]:
        """Return all that the agent said since then, in its order."""
        with self._changed:
            return [one for one in self._heard if one.at >= since]

    def heartbeats(self, since: float = 0.0) -> list[tuple[float, Heartbeat]]:
        """Return the heartbeats since then, and when each came."""
        return [(one.at, one.data) for one in self.heard(since) if isinstance(one.data, Heartbeat)]

    def results(self, task: Task, since: float = 0.0) -> list[tuple[float, AttemptResult]]:
        """Return each sending of a task's result since then."""
        return [
            (one.at, result)
            for one in self.heard(since)
            if isinstance(one.data, Results)
            for result in one.data.results
            if (result.job, result.token) == (task.job, task.token)
        ]

    def claims(self, task: Task) -> list[tuple[float, str, int]]:
        """Return when the offer of a task was claimed, with which nonce and by which boot."""
        return [
            (one.at, claim.nonce, one.data.boot)
            for one in self.heard()
            if isinstance(one.data, Claims)
            for claim in one.data.claims
            if (claim.job, claim.token) == (task.job, task.token)
        ]

    def declines(self, task: Task, since: float = 0.0) -> list[str]:
        """Return why a task's offer or grant was declined, each time."""
        return [
            decline.why
            for one in self.heard(since)
            if isinstance(one.data, Declines)
            for decline in one.data.declines
            if (decline.job, decline.token) == (task.job, task.token)
        ]

    def wait(self, holds: Callable[[], bool], seconds: float) -> bool:
        """Wait until `holds` does, which may ask this desk; tell whether it did in time.

        Raises:
            Interrupted: If the whole suite is to end.
        """
        deadline = time.monotonic() + seconds
        while not holds():
            if self._stop.is_set():
                raise Interrupted
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            with self._changed:
                self._changed.wait(min(left, 0.05))
        return True

    # --- on the bus's thread ------------------------------------------------------------

    def _check(self, signed: Signed) -> None:
        if signed.type == topics.RESULT.type:
            check_signature(signed, self._keys)

    def _hear(self, item: BusInput) -> None:
        if isinstance(item, Connected):
            self.say_state()
            return
        if not isinstance(item, Inbound | Refusal):
            return
        if isinstance(item, Refusal):
            one = Heard(time.monotonic(), item.topic, None, f"{item.reason}: {item.detail}")
        else:
            one = Heard(time.monotonic(), item.topic, item.data)
        with self._changed:
            self._heard.append(one)
            self._changed.notify_all()
        if isinstance(one.data, Heartbeat) and self.answers:
            self._answer(one.data)
        if isinstance(one.data, Claims):
            late = [claim for claim in one.data.claims if claim.token in self._withdrawn]
            denials = tuple(Denial(claim.job, claim.token, claim.nonce, "too late") for claim in late)
            if denials:
                self._bus.publish(topics.GRANT, Grants(self.epoch, (), denials), agent=AGENT)
        if isinstance(one.data, Results) and self.settles:
            acks = tuple(ResultAck(result.job, result.token, "accepted") for result in one.data.results)
            self._bus.publish(topics.ACK, Ack(self.epoch, one.data.boot, results=acks), agent=AGENT)

    def _answer(self, heartbeat: Heartbeat) -> None:
        orders = tuple(self._orders(heartbeat))
        answer = Ack(self.epoch, heartbeat.boot, seq=heartbeat.seq, orders=orders)
        self._bus.publish(topics.ACK, answer, agent=AGENT)

    def _orders(self, heartbeat: Heartbeat) -> Iterator[Order]:
        for attempt in heartbeat.attempts:
            if attempt.job not in self.left_out:
                yield Order(attempt.job, attempt.token, Command.KEEP)

    def _say_state_again(self) -> None:
        while not self._ends.wait(STATE_SECONDS):
            self.say_state()
