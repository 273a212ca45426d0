"""What scripts kept, in a browser: only what jobs name, as downloads, and nothing of it runs here."""

import hashlib
import http.client
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient

from dash_app.artifacts_route import MOST_PICTURE_BYTES, picture_type
from tests.fixtures.mongod import MongodServer
from tests.permissions.premises import Answer, Premises, premises

JOB = "j" + "a" * 12
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 50
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><script>alert(1)</script>"
FILES = [
    ("plots/loss.png", PNG),
    ("page.html", HTML),
    ("drawing.svg", SVG),
    ("really-html.png", HTML),
    ('m\u00f6del "x"\r\nX-Evil: 1.bin', b"weights"),
]


@pytest.fixture(scope="module")
def house(mongod_server: MongodServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Premises]:
    name = f"test_{uuid4().hex[:12]}"
    with premises(mongod_server.uri_of(name), tmp_path_factory.mktemp("artifacts")) as opened:
        kept = [
            {"name": name, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
            for name, content in FILES
        ]
        kept.append({"name": "gone.bin", "sha256": "0" * 64, "bytes": 5})
        with opened.connected() as connection, MongoClient(mongod_server.uri) as mongo:
            for content in {content for _, content in FILES}:
                path = f"/api/v1/blobs/{hashlib.sha256(content).hexdigest()}"
                stored = opened.ask(connection, "PUT", path, opened.as_token("operator"), content)
                assert stored.status == 201
            result: dict[str, Any] = {"job": JOB, "token": 7, "outcome": "succeeded", "artifacts": kept}
            row = {"job": JOB, "token": 7, "position": 2, "verdict": "accepted", "result": result}
            mongo[name].jobs.insert_one({"_id": JOB, "status": "succeeded"})
            mongo[name].results.insert_one({"_id": {"job": JOB, "token": 7}, **row})
        yield opened
    with MongoClient(mongod_server.uri) as mongo:
        mongo.drop_database(name)


def get(house: Premises, path: str, headers: dict[str, str] | None = None) -> Answer:
    with house.connected() as connection:
        return house.ask(connection, "GET", path, headers or house.as_session("viewer"))


@pytest.mark.parametrize("number", range(len(FILES)))
def test_every_file_is_a_download_that_no_browser_opens(house: Premises, number: int) -> None:
    got = get(house, f"/jobs/{JOB}/artifacts/7/{number}")

    assert (got.status, got.body) == (200, FILES[number][1])
    assert got.headers["content-type"] == "application/octet-stream"
    assert got.headers["content-disposition"].startswith("attachment; ")
    assert got.headers["x-content-type-options"] == "nosniff"
    assert "x-evil" not in got.headers


def test_a_download_has_the_files_own_name(house: Premises) -> None:
    plain = get(house, f"/jobs/{JOB}/artifacts/7/0").headers["content-disposition"]
    odd = get(house, f"/jobs/{JOB}/artifacts/7/4").headers["content-disposition"]

    assert plain == "attachment; filename=\"plots_loss.png\"; filename*=UTF-8''plots_loss.png"
    assert "m%C3%B6del%20%22x%22%0D%0AX-Evil%3A%201.bin" in odd


def test_only_what_begins_like_a_picture_is_shown_as_one(house: Premises) -> None:
    picture = get(house, f"/jobs/{JOB}/artifacts/7/0/picture")

    assert (picture.status, picture.body, picture.headers["content-type"]) == (200, PNG, "image/png")
    for number in (1, 2, 3, 4):
        got = get(house, f"/jobs/{JOB}/artifacts/7/{number}/picture")
        assert (got.status, got.code) == (415, "no_picture")


def test_what_is_shown_is_in_a_sandbox(house: Premises) -> None:
    with house.connected() as connection:
        connection.request("GET", f"/jobs/{JOB}/artifacts/7/0/picture", headers=house.as_session("viewer"))
        response: http.client.HTTPResponse = connection.getresponse()
        policies = response.headers.get_all("content-security-policy") or []
        response.read()

    assert any("sandbox" in policy and "default-src 'none'" in policy for policy in policies)


@pytest.mark.parametrize(
    "place", ["8/0", "7/6", "7/-1", "x/0", "7/x", "7/5", f"{2**70}/0", "7/0/more", "7/0/picture/more"]
)
def test_what_no_job_kept_is_not_there(house: Premises, place: str) -> None:
    assert get(house, f"/jobs/{JOB}/artifacts/{place}").status in (404, 422)


def test_other_jobs_and_strangers_get_nothing(house: Premises) -> None:
    path = f"/jobs/{JOB}/artifacts/7/0"

    assert get(house, path.replace("a" * 12, "b" * 12)).status == 404
    assert get(house, path, {"accept": "image/png"}).status == 401
    assert get(house, path, house.as_token("admin")).status == 401


def test_pictures_are_told_by_their_first_bytes() -> None:
    assert picture_type(b"RIFF\0\0\0\0WEBPVP8 ") == "image/webp"
    assert picture_type(b"GIF89a") == "image/gif"
    assert picture_type(b"\xff\xd8\xff\xe0") == "image/jpeg"
    assert picture_type(SVG) is None
    assert picture_type(b"") is None
    assert MOST_PICTURE_BYTES == 4 * 2**20
