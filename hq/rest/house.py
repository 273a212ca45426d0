"""What the routes work with: the database, the bus, and what is heard on it.

Composed once by the server; the parts know nothing of each other.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from bus.codec import MalformedMessage, check_free_form
from bus.port import Bus, BusInput
from bus.topics import JOB_EVENT, REPLY
from hq.outside.outside import Outside
from hq.rest.analyses import Importance
from hq.rest.asking import Asking
from hq.rest.audit_trail import AuditTrail
from hq.rest.blobs import Blobs
from hq.rest.counting import RequestCounts
from hq.rest.database import Database, open_database
from hq.rest.datasets import Datasets
from hq.rest.endings import Endings
from hq.rest.live import Live
from hq.rest.problems import Problem
from hq.rest.repeats import Repeats
from hq.rest.tokens import Principal
from hq.rest.uploads import Uploads

#: The name under which HQ knows us and lets us act on behalf of others.
CLIENT = "web"


class Background(Protocol):
    """Something that runs until it is cancelled."""

    async def run(self) -> None:
        """Do it; an end before the server's is all right."""

    async def stop(self) -> None:
        """End what is still under way."""


@dataclass
class House:
    """The parts behind the routes."""

    mongodb_uri: str
    asking: Asking
    live: Live
    bus: Bus
    #: Called on the bus's thread with everything that arrives.
    listeners: list[Callable[[BusInput], None]] = field(default_factory=list)
    #: The folder with the newest certificates of machines that joined.
    renewals: Path | None = None
    #: The folder with `tokens.json`.
    tokens_folder: Path | None = None
    #: Takes notes for the audit log, where there is one.
    trail: AuditTrail | None = None
    #: Whether results of calls may be posted to this machine and into private networks.
    private_callbacks: bool = False
    #: What speaks with the world outside, where there is a folder for it.
    outside: Outside | None = None
    #: What goes on beside the routes for as long as the server runs.
    while_running: list[Background] = field(default_factory=list)
    requests: RequestCounts = field(default_factory=RequestCounts)
    importance: Importance = field(default_factory=Importance)
    endings: Endings = field(default_factory=Endings)
    repeats: Repeats = field(default_factory=Repeats)
    _database: Database | None = None
    _blobs: Blobs | None = None
    _uploads: Uploads | None = None
    _datasets: Datasets | None = None

    @property
    def database(self) -> Database:
        """The database. Its client belongs to the event loop that first asks for it."""
        if self._database is None:
            self._database = open_database(self.mongodb_uri)
        return self._database

    @property
    def blobs(self) -> Blobs:
        if self._blobs is None:
            self._blobs = Blobs(self.database)
        return self._blobs

    @property
    def uploads(self) -> Uploads:
        if self._uploads is None:
            self._uploads = Uploads(self.blobs)
        return self._uploads

    @property
    def datasets(self) -> Datasets:
        if self._datasets is None:
            self._datasets = Datasets(self.blobs.writing())
        return self._datasets

    def start(self) -> None:
        """Connect to the broker in the background."""
        self.live.subscribe(self.bus)
        self.bus.subscribe(REPLY, client=CLIENT)
        self.bus.subscribe(JOB_EVENT)
        self.bus.start(self._handle)

    async def stop(self) -> None:
        """Disconnect from everything."""
        self.bus.stop()
        if self._database is not None:
            await self._database.client.close()

    def _handle(self, what: BusInput) -> None:
        self.asking.handle(what)
        self.live.handle(what)
        self.endings.handle(what)
        if self.outside is not None:
            self.outside.handle(what)
        for listener in self.listeners:
            listener(what)


def build_house(bus: Bus, mongodb_uri: str) -> House:
    """Return the parts, not yet connected."""
    return House(mongodb_uri, Asking(bus, CLIENT), Live(), bus)


def principal_of(request: Request) -> Principal:
    """Return who is asking, as the gate has proven."""
    found: Principal = request.scope["state"]["principal"]
    return found


def answer(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a JSON response that no cache keeps."""
    return Response(
        msgspec.json.encode(content),
        status,
        {"cache-control": "no-store", **(headers or {})},
        "application/json",
    )


async def read_body(request: Request, kind: type[Any]) -> Any:
    """Return the request's JSON body as a Struct, free-form parts included fit to be stored.

    Raises:
        Problem: 400 when it is not JSON, 415 when it says so, 422 when it does not fit.
    """
    given = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if given != "application/json":
        raise Problem(415, "not_json", f"The body must be application/json, not {given[:80]!r}.")
    raw = await request.body()
    try:
        body = msgspec.json.decode(raw, type=kind)
        check_free_form(msgspec.to_builtins(body))
    except msgspec.ValidationError as error:
        raise Problem(422, "bad_data", f"The body does not fit: {error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(400, "not_json", f"The body is not JSON: {str(error)[:300]}.") from None
    except RecursionError:
        raise Problem(422, "too_deep", "The body is nested too deep.") from None
    except MalformedMessage as error:
        raise Problem(422, error.reason, f"The body cannot be used: {error.detail}.") from None
    return body
