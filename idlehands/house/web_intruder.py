"""At every start the house attacks its own REST and page, and does not run if that works.

Nobody asks for data, and a page of another site whose name was pointed here
(DNS rebinding) asks for anything at all.
"""

import http.client
from typing import NamedTuple

from bus.settings import read_web_context
from idlehands.house.home import Home, HouseError

_TIMEOUT_SECONDS = 2.0
#: Reserved for examples (RFC 2606): no house is called so.
_FOREIGN = "rebound.example"


class _Attempt(NamedTuple):
    """What is asked for, and with which status codes a server that is closed answers."""

    what: str
    method: str
    path: str
    refusals: tuple[int, ...]
    host: str = ""


_ATTEMPTS = (
    _Attempt("REST tells jobs to somebody without a token", "GET", "/api/v1/jobs", (401,)),
    _Attempt("REST takes jobs of somebody without a token", "POST", "/api/v1/jobs", (401,)),
    _Attempt("the page is shown to somebody who is not logged in", "GET", "/", (401,)),
    _Attempt(
        "the page takes calls of somebody who is not logged in", "POST", "/_dash-update-component", (401,)
    ),
    _Attempt("REST answers to a foreign host name", "GET", "/api/v1/jobs", (421,), _FOREIGN),
    _Attempt("the page answers to a foreign host name", "GET", "/login", (421,), _FOREIGN),
)


def attack_web(home: Home) -> bool:
    """Return true when the server refuses all of it; false when it is not ready to be asked.

    Takes some 20 ms.

    Raises:
        HouseError: If something got through; the message says what. Then the house must not run.
    """
    for attempt in _ATTEMPTS:
        try:
            status = _ask(home, attempt)
        except (OSError, http.client.HTTPException):
            return False
        if status >= 500:
            return False
        if status not in attempt.refusals:
            raise HouseError(
                f"{attempt.what[:1].upper()}{attempt.what[1:]}: {attempt.method} {attempt.path} at "
                f"{home.web_address} was answered {status}. The house does not start. Is another server on "
                "that port, or was its gate changed?"
            )
    return True


def _ask(home: Home, attempt: _Attempt) -> int:
    """Return the status code of the answer.

    Raises:
        OSError, HTTPException: If there is none.
    """
    where = home.reachable_at, home.settings.ports.web
    connection = (
        http.client.HTTPConnection(*where, timeout=_TIMEOUT_SECONDS)
        if not home.is_https
        else http.client.HTTPSConnection(
            *where, timeout=_TIMEOUT_SECONDS, context=read_web_context(home.pki / "ca.pem")
        )
    )
    try:
        body = b"{}" if attempt.method == "POST" else None
        headers = {"Host": attempt.host or home.web_address, "Content-Type": "application/json"}
        connection.request(attempt.method, attempt.path, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()
