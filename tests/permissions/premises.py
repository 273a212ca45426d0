"""The real server with page, HQ and database in one process, and somebody of every role before it."""

import hashlib
import http.client
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bus.memory_bus import MemoryBus, MemoryHub
from dash_app.page import Page
from dash_app.script_folders import ScriptFolders
from dash_app.server import build_server
from hq.outside.outside import Outside
from hq.rest.audit import is_noted
from hq.rest.audit_trail import AuditTrail
from hq.rest.house import CLIENT, build_house
from hq.rest.sessions import Entry, Sessions, write_entry
from hq.rest.tokens import TokenFile
from tests.unit.dash_app.little_house import LittleHq, Server

TOKEN_ROLES = ("viewer", "operator", "admin", "agent")
SESSION_ROLES = ("viewer", "operator", "admin")
#: What a handler's answer carries, and a refusal of the gate does not.
REACHED = "x-reached-a-handler"


class Answer(NamedTuple):
    """What came back."""

    status: int
    reached: bool
    body: bytes
    headers: dict[str, str]

    @property
    def code(self) -> str:
        """The `code` of a problem; empty for everything else."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return ""
        return str(found.get("code", "")) if isinstance(found, dict) else ""


class MarkReached:
    """ASGI middleware behind the gate: marks the answers of whatever is there."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (REACHED.encode(), b"1")]
            await send(message)

        await self._app(scope, receive, marked)


class Premises:
    """A house's server. `principals` are the headers that prove each role; None stands for nobody.

    With `is_audited` it takes notes, which HQ puts into its log some moments later.
    """

    def __init__(self, uri: str, folder: Path, *, is_audited: bool = False) -> None:
        self.folder = folder
        self.tokens = {role: f"{role}-{uuid4().hex}{uuid4().hex}" for role in TOKEN_ROLES}
        entries = [
            {
                "name": f"some-{role}",
                "role": role,
                "sha256": hashlib.sha256(token.encode()).hexdigest(),
                "created": 1,
            }
            for role, token in self.tokens.items()
        ]
        (folder / "tokens.json").write_text(json.dumps(entries))
        (folder / "scripts").mkdir()
        hub = MemoryHub()
        self.hq = LittleHq(MemoryBus(hub, "hq"), uri)
        self.house = build_house(MemoryBus(hub, CLIENT), uri)
        beside = folder / "outside"
        beside.mkdir()
        self.house.outside = Outside(
            beside,
            self.house.bus,
            self.house.asking,
            self.house.live,
            lambda: self.house.database,
            allows_private=False,
        )
        if is_audited:
            self.house.trail = AuditTrail(
                folder / "audit", self.house.asking, lambda note: is_noted(self.house.database, note)
            )
        self.page = Page(
            self.house,
            Sessions(folder / "logins", folder / "sessions"),
            ScriptFolders([folder / "scripts"]),
        )
        built = build_server(
            self.house, TokenFile(folder / "tokens.json"), ["127.0.0.1", "house.test"], "0", self.page
        )
        self.app = _inside(built)
        self.app.add_middleware(MarkReached)
        self.server = Server(built)

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def principals(self) -> dict[str, dict[str, str]]:
        """Who may stand there, and the headers that prove it. Sessions are new ones."""
        known: dict[str, dict[str, str]] = {"nobody": {}}
        known |= {f"token {role}": self.as_token(role) for role in TOKEN_ROLES}
        return known | {f"session {role}": self.as_session(role) for role in SESSION_ROLES}

    def as_token(self, role: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self.tokens[role]}"}

    def as_session(self, role: str) -> dict[str, str]:
        """Return the headers of a browser that is logged in just now."""
        entry = Entry(f"some-{role}", role, time.time() + 3600)  # type: ignore[arg-type]
        secret = write_entry(self.folder / "sessions", entry)
        return {"cookie": f"__Host-idlehands-{self.port}={secret}"}

    @contextmanager
    def connected(self) -> Iterator[http.client.HTTPConnection]:
        """Hold one connection to the server."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            yield connection
        finally:
            connection.close()

    def ask(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes = b"{}",
    ) -> Answer:
        """Send one request as a program or a page of this server would, and return the answer."""
        whole = {"origin": self.server.url, "content-type": "application/json", **headers}
        has_body = method in ("POST", "PUT", "PATCH", "DELETE")
        connection.request(method, path, body if has_body else None, whole)
        with connection.getresponse() as response:
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, REACHED in found, response.read(), found)

    def open_socket(self, path: str, headers: dict[str, str]) -> Answer:
        """Begin a WebSocket, and return how that was answered."""
        upgrade = {
            "origin": self.server.url,
            "connection": "Upgrade",
            "upgrade": "websocket",
            "sec-websocket-version": "13",
            "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
        with self.connected() as connection:
            connection.request("GET", path, headers=upgrade | headers)
            response = connection.getresponse()
            return Answer(response.status, response.status == 101, b"", dict(response.getheaders()))


def _inside(app: Any) -> FastAPI:
    """Return the application behind the gate."""
    while not isinstance(app, FastAPI):
        app = app._app
    return app


@contextmanager
def premises(uri: str, folder: Path, *, is_audited: bool = False) -> Iterator[Premises]:
    """Run the server and HQ on an empty database."""
    built = Premises(uri, folder, is_audited=is_audited)
    built.hq.start()
    built.server.start()
    try:
        yield built
    finally:
        built.server.stop()
        built.hq.stop()
