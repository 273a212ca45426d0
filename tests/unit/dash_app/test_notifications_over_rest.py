"""Notifications from a job that fails to whoever is told, over the real server, log and database."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.fixtures.receivers import HttpReceiver, running
from tests.unit.dash_app.conftest import LittleHouse
from tests.unit.dash_app.little_house import eventually

KEY = "a-key-that-nobody-sees"
PATH = "/api/v1/settings/notifications"


@pytest.fixture
def admin(house: LittleHouse) -> Iterator[httpx.Client]:
    with house.client("admin") as found:
        yield found


@pytest.fixture(scope="module", autouse=True)
def working(house: LittleHouse) -> None:
    house.agent.start()


def hook(url: str, name: str = "me", **more: object) -> dict[str, object]:
    return {"name": name, "to": {"kind": "webhook", "url": url}, "gather_seconds": 0, **more}


def fail(house: LittleHouse, name: str) -> str:
    spec = {"script": {"bundle": "0" * 64, "entry": "a.py"}, "params": {"error": 1}, "name": name}
    with house.client("operator") as operator:
        done = operator.post("/api/v1/jobs", json={"jobs": [spec]})
    return str(done.json()["jobs"][0])


def test_a_failed_job_is_told_with_its_reason(
    house: LittleHouse, admin: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hq.outside.outbox.FIRST_PAUSE_SECONDS", 0.05)
    with running(HttpReceiver()) as receiver:
        made = admin.post(PATH, json=hook(receiver.url, secret=KEY))
        assert made.status_code == 201
        assert made.json()["has_secret"] is True
        assert KEY not in made.text + admin.get(PATH).text
        receiver.answers = [500, 200]
        job = fail(house, "train-1")
        # Not taken at first, and told again as the same delivery.
        eventually(lambda: len(receiver.posted) >= 2, 60)
        first, second = (json.loads(one.body) for one in receiver.posted[:2])
        assert first == second
        assert any(one["job"] == job and "KeyError" in one["text"] for one in first["happenings"])
        eventually(lambda: admin.get(f"{PATH}/me").json()["waiting"] == 0, 60)
        assert admin.delete(f"{PATH}/me").status_code == 200
    assert admin.get(f"{PATH}/me").status_code == 404


def test_a_test_says_what_came_of_it(admin: httpx.Client) -> None:
    with running(HttpReceiver()) as receiver:
        assert admin.post(PATH, json=hook(receiver.url, "tried")).status_code == 201
        assert admin.post(f"{PATH}/tried/test", json={}).json()["taken"] is True
        assert json.loads(receiver.posted[-1].body)["text"].startswith("This is a test")
        receiver.answers = [403]
        refused = admin.post(f"{PATH}/tried/test", json={})
    assert refused.json()["taken"] is False
    assert "answered 403" in refused.json()["why"]
    admin.delete(f"{PATH}/tried")
    assert admin.post(f"{PATH}/tried/test", json={}).status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "x"}, 422),
        ({"name": "X", "to": {"kind": "webhook", "url": "https://x.example"}}, 422),
        ({"name": "x", "to": {"kind": "pigeon"}}, 422),
        ({"name": "x", "to": {"kind": "webhook", "url": "ftp://x.example"}}, 422),
        ({"name": "x", "to": {"kind": "webhook", "url": "http://no-such-host.invalid/"}}, 422),
        ({"name": "x", "to": {"kind": "mqtt", "topic": "idlehands/v1/hq/state"}}, 422),
        ({"name": "x", "to": {"kind": "mqtt", "topic": "home/#"}}, 422),
        ({"name": "x", "to": {"kind": "ntfy", "topic": "a b"}}, 422),
        ({"name": "x", "to": {"kind": "mail", "host": "h", "sender": "a@b\nBcc: c@d", "to": ["a@b"]}}, 422),
        ({"name": "x", "to": {"kind": "mail", "host": "h", "sender": "a@b", "to": []}}, 422),
        ({"name": "x", "to": {"kind": "mqtt", "topic": "home/x"}, "on": ["nothing"]}, 422),
        ({"name": "x", "to": {"kind": "mqtt", "topic": "home/x"}, "typo": 1}, 422),
    ],
)
def test_what_cannot_work_is_refused_and_nothing_is_kept(
    admin: httpx.Client, body: dict[str, object], status: int
) -> None:
    refused = admin.post(PATH, json=body)
    assert refused.status_code == status, refused.text
    assert refused.headers["content-type"] == "application/problem+json"
    assert admin.get(f"{PATH}/x").status_code == 404


def test_only_admins_see_and_change_them(house: LittleHouse) -> None:
    for role in ("viewer", "operator", "agent"):
        with house.client(role) as other:
            assert other.get(PATH).status_code == 403
            assert other.post(PATH, json=hook("http://127.0.0.1:1")).status_code == 403


def test_secrets_are_encrypted_on_disk_and_in_no_collection(house: LittleHouse, admin: httpx.Client) -> None:
    admin.post(PATH, json=hook("http://127.0.0.1:1/", "quiet", secret=KEY, on=["house_unhealthy"]))
    files = [file for file in Path(house.outside_folder).rglob("*") if file.is_file()]
    assert files
    assert all(KEY.encode() not in file.read_bytes() for file in files)
    assert all(file.stat().st_mode & 0o077 == 0 for file in files if file.name != "lock")
    # Changed without a secret, it keeps the one it has.
    assert admin.post(PATH, json=hook("http://127.0.0.1:1/", "quiet")).json()["has_secret"] is True
    admin.delete(f"{PATH}/quiet")
    assert admin.post(PATH, json=hook("http://127.0.0.1:1/", "quiet")).json()["has_secret"] is False
    admin.delete(f"{PATH}/quiet")
