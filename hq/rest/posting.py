"""Posting to a URL that somebody gave: looked up, checked, and then only to the address that was checked.

Whoever may name a URL could make this server talk to anything that it reaches, so
addresses of this machine and of private networks are refused unless the house
allows them (`IDLEHANDS_CALLBACKS=private`). Redirects are not followed.
"""

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import urllib.parse
from collections.abc import Iterator, Mapping

import msgspec

from hq.rest.problems import Problem

_POST_SECONDS = 15.0
#: All together: whoever answers one byte in a while must not hold a thread for ever.
WHOLE_SECONDS = 30.0


class Target(msgspec.Struct, frozen=True):
    """Where a result goes: a URL whose address was looked up and found fit."""

    url: str
    host: str
    address: str
    port: int
    is_tls: bool
    path: str


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


class TooSlow(OSError):
    """What was on the way took longer than all of it may."""


@contextlib.contextmanager
def cut_after(seconds: float, connection: socket.socket) -> Iterator[None]:
    """End a connection if the block takes longer: timeouts of sockets begin anew with every byte.

    Raises:
        TooSlow: In place of what the block raises when its connection is ended.
    """
    over = threading.Event()
    # Of its own: TLS takes over the descriptor of a connection.
    same = connection.dup()

    def cut() -> None:
        over.set()
        with contextlib.suppress(OSError):
            same.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception:
        if over.is_set():
            raise TooSlow(f"it took longer than {seconds:g} s") from None
        raise
    finally:
        timer.cancel()
        timer.join()
        same.close()


def post(target: Target, content: bytes, headers: Mapping[str, str] | None = None) -> int:
    """Post JSON to the address that was checked, whatever its name means by now; return the status.

    Raises:
        OSError: If the server is not reached, or does not answer.
        HTTPException: If what it answers is not HTTP.
    """
    raw = socket.create_connection((target.address, target.port), timeout=_POST_SECONDS)
    connection = http.client.HTTPConnection(target.host, target.port, timeout=_POST_SECONDS)
    try:
        with cut_after(WHOLE_SECONDS, raw):
            if target.is_tls:
                raw = ssl.create_default_context().wrap_socket(raw, server_hostname=target.host)
            connection.sock = raw
            sent = {"content-type": "application/json", "user-agent": "idlehands", **(headers or {})}
            connection.request("POST", target.path, content, sent)
            # What it answers beside that is nobody's business, and may have no end.
            return connection.getresponse().status
    finally:
        connection.close()
        with contextlib.suppress(OSError):
            raw.close()
