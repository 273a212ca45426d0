"""Blobs: whole and verified, or not there."""

import hashlib
import os
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pymongo import MongoClient

from tests.fixtures.broker import eventually
from tests.unit.dash_app.conftest import LittleHouse
from tests.unit.dash_app.little_house import raw

API = "/api/v1/blobs"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def chunks_of(house: LittleHouse) -> tuple[int, int]:
    """Return how many files there are and how many chunks belong to none of them."""
    with MongoClient[dict[str, Any]](house.uri) as mongo:
        database = mongo.get_default_database()
        files = {file["_id"] for file in database["blobs.files"].find()}
        orphans = sum(chunk["files_id"] not in files for chunk in database["blobs.chunks"].find())
        return len(files), orphans


@pytest.mark.parametrize("size", [0, 1, 255 * 1024 - 1, 255 * 1024, 255 * 1024 + 1, 3_000_000])
def test_content_comes_back_as_it_was_sent(operator: httpx.Client, size: int) -> None:
    content = os.urandom(size)
    name = sha256(content)

    first = operator.put(f"{API}/{name}", content=content)
    second = operator.put(f"{API}/{name}", content=content)
    back = operator.get(f"{API}/{name}")
    head = operator.head(f"{API}/{name}")

    assert (first.status_code, second.status_code) == (201, 200)
    assert back.content == content
    assert back.headers["etag"] == f'"{name}"'
    assert head.headers["content-length"] == str(size)
    assert head.content == b""


def test_wrong_content_is_refused_and_leaves_nothing(house: LittleHouse, operator: httpx.Client) -> None:
    name = sha256(b"what was meant")
    files, _ = chunks_of(house)

    answer = operator.put(f"{API}/{name}", content=os.urandom(700_000))

    assert (answer.status_code, answer.json()["code"]) == (422, "wrong_hash")
    assert operator.get(f"{API}/{name}").status_code == 404
    assert operator.head(f"{API}/{name}").status_code == 404
    assert chunks_of(house) == (files, 0)


def test_wrong_content_is_refused_also_when_the_blob_is_there(operator: httpx.Client) -> None:
    name = sha256(b"there")
    operator.put(f"{API}/{name}", content=b"there")

    assert operator.put(f"{API}/{name}", content=b"not it").status_code == 422
    assert operator.get(f"{API}/{name}").content == b"there"


def test_an_upload_that_breaks_off_leaves_nothing(house: LittleHouse, operator: httpx.Client) -> None:
    files, _ = chunks_of(house)

    def breaking() -> Iterator[bytes]:
        yield b"x" * 600_000
        raise OSError("the cable was pulled")

    with pytest.raises(OSError, match="cable"):
        operator.put(f"{API}/{sha256(b'never')}", content=breaking())

    assert operator.get(f"{API}/{sha256(b'never')}").status_code == 404
    assert chunks_of(house) == (files, 0)


