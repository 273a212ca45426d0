"""Scripts and styles of the page: packed, from memory, and kept by browsers as long as they are the same."""

import asyncio
import gzip
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from dash_app.packed import Packed

SCRIPT = b"let same = 'same';\n" * 200


class Files:
    """An application that has a few files, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.content = SCRIPT
        self.kind = b"text/javascript; charset=utf-8"
        self.status = 200

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        self.asked += 1
        length = str(len(self.content)).encode()
        headers = [(b"content-type", self.kind), (b"content-length", length)]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.content[:100], "more_body": True})
        await send({"type": "http.response.body", "body": self.content[100:]})


def get(app: Packed, path: str, query: bytes = b"", **headers: str) -> tuple[dict[str, str], bytes]:
    said = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope: Scope = {"type": "http", "method": "GET", "path": path, "query_string": query, "headers": said}
    answers: list[Message] = []

    async def send(message: Message) -> None:
        answers.append(message)

    async def receive() -> Any:
        return {"type": "http.request"}

    asyncio.run(app(scope, receive, send))
    given = {name.decode(): value.decode() for name, value in answers[0]["headers"]}
    return given, b"".join(one.get("body", b"") for one in answers[1:])


def test_a_script_is_packed_once_and_comes_from_memory_afterwards() -> None:
    files = Files()
    app = Packed(files)

    answers = [get(app, "/assets/live.js", b"m=1795.25", accept_encoding="gzip, br") for _ in range(3)]

    assert files.asked == 1
    for headers, body in answers:
        assert gzip.decompress(body) == SCRIPT
        assert headers["content-encoding"] == "gzip"
        assert headers["content-length"] == str(len(body))
        assert headers["vary"] == "accept-encoding"
        assert headers["cache-control"] == "private, max-age=31536000, immutable"


def test_another_version_of_a_file_is_asked_for_and_takes_the_place_of_the_one_before() -> None:
    files = Files()
    app = Packed(files)
    get(app, "/assets/live.js", b"m=1795.25", accept_encoding="gzip")
    files.content = b"another " * 300

    for _ in range(2):
        assert (
            gzip.decompress(get(app, "/assets/live.js", b"m=1796", accept_encoding="gzip")[1])
            == files.content
        )
    assert files.asked == 2


def test_what_has_no_version_in_its_address_is_not_kept_for_ever() -> None:
    app = Packed(Files())
    known = "/_dash-component-suites/dash/html/html.v4_4_1m1795300106.min.js"

    assert "cache-control" not in get(app, "/_dash-component-suites/dash/async.js", accept_encoding="gzip")[0]
    assert "cache-control" not in get(app, "/assets/live.js", b"x=1", accept_encoding="gzip")[0]
    assert "immutable" in get(app, known, accept_encoding="gzip")[0]["cache-control"]


def test_all_else_passes_through_as_it_is() -> None:
    files = Files()
    app = Packed(files)

    assert get(app, "/assets/live.js")[1] == SCRIPT
    assert get(app, "/jobs", accept_encoding="gzip")[1] == SCRIPT
    files.kind = b"image/png"
    assert get(app, "/assets/a.png", accept_encoding="gzip")[1] == SCRIPT
    files.kind, files.status = b"text/javascript", 404
    for _ in range(2):
        assert get(app, "/assets/none.js", b"m=12345", accept_encoding="gzip")[1] == SCRIPT
    assert files.asked == 5
