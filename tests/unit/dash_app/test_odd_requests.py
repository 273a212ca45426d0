"""Odd requests to every route: each is answered, by a problem where it is refused, and nothing fails."""

import re
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from hq.rest.problems import CONTENT_TYPE
from tests.unit.dash_app.conftest import LittleHouse
from tests.unit.dash_app.little_house import eventually
from tests.unit.dash_app.test_every_route import SAMPLES, operations

JSON = "application/json"
BODIES: dict[str, tuple[bytes, str]] = {
    "no json": (b"{", JSON),
    "empty": (b"", JSON),
    "null": (b"null", JSON),
    "list": (b"[]", JSON),
    "number": (b"1e999", JSON),
    "nan": (b'{"params": NaN}', JSON),
    "text": (b'"\\u0000"', JSON),
    "nul": (b'{"\\u0000": "\\u0000", "name": "\\u0000"}', JSON),
    "half a pair": (b'{"name": "\\ud800"}', JSON),
    "no utf-8": (b'{"name": "\xff"}', JSON),
    "with a mark": (b"\xef\xbb\xbf{}", JSON),
    "utf-16": ('{"name": "x"}'.encode("utf-16"), f"{JSON}; charset=utf-16"),
    "deep": (b'{"a":' * 5000 + b"1" + b"}" * 5000, JSON),
    "twice": (b'{"name": "a", "name": "b"}', JSON),
    "long number": (b'{"days": ' + b"9" * 5000 + b"}", JSON),
    "xml": (b"<a/>", "application/xml"),
    "form": (b"a=1", "application/x-www-form-urlencoded"),
    "parts": (b"--x\r\n\r\n", "multipart/form-data; boundary=x"),
    "no type": (b"{}", ""),
    "odd type": (b"{}", "application/json\x7f; ;;="),
    "huge": (b'{"name": "' + b"x" * 40_000_000 + b'"}', JSON),
}
QUERIES = (
    *(
        "limit=0",
        "limit=-1",
        "limit=1e3",
        "limit=5&limit=7",
        "limit=",
        "after=%00",
        "after=x",
        f"after={'A' * 3000}",
    ),
    *(
        "sort=%24where",
        "sort=a&sort=b",
        "where=a%20%3D%201%00",
        "where=%3D",
        "at_least=-1",
        f"at_least={'9' * 20}",
    ),
    *("at_least=1&at_least=2", "format=xml", "format=csv&format=json", "status=nope", "find=%00", "find=%22"),
    *(
        "find=-x",
        "project=%00",
        f"tag={'x' * 500}",
        "%00=%00",
        "unknown=1",
        "sweep=%F0%9F%A7%AA",
        "job=../../x",
    ),
    *("since=nan", "until=inf", "from=nan", "user=%ff", "token=0", "step=nan", "deadline_seconds=nan"),
)
HEADERS: tuple[dict[str, str | bytes], ...] = (
    *(
        {"range": f"bytes={asked}"}
        for asked in ("0-", "-0", "5-1", "0-0,2-3", f"{'9' * 400}-", f"-{'9' * 400}", "")
    ),
    *({"range": odd} for odd in ("lines=1-2", "bytes", "bytes=\xb2-\xb3".encode("latin-1"))),
    *({"if-none-match": odd} for odd in ('"x", W/"y", *', b"\xff\xfe", "*", "")),
    *({"accept": odd} for odd in ("text/csv;q=x,*/*", b"\xff", "application/xml", "")),
    *({"idempotency-key": odd} for odd in ("", "x" * 5000, b"\xff", "\t a b")),
    {"last-event-id": "x"},
    {"accept": "text/event-stream", "last-event-id": "-1.5"},
    {"content-encoding": "gzip"},
    {"expect": "100-continue"},
    {"x-http-method-override": "DELETE"},
)
NAMES = (
    *("%00", "..%2f..", "%ff", "%F0%9F%A7%AA", "x" * 3000, "a%0d%0ab", "%2e%2e", "%20", "{}", "j" + "A" * 12),
    *("-1", "9" * 20, "%25", "nan"),
)


def paths(template: str, **more: str) -> str:
    given = SAMPLES | more
    return re.sub(r"\{(\w+)\}", lambda found: given.get(found[1], "some-name"), template)


def requests() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield what is asked: a method, a path, and what is sent with it."""
    for method, template, _ in operations():
        whole = paths(template)
        if method in ("post", "put"):
            for name, (body, kind) in BODIES.items():
                # Content of any kind, and as much of it, is what blobs are for.
                if name != "huge" or "/blobs/" not in template:
                    yield method, whole, {"content": body, "headers": {"content-type": kind} if kind else {}}
        for query in QUERIES if method == "get" else QUERIES[:3]:
            yield method, f"{whole}{'&' if '?' in whole else '?'}{query}", {}
        for headers in HEADERS:
            yield method, whole, {"headers": headers}
        for name in re.findall(r"\{(\w+)\}", template):
            for odd in NAMES:
                yield method, paths(template, **{name: odd}), {}


@pytest.mark.slow
def test_whatever_is_asked_is_answered_and_no_route_fails(house: LittleHouse) -> None:
    wrong: list[str] = []
    with house.client("admin") as client:
        client.timeout = httpx.Timeout(60)
        for method, path, more in requests():
            with client.stream(method, path, **more) as answer:
                kind = answer.headers.get("content-type", "")
                said = b"" if kind.startswith("text/event-stream") else answer.read()
            is_problem = answer.status_code < 400 or method == "head" or kind == CONTENT_TYPE
            if not is_problem or (answer.status_code >= 500 and answer.status_code != 503):
                wrong.append(f"{method} {path[:100]} {str(more)[:100]}: {answer.status_code} {said[:200]!r}")
    assert wrong == []


def test_a_client_that_goes_in_the_middle_of_its_body_is_no_error(
    house: LittleHouse, caplog: pytest.LogCaptureFixture
) -> None:
    head = (
        "POST /api/v1/jobs HTTP/1.1\r\nhost: 127.0.0.1\r\n"
        f"authorization: Bearer {house.tokens['operator']}\r\n"
        f"content-type: {JSON}\r\ncontent-length: 500\r\n\r\n"
    )
    with house.client("admin") as client:
        asked = lambda: client.get("/metrics").text.count('method="POST",status="400"')  # noqa: E731
        before = asked()
        with socket.create_connection(("127.0.0.1", house.server.port)) as going:
            going.sendall(head.encode() + b'{"jobs": [')
        eventually(lambda: asked() >= max(before, 1), 60)
    assert "Exception in ASGI application" not in caplog.text