def test_many_uploads_of_one_content_are_one_blob(house: LittleHouse) -> None:
    content = os.urandom(1_500_000)
    name = sha256(content)
    files, _ = chunks_of(house)
    codes: list[int] = []

    def upload() -> None:
        with house.client("agent") as agent:
            codes.append(agent.put(f"{API}/{name}", content=content).status_code)

    threads = [threading.Thread(target=upload) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(set(codes)) in ([200, 201], [201])
    assert codes.count(201) == 1
    assert chunks_of(house) == (files + 1, 0)
    with house.client("agent") as agent:
        assert agent.get(f"{API}/{name}").content == content


def test_damaged_content_never_looks_whole(house: LittleHouse, operator: httpx.Client) -> None:
    content = os.urandom(600_000)
    name = sha256(content)
    operator.put(f"{API}/{name}", content=content)
    with MongoClient[dict[str, Any]](house.uri) as mongo:
        database = mongo.get_default_database()
        file = database["blobs.files"].find_one({"filename": name})
        assert file is not None
        chunk = database["blobs.chunks"].find_one({"files_id": file["_id"], "n": 1})
        assert chunk is not None
        wrong = bytes(reversed(chunk["data"]))
        database["blobs.chunks"].update_one({"_id": chunk["_id"]}, {"$set": {"data": wrong}})

    with pytest.raises(httpx.RemoteProtocolError):
        operator.get(f"{API}/{name}")


@pytest.mark.parametrize("name", ["x", "A" * 64, "0" * 63, "0" * 65, "..%2f..%2fetc", "0" * 63 + "%0a"])
def test_a_name_that_is_no_hash_is_refused(operator: httpx.Client, name: str) -> None:
    answer = operator.get(f"{API}/{name}")

    assert answer.status_code in (404, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_blob_over_the_limit_is_refused_before_it_is_sent(house: LittleHouse) -> None:
    head = (
        f"PUT {API}/{'0' * 64} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        f"Authorization: Bearer {house.tokens['agent']}\r\nContent-Length: {256 * 1024 * 1024 + 1}\r\n\r\n"
    )

    answer = raw(house.server, head.encode())

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"code":"too_big"' in answer


# --- in pieces ---------------------------------------------------------------------------

PIECE = 255 * 1024


def send(client: httpx.Client, content: bytes, offset: int, end: int, name: str = "") -> httpx.Response:
    path = f"{API}/{name or sha256(content)}/pieces/{offset}"
    return client.put(path, params={"total": len(content)}, content=content[offset:end])


@pytest.mark.parametrize("size", [1, PIECE, 3 * PIECE + 7])
def test_a_blob_that_comes_in_pieces_is_whole_at_the_last_one(operator: httpx.Client, size: int) -> None:
    content = os.urandom(size)
    pieces = f"{API}/{sha256(content)}/pieces"
    offset = 0
    while offset < size:
        assert operator.get(f"{API}/{sha256(content)}").status_code == 404
        assert operator.get(pieces).json() == {"received": offset, "whole": False}
        answer = send(operator, content, offset, offset + PIECE).json()
        offset = answer["received"]

    assert answer == {"received": size, "whole": True} == operator.get(pieces).json()
    assert operator.get(f"{API}/{sha256(content)}").content == content


def test_a_piece_that_breaks_off_is_kept_as_far_as_it_came(house: LittleHouse) -> None:
    content = os.urandom(4 * PIECE)
    files, _ = chunks_of(house)

    def breaking() -> Iterator[bytes]:
        yield content[: 2 * PIECE + 100]
        raise OSError("the cable was pulled")

    with house.client("agent") as agent:
        with pytest.raises(OSError, match="cable"):
            agent.put(f"{API}/{sha256(content)}/pieces/0", params={"total": len(content)}, content=breaking())

        def is_whole() -> bool:
            # The server may still be at what came first.
            there = agent.get(f"{API}/{sha256(content)}/pieces").json()["received"]
            assert there % PIECE == 0
            return send(agent, content, there, len(content)).status_code == 200

        eventually(is_whole, 60)
        assert agent.get(f"{API}/{sha256(content)}").content == content
    assert chunks_of(house) == (files + 1, 0)


def test_pieces_of_wrong_content_leave_nothing(house: LittleHouse, operator: httpx.Client) -> None:
    content, name = os.urandom(PIECE + 9), sha256(b"another")
    files, _ = chunks_of(house)
    assert send(operator, content, 0, PIECE, name).json()["received"] == PIECE

    answer = send(operator, content, PIECE, len(content), name)

    assert (answer.status_code, answer.json()["code"]) == (422, "wrong_hash")
    assert operator.get(f"{API}/{name}/pieces").json() == {"received": 0, "whole": False}
    assert chunks_of(house) == (files, 0)


def test_a_piece_that_does_not_follow_is_refused(operator: httpx.Client) -> None:
    content = os.urandom(2 * PIECE)

    answer = send(operator, content, PIECE, 2 * PIECE)

    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_offset")
    assert "0 bytes are there" in answer.json()["detail"]


def test_each_uploader_has_an_upload_of_its_own(house: LittleHouse, operator: httpx.Client) -> None:
    content = os.urandom(2 * PIECE)
    send(operator, os.urandom(2 * PIECE), 0, PIECE, sha256(content))  # not what it says

    with house.client("agent") as agent:
        assert agent.get(f"{API}/{sha256(content)}/pieces").json()["received"] == 0
        assert send(agent, content, 0, len(content)).json()["whole"]
        assert agent.get(f"{API}/{sha256(content)}").content == content


@pytest.mark.parametrize(
    ("total", "sent", "code"), [(8 * 1024**3 + 1, 5, "too_big"), (3, 5, "too_big"), (8 * 1024**3, 5, None)]
)
def test_more_than_was_announced_or_is_allowed_is_refused(
    operator: httpx.Client, total: int, sent: int, code: str | None
) -> None:
    answer = operator.put(
        f"{API}/{sha256(os.urandom(9))}/pieces/0", params={"total": total}, content=b"x" * sent
    )

    assert answer.json().get("code") == code


# --- parts -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-", 0, 600_000),
        ("bytes=1-", 1, 600_000),
        ("bytes=300000-", 300_000, 600_000),
        ("bytes=599999-", 599_999, 600_000),
        ("bytes=5-9", 5, 10),
        ("bytes=5-99999999", 5, 600_000),
    ],
)
def test_a_part_is_what_was_asked_for(operator: httpx.Client, asked: str, start: int, end: int) -> None:
    content = bytes(range(256)) * 2344
    content = content[:600_000]
    operator.put(f"{API}/{sha256(content)}", content=content)

    part = operator.get(f"{API}/{sha256(content)}", headers={"range": asked})

    assert part.status_code == 206
    assert part.content == content[start:end]
    assert part.headers["content-range"] == f"bytes {start}-{end - 1}/600000"


@pytest.mark.parametrize("asked", ["bytes=-5", "bytes=9-5", "bytes=0-1,3-4", "lines=1-2", "nonsense"])
def test_a_range_that_is_not_understood_gets_the_whole(operator: httpx.Client, asked: str) -> None:
    operator.put(f"{API}/{sha256(b'0123456789')}", content=b"0123456789")

    answer = operator.get(f"{API}/{sha256(b'0123456789')}", headers={"range": asked})

    assert (answer.status_code, answer.content) == (200, b"0123456789")


def test_a_range_beyond_the_end_says_how_long_it_is(operator: httpx.Client) -> None:
    operator.put(f"{API}/{sha256(b'0123456789')}", content=b"0123456789")

    answer = operator.get(f"{API}/{sha256(b'0123456789')}", headers={"range": "bytes=10-"})

    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */10")


@pytest.mark.parametrize("in_pieces", [False, True])
def test_a_checkpoint_is_marked_until_somebody_wants_it_for_more(
    house: LittleHouse, operator: httpx.Client, in_pieces: bool
) -> None:
    content = os.urandom(100)
    path = f"{API}/{sha256(content)}" + (f"/pieces/0?total={len(content)}&" if in_pieces else "?")

    def is_marked() -> bool:
        with MongoClient[dict[str, Any]](house.uri) as mongo:
            file = mongo.get_default_database()["blobs.files"].find_one({"filename": sha256(content)})
            assert file is not None
            return bool(file.get("checkpoint"))

    operator.put(f"{path}checkpoint=true", content=content)
    operator.put(f"{path}checkpoint=true", content=content)
    assert is_marked()
    operator.put(f"{API}/{sha256(content)}", content=content)
    assert not is_marked()
