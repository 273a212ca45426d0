"""Webhooks in: proven, mapped, limited, each delivery once, and good for nothing else."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.unit.dash_app.conftest import LittleHouse
from tests.unit.dash_app.little_house import client

SETTINGS = "/api/v1/settings/hooks"
KEY = "a-key-of-the-webhook"
JOB = {"script": {"bundle": "0" * 64, "entry": "a.py"}, "params": {"$ref": 1, "a.b": 2}}


@pytest.fixture
def admin(house: LittleHouse) -> Iterator[httpx.Client]:
    with house.client("admin") as found:
        yield found


@pytest.fixture
def stranger(house: LittleHouse) -> Iterator[httpx.Client]:
    with client(house.server, None) as found:
        yield found


def lay_down(admin: httpx.Client, name: str, **more: Any) -> None:
    body = {"name": name, "submits": {"job": JOB}, "secret": KEY, **more}
    made = admin.post(SETTINGS, json=body)
    assert made.status_code == 201, made.text
    assert KEY not in made.text + admin.get(SETTINGS).text


def send(stranger: httpx.Client, name: str, message: Any, key: str = KEY, **headers: str) -> httpx.Response:
    content = message if isinstance(message, bytes) else json.dumps(message).encode()
    signature = "sha256=" + hmac.new(key.encode(), content, hashlib.sha256).hexdigest()
    return stranger.post(
        f"/api/v1/hooks/{name}", content=content, headers={"x-hub-signature-256": signature, **headers}
    )


def params_of(admin: httpx.Client, answer: httpx.Response) -> dict[str, Any]:
    done = answer.json()
    job = admin.get(f"/api/v1/jobs/{done['job']}", params={"at_least": done["position"]}).json()
    assert job["submitter"].startswith("hook-")
    return dict(job["spec"]["params"])


def test_a_signed_message_submits_with_what_is_declared(admin: httpx.Client, stranger: httpx.Client) -> None:
    lay_down(
        admin,
        "push",
        parameters={"commit": {"pointer": "/after", "max_length": 40}},
        only={"/ref": "refs/heads/main"},
    )
    message = {"after": "abc", "ref": "refs/heads/main", "params": {"x": 1}}
    done = send(stranger, "push", message, **{"x-github-delivery": "one"})
    assert done.status_code == 201, done.text
    assert params_of(admin, done) == {"$ref": 1, "a.b": 2, "commit": "abc"}
    again = send(stranger, "push", message, **{"x-github-delivery": "one"})
    assert again.json()["job"] == done.json()["job"]
    other = send(stranger, "push", message, **{"x-github-delivery": "two"})
    assert other.json()["job"] != done.json()["job"]
    # Nothing tells them apart: the same bytes are the same message, or a copy that somebody took.
    assert send(stranger, "push", message).json()["job"] == send(stranger, "push", message).json()["job"]
    unwanted = send(stranger, "push", {**message, "ref": "refs/heads/x"})
    assert (unwanted.status_code, unwanted.json()["submitted"]) == (200, False)
    bad = send(stranger, "push", {"ref": "refs/heads/main"})
    assert (bad.status_code, bad.json()["code"]) == (422, "bad_message")
    shown = admin.get(f"{SETTINGS}/push").json()
    assert (shown["unwanted"], shown["refused"]) == (1, 1)
    assert "commit" in shown["trouble"]


def test_a_message_that_is_not_proven_gets_nowhere_and_learns_nothing(
    admin: httpx.Client, stranger: httpx.Client
) -> None:
    lay_down(admin, "proven")
    wrong = send(stranger, "proven", {}, key="another-key-of-nobody")
    missing = stranger.post("/api/v1/hooks/proven", json={})
    unknown = send(stranger, "no-such", {})
    in_query = stranger.post(f"/api/v1/hooks/proven?token={KEY}", json={})
    assert {one.status_code for one in (wrong, missing, unknown, in_query)} == {401}
    assert len({one.json()["detail"] for one in (wrong, missing, unknown, in_query)}) == 1
    signature = hmac.new(KEY.encode(), b"{}", hashlib.sha256).hexdigest()
    changed = stranger.post(
        "/api/v1/hooks/proven", content=b'{"a": 1}', headers={"x-hub-signature-256": f"sha256={signature}"}
    )
    assert changed.status_code == 401


def test_a_simple_device_has_the_secret_in_its_address(admin: httpx.Client, stranger: httpx.Client) -> None:
    lay_down(admin, "button", proof="bearer")
    address = "/api/v1/hooks/button"
    first = stranger.post(f"{address}?token={KEY}")
    second = stranger.post(address, json={}, headers={"authorization": f"Bearer {KEY}"})
    assert first.status_code == second.status_code == 201, first.text + second.text
    # Pressed twice is twice.
    assert first.json()["job"] != second.json()["job"]
    assert stranger.post(f"{address}?token=wrong-wrong-wrong").status_code == 401
    assert stranger.post(address).status_code == 401
    # The secret opens nothing else.
    assert stranger.get("/api/v1/jobs", headers={"authorization": f"Bearer {KEY}"}).status_code == 401
    assert stranger.get(f"{address}?token={KEY}").status_code in (401, 405)


def test_too_many_messages_are_refused(admin: httpx.Client, stranger: httpx.Client) -> None:
    lay_down(admin, "busy", per_minute=2)
    answers = [send(stranger, "busy", {"n": number}) for number in range(3)]
    assert [one.status_code for one in answers] == [201, 201, 429]
    assert int(answers[2].headers["retry-after"]) <= 61


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 5000, b'{"a": NaN}'])
def test_what_is_no_json_is_refused(admin: httpx.Client, stranger: httpx.Client, content: bytes) -> None:
    lay_down(admin, "json")
    refused = send(stranger, "json", content)
    assert (refused.status_code, refused.json()["code"]) == (400, "not_json")


def test_a_removed_hook_takes_nothing_and_its_secret_is_gone(
    admin: httpx.Client, stranger: httpx.Client
) -> None:
    lay_down(admin, "gone")
    assert admin.delete(f"{SETTINGS}/gone").status_code == 200
    assert send(stranger, "gone", {}).status_code == 401
    without = admin.post(SETTINGS, json={"name": "gone", "submits": {"job": JOB}})
    assert (without.status_code, without.json()["code"]) == (422, "bad_secret")


@pytest.mark.parametrize(
    "more",
    [
        {"secret": "short"},
        {"submits": {}},
        {"submits": {"job": {"script": {"bundle": "0" * 64, "entry": "../a.py"}}}},
        {"parameters": {"x": {"pointer": "no-slash"}}},
        {"parameters": {"x": {"type": "pickle"}}},
        {"name": "a-name-of-more-than-27-signs"},
        {"typo": 1},
    ],
)
def test_what_cannot_be_a_hook_is_refused(admin: httpx.Client, more: dict[str, Any]) -> None:
    refused = admin.post(SETTINGS, json={"name": "x", "submits": {"job": JOB}, "secret": KEY, **more})
    assert refused.status_code == 422, refused.text
    assert admin.get(f"{SETTINGS}/x").status_code == 404


def test_only_admins_lay_down_what_may_come_in(house: LittleHouse) -> None:
    for role in ("viewer", "operator", "agent"):
        with house.client(role) as other:
            for what in ("hooks", "topics", "household"):
                assert other.get(f"/api/v1/settings/{what}").status_code == 403


def test_a_message_submits_a_pipeline(admin: httpx.Client, stranger: httpx.Client) -> None:
    steps = [{"name": "prepare", "job": JOB}, {"name": "train", "job": JOB, "after": ["prepare"]}]
    lay_down(
        admin, "build", submits={"pipeline": {"steps": steps}}, parameters={"train/n": {"pointer": "/n"}}
    )

    done = send(stranger, "build", {"n": "abc"}).json()

    found = admin.get(f"/api/v1/pipelines/{done['pipeline']}", params={"at_least": done["position"]}).json()
    assert (found["name"], [step["name"] for step in found["steps"]]) == ("build", ["prepare", "train"])
    train = admin.get(f"/api/v1/jobs/{found['steps'][1]['id']}").json()
    assert train["spec"]["params"]["n"] == "abc"
    assert admin.get(f"{SETTINGS}/build").json()["last"] == done["pipeline"]
