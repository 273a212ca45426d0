"""Results of calls that are posted to a URL instead of being waited for.

Whoever may call could make this server talk to anything that it reaches, so
addresses of this machine and of private networks are refused unless the house
allows them (`IDLEHANDS_CALLBACKS=private`). The address that was checked is the
one that is connected to; redirects are not followed. Kept in memory only: a
server that ends forgets them.
"""

import asyncio
import contextlib
import http.client
import ipaddress
import logging
import secrets
import socket
import ssl
import urllib.parse
from typing import Any

import msgspec

from hq.rest.asking import NoAnswer
from hq.rest.house import House
from hq.rest.problems import Problem
from schemas.requests import CallService

_TRIES = 5
_FIRST_PAUSE_SECONDS = 1.0
_POST_SECONDS = 15.0
_AT_MOST = 500
log = logging.getLogger(__name__)


class Target(msgspec.Struct, frozen=True):
    """Where a result goes: a URL whose address was looked up and found fit."""

    url: str
    host: str
    address: str
    port: int
    is_tls: bool
    path: str


class Callbacks:
    """Calls whose results are posted."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self, wanted: CallService, url: str) -> str:
        """Begin a call and return the id that its callback carries.

        Raises:
            Problem: 422 if nothing may be posted to that URL, 429 if too many are under way.
        """
        target = await asyncio.to_thread(find_target, url, allows_private=self._house.private_callbacks)
        if len(self._tasks) >= _AT_MOST:
            raise Problem(
                429, "busy", f"{_AT_MOST} callbacks are under way: call again.", {"retry-after": "5"}
            )
        identity = secrets.token_hex(16)
        task = asyncio.get_running_loop().create_task(self._run(wanted, target, identity))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return identity

    async def _run(self, wanted: CallService, target: Target, identity: str) -> None:
        said: dict[str, Any] = {"callback": identity, "service": wanted.service}
        try:
            reply = await self._house.asking.ask(wanted, (wanted.deadline_seconds or 3600.0) + 5.0)
            said["ok"] = reply.ok
            said |= reply.result
            if reply.error is not None:
                said["error"] = {"code": reply.error.code, "message": reply.error.message}
        except NoAnswer as error:
            said |= {"ok": False, "error": {"code": "no_answer", "message": str(error)}}
        except ValueError as error:
            said |= {"ok": False, "error": {"code": "too_big", "message": str(error)}}
        content = msgspec.json.encode(said)
        for number in range(_TRIES):
            try:
                status = await asyncio.to_thread(_post, target, content)
                if status < 300:
                    return
                why = f"it answered {status}"
            except (OSError, http.client.HTTPException, ssl.SSLError) as error:
                why = str(error) or type(error).__name__
            await asyncio.sleep(_FIRST_PAUSE_SECONDS * 4**number)
        log.warning("the result of callback %s was not taken by %s: %s", identity, target.host, why)


def find_target(url: str, *, allows_private: bool) -> Target:
    """Return where a URL leads.

    Raises:
        Problem: If it is none that may be posted to.
    """
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise _refused("it is no URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise _refused("it must be http:// or https:// with a host, and no password")
    if any(ord(sign) <= 32 or ord(sign) == 127 for sign in url):
        raise _refused("it has a space or a control character")
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise _refused(f"there is no host {parts.hostname[:100]!r}") from None
    addresses = [str(entry[4][0]) for entry in found]
    if not allows_private and not all(_is_public(address) for address in addresses):
        raise _refused(
            "its host is this machine or in a private network; IDLEHANDS_CALLBACKS=private on the HQ host "
            "allows such"
        )
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(url, parts.hostname, addresses[0], port, parts.scheme == "https", path)


def _is_public(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    one = mapped or found
    return bool(one.is_global and not one.is_multicast)


def _refused(why: str) -> Problem:
    return Problem(422, "bad_callback", f"callback: nothing is posted to this URL: {why}.")


def _post(target: Target, content: bytes) -> int:
    """Post to the address that was checked, whatever its name means by now; return the status."""
    raw = socket.create_connection((target.address, target.port), timeout=_POST_SECONDS)
    connection = http.client.HTTPConnection(target.host, target.port, timeout=_POST_SECONDS)
    try:
        if target.is_tls:
            raw = ssl.create_default_context().wrap_socket(raw, server_hostname=target.host)
        connection.sock = raw
        headers = {"content-type": "application/json", "user-agent": "idlehands"}
        connection.request("POST", target.path, content, headers)
        return connection.getresponse().status
    finally:
        connection.close()
        with contextlib.suppress(OSError):
            raw.close()
