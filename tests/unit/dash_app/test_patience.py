"""Connections that say nothing, or half of something, and then hold on."""

import contextlib
import socket
import time
from collections.abc import Iterator

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from dash_app.patience import HEAD_SECONDS, PatientProtocol
from tests.unit.dash_app.little_house import Server

WHOLE = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        body = await Request(scope, receive).body()
        await PlainTextResponse(b"got " + body)(scope, receive, send)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(PatientProtocol, "head_seconds", 0.5)
    opened = Server(echo)
    opened.start()
    yield opened
    opened.stop()


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=60)


def read_until(connection: socket.socket, words: bytes, times: int = 1) -> bool:
    """Read until these words came so often; False when the connection ended before."""
    got = b""
    while got.count(words) < times:
        part = connection.recv(1000)
        if not part:
            return False
        got += part
    return True


@pytest.mark.parametrize("begin", [b"", b"G", b"GET / HTTP/1.1\r\nHost: a\r\n"])
def test_who_does_not_finish_a_head_is_cut_off(server: Server, begin: bytes) -> None:
    with connect(server) as connection:
        connection.sendall(begin)
        assert connection.recv(100) == b""


def test_a_head_that_comes_in_drops_gets_no_more_time(server: Server) -> None:
    drops = 0
    with connect(server) as connection, contextlib.suppress(OSError):
        connection.settimeout(0.05)
        while drops < 1000:
            connection.sendall(b"X")
            drops += 1
            # Nothing comes, so this is the pause between two drops; when all is over, it is the end.
            with contextlib.suppress(TimeoutError):
                assert connection.recv(10) == b""
                break
    assert drops < 500


def test_a_second_request_on_a_connection_is_waited_for_as_long(server: Server) -> None:
    with connect(server) as connection:
        for _ in range(2):
            connection.sendall(WHOLE)
            assert read_until(connection, b"got ")
        connection.sendall(WHOLE[:10])
        assert connection.recv(100) == b""


def test_a_body_may_come_later_than_its_head(server: Server) -> None:
    with connect(server) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n")
        time.sleep(1.0)
        connection.sendall(b"abc")
        assert read_until(connection, b"got abc")


def test_requests_in_a_row_are_all_answered(server: Server) -> None:
    with connect(server) as connection:
        connection.sendall(WHOLE * 5)
        assert read_until(connection, b"got ", 5)


def test_the_time_is_enough_for_slow_lines() -> None:
    assert 10 <= HEAD_SECONDS <= 60
