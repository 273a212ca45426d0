"""Who may join, decided without a network: one token, one machine, five tries, some minutes.

Called from the threads of all connections; the clock is given. A closed desk
never opens again.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
from cryptography.hazmat.primitives import serialization

from idlehands.house.certificates import RequestRefused, read_request
from idlehands.house.home import HouseError
from idlehands.house.registry import check_name
from idlehands.pairing.join_token import JoinToken
from idlehands.pairing.messages import VERSION, Ask, Request, is_signed, sign_request
from trust.keys import key_id

WRONG_TRIES = 5
_PUBLIC = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


class Refused(Exception):
    """A machine may not join; `code` is stable, the text is for the person before it."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass
class Application:
    """A machine that showed the right secret and waits.

    Attributes:
        name: What it will be called.
        public_key: The DER of the key in its certificate request.
        withdrawn: It went away.
    """

    name: str
    request: Request
    address: str
    public_key: bytes
    withdrawn: threading.Event = field(default_factory=threading.Event)


class Desk:
    """The state of one pairing. Thread-safe."""

    def __init__(
        self,
        token: JoinToken,
        *,
        expires: float,
        check_free: Callable[[str], None],
        name: str | None = None,
    ) -> None:
        """Open it.

        Args:
            token: What the machine must prove to know.
            expires: On the clock that `consider` is told.
            check_free: Raises a HouseError if a name cannot be given out.
            name: What the machine will be called whatever it says.
        """
        self._token, self._expires, self._check_free, self._name = token, expires, check_free, name
        self._lock = threading.Lock()
        self._closed: Refused | None = None
        self._wrong = 0
        self._pending: Application | None = None

    @property
    def closed(self) -> Refused | None:
        """Why nobody can join any more, None while somebody can."""
        with self._lock:
            return self._closed

    @property
    def wrong_tries(self) -> int:
        """How many requests had a wrong HMAC."""
        with self._lock:
            return self._wrong

    def consider(self, ask: Ask, challenge: str, address: str, now: float) -> Application:
        """Return who asks, if nothing but a person's word is missing.

        Raises:
            Refused: If it may not join.
        """
        with self._lock:
            self._expire(now)
            if self._closed is not None:
                raise self._closed
            if not is_signed(sign_request(self._token.secret, challenge, ask.payload), ask.mac):
                raise self._count_wrong_try()
            if self._pending is not None:
                raise Refused(
                    "busy",
                    "Another machine showed this token and waits for its approval. One token, one machine.",
                )
            self._pending = self._read(ask.payload, address)
            return self._pending

    def withdraw(self, application: Application) -> None:
        """Take back an application whose machine went away: another may come."""
        with self._lock:
            application.withdrawn.set()
            if self._pending is application:
                self._pending = None

    def close(self, code: str, detail: str) -> None:
        """Let nobody in any more, for this reason. The first reason stays."""
        with self._lock:
            self._closed = self._closed or Refused(code, detail)

    def look_at_clock(self, now: float) -> None:
        """Close when the time is over, unless somebody is waiting for an answer."""
        with self._lock:
            if self._pending is None:
                self._expire(now)

    def _expire(self, now: float) -> None:
        if self._closed is None and now >= self._expires:
            self._closed = Refused(
                "expired", "This join token has expired. `idlehands pair` on the HQ host makes a new one."
            )

    def _count_wrong_try(self) -> Refused:
        self._wrong += 1
        if self._wrong >= WRONG_TRIES:
            self._closed = Refused(
                "closed",
                f"Pairing was closed after {WRONG_TRIES} wrong tries. "
                "`idlehands pair` on the HQ host makes a new token.",
            )
        return Refused(
            "wrong_token",
            "HQ does not know this join token. It may be of an earlier `idlehands pair`: use the newest one.",
        )

    def _read(self, payload: str, address: str) -> Application:
        try:
            request = msgspec.json.decode(payload, type=Request)
            if request.version != VERSION:
                raise ValueError(f"version {request.version}")
            public_key = read_request(request.csr.encode())
            for key in (request.signing_key, request.sealing_key):
                key_id(key)
        except (msgspec.DecodeError, ValueError, RequestRefused, RecursionError) as error:
            raise Refused(
                "bad_request", f"HQ cannot understand this machine ({error}). Are both of the same version?"
            ) from None
        try:
            name = check_name(self._name or request.name)
            self._check_free(name)
        except HouseError as error:
            raise Refused("name_taken", str(error)) from None
        return Application(name, request, address, public_key.public_bytes(*_PUBLIC))
