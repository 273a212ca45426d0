"""Requests to HQ over the bus: each is repeated until answered, and done once.

QoS 0 loses requests and answers alike. A repeat carries the same message id
and the same idempotency key, so HQ answers it again instead of doing it again.
"""

import secrets
import threading
import time
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from bus.port import Bus, Inbound
from idlehands.client.errors import HqUnreachable, RequestRefused
from schemas.messages import Reply
from schemas.requests import CHANGES, Request

#: The first repeat comes early: the likeliest loss is the moment of connecting.
FIRST_REPEAT_SECONDS = 0.3
REPEAT_SECONDS = 1.0
#: Requests in flight at once. More would only wait in HQ's queue.
WINDOW = 8
#: HQ is there, and cannot just now: worth asking again until the deadline.
TRY_AGAIN = frozenset({"unavailable", "busy", "overloaded"})


class _Asked:
    """One request and where it stands."""

    def __init__(self, request: Request) -> None:
        self.identity = secrets.token_hex(16)
        if isinstance(request, CHANGES) and request.key is None:
            request = replace(request, key=self.identity)
        self.request = request
        self.sends = 0
        self.next_send = 0.0
        self.reply: Reply | None = None
        self.done = False


class Asking:
    """Requests in flight, by their correlation."""

    def __init__(self, bus: Bus, client: str, explain_silence: Callable[[], str]) -> None:
        self._bus = bus
        self._client = client
        self._explain_silence = explain_silence
        self._changed = threading.Condition()
        self._waiting: dict[str, _Asked] = {}
        self._is_closed = False
        #: The log position of the newest change that HQ answered.
        self.changed_at = 0

    def close(self) -> None:
        """Let whoever waits for an answer know that none will come. Safe to repeat."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def settle(self, message: Inbound) -> None:
        """Take a reply; called on the bus's thread. Late and foreign ones are ignored."""
        identity = (message.correlation or b"").decode("ascii", "replace") or message.data.request
        with self._changed:
            asked = self._waiting.get(identity)
            if asked is None or asked.done:
                return
            asked.reply = message.data
            error = message.data.error
            asked.done = error is None or error.code not in TRY_AGAIN
            if isinstance(asked.request, CHANGES):
                self.changed_at = max(self.changed_at, message.data.position)
            self._changed.notify_all()

    def resend(self) -> None:
        """Repeat everything at once: called when the connection is back."""
        with self._changed:
            for asked in self._waiting.values():
                asked.next_send = 0.0
            self._changed.notify_all()

    def ask(self, request: Request, deadline_seconds: float) -> Reply:
        """Return HQ's answer to one request.

        Raises:
            RequestRefused: If HQ says no.
            HqUnreachable: If there is no answer within the deadline, or this was closed.
            MessageTooBig: If the request does not fit one message.
        """
        return self.ask_all([request], deadline_seconds)[0]

    def ask_all(self, requests: Sequence[Request], deadline_seconds: float) -> list[Reply]:
        """Return HQ's answers in the order of the requests; several are in flight at once.

        Raises:
            RequestRefused: For the first that HQ refuses. Others may have been done.
            HqUnreachable: If one has no answer within the deadline of the latest progress, or this closed.
            MessageTooBig: If a request does not fit one message.
        """
        every = [_Asked(request) for request in requests]
        open_ones = list(every)
        deadline = time.monotonic() + deadline_seconds
        try:
            while open_ones:
                for asked in open_ones[:WINDOW]:
                    self._send_if_due(asked)
                if self._wait(open_ones[:WINDOW]):
                    deadline = time.monotonic() + deadline_seconds
                for asked in open_ones[:WINDOW]:
                    _raise_if_refused(asked)
                open_ones = [asked for asked in open_ones if not asked.done]
                if open_ones and self._is_closed:
                    raise HqUnreachable("The connection to the house was closed before HQ answered.")
                if open_ones and time.monotonic() > deadline:
                    raise self._too_late(open_ones[0], deadline_seconds)
            return [asked.reply for asked in every if asked.reply is not None]
        finally:
            with self._changed:
                for asked in every:
                    self._waiting.pop(asked.identity, None)

    def _send_if_due(self, asked: _Asked) -> None:
        now = time.monotonic()
        with self._changed:
            if asked.done or now < asked.next_send:
                return
            self._waiting[asked.identity] = asked
            asked.next_send = now + (REPEAT_SECONDS if asked.sends else FIRST_REPEAT_SECONDS)
            asked.sends += 1
        # Outside of the lock: the answer may come on the other thread before this returns.
        identity = asked.identity
        self._bus.request(
            asked.request, client=self._client, correlation=identity.encode(), message_id=identity
        )

    def _wait(self, window: list[_Asked]) -> bool:
        """Wait until one is answered or due again; tell whether one was answered."""
        with self._changed:
            if not self._is_closed and not any(asked.done for asked in window):
                due = min(asked.next_send for asked in window)
                self._changed.wait(max(due - time.monotonic(), 0.0))
            return any(asked.done for asked in window)

    def _too_late(self, asked: _Asked, seconds: float) -> Exception:
        if asked.reply is not None and asked.reply.error is not None:
            return RequestRefused(asked.reply.error.code, asked.reply.error.message)
        return HqUnreachable(f"No answer from HQ in {seconds:.0f} s. {self._explain_silence()}")


def _raise_if_refused(asked: _Asked) -> None:
    if not asked.done or asked.reply is None or asked.reply.ok:
        return
    error = asked.reply.error
    if error is None:
        raise RequestRefused("refused", "HQ refused this and gave no reason.")
    raise RequestRefused(error.code, error.message)
