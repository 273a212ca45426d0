"""Who reaches which handler of the server, found by trying it: real gate, real routes, every method.

Tried are the paths of the policy table and of every route that the application
has, whether the table knows them or not.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from hq.rest.policy import PAGE_RULES, RULES
from tests.permissions.premises import Answer, Premises

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "WEBSOCKET")
CONTENT = b"{}"
SAMPLES = {
    "job": "j" + "a" * 12,
    "sweep": "s" + "a" * 12,
    "sha256": hashlib.sha256(CONTENT).hexdigest(),
    "file": "page.js",
    "offset": "0?total=2",
}
#: Neither routes nor rules: a test sees to it.
ELSEWHERE = (
    "/no/such/path", "/api", "/api/", "/api/v1", "/api/v1/", "/api/v2/jobs", "/redoc",
    "/openapi.json", "/API/v1/jobs", "/api/v1/jobs/", "/api/v1//jobs", "//api/v1/jobs", "/tokens.json",
    "/metrics/", "/healthz/", "/.well-known/security.txt", "/server-status", "/robots.txt",
)  # fmt: skip
Cell = str


@dataclass
class ServerTable:
    """What was found: for each path and method, what each principal got: `yes`, or the status."""

    principals: tuple[str, ...] = ()
    cells: dict[tuple[str, str], tuple[Cell, ...]] = field(default_factory=dict)
    #: Paths that the application has a route for, and the policy no rule.
    hidden: set[str] = field(default_factory=set)
    #: Answers that no request may get.
    broken: list[str] = field(default_factory=list)


def measure(server: Premises) -> ServerTable:
    """Return what each principal reaches."""
    known = {rule.path for rule in (*RULES, *PAGE_RULES)}
    routes = {_plain(path) for path in _routes(server.app.routes)} | set(server.app.openapi()["paths"])
    table = ServerTable()
    table.hidden = {
        path for path in routes if not any(rule.matches(_sample(path)) for rule in (*RULES, *PAGE_RULES))
    }
    paths = [*sorted(known), *sorted(table.hidden), *ELSEWHERE]
    table.principals = tuple(server.principals)
    for principal in table.principals:
        with server.connected() as connection:
            proof = server.principals[principal]
            for path in paths:
                for method in METHODS:
                    if path == "/logout":
                        # Whoever gets there is nobody afterwards.
                        proof = server.principals[principal]
                    if method == "WEBSOCKET":
                        answer = server.open_socket(_sample(path), proof)
                    else:
                        answer = server.ask(connection, method, _sample(path), proof, CONTENT)
                    found = table.cells.get((path, method), ())
                    table.cells[path, method] = (*found, _cell(answer))
                    if answer.status >= 500:
                        table.broken.append(f"{principal}: {method} {_sample(path)}: {answer.status}")
    return table


def _cell(answer: Answer) -> Cell:
    return "yes" if answer.reached else str(answer.status)


def _sample(path: str) -> str:
    """Return a path that a template stands for."""
    return re.sub(r"{(\w+)[*]?}", lambda part: SAMPLES.get(part[1], "sample"), path)


def _plain(path: str) -> str:
    """Return a route's path as a template of ours: without convertors."""
    return "/" + re.sub(r"{(\w+):path}", r"{\1*}", path).lstrip("/")


def _routes(routes: Iterable[Any], prefix: str = "") -> Iterator[str]:
    """Yield the path of every route, of mounted and included ones too."""
    for route in routes:
        if hasattr(route, "effective_candidates"):
            yield from _routes(route.effective_candidates(), prefix)
        elif hasattr(route, "routes"):
            yield from _routes(route.routes or (), prefix + route.path)
            yield f"{prefix}{route.path}/{{file*}}"
        else:
            yield prefix + str(route.path)
