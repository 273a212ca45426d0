"""One Idempotency-Key is one request: the same again has the same answer, and anything else is refused."""

import hashlib
import hmac
import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from hq.rest.problems import CONTENT_TYPE
from tests.unit.dash_app.answer_checks import document
from tests.unit.dash_app.conftest import LittleHouse

API = "/api/v1"
SECRET = "a-secret-that-nobody-guesses"  # noqa: S105 - of a test
SCRIPT = {"script": {"bundle": "0" * 64, "entry": "train.py"}}
SUBMITS = {"submits": {"job": SCRIPT}}
SPACE = {"x": {"type": "float", "low": 0, "high": 1}}
SWEEP = {"job": SCRIPT, "space": SPACE, "trials": 2}

#: Each operation that creates something: its path below the API's root, one content, and another.
CREATING: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "submit_jobs": ("/jobs", {"jobs": [SCRIPT]}, {"jobs": [{**SCRIPT, "priority": 1}]}),
    "submit_sweep": ("/sweeps", SWEEP, {**SWEEP, "trials": 3}),
    "submit_pipeline": (
        "/pipelines",
        {"steps": [{"name": "one", "job": SCRIPT}]},
        {"steps": [{"name": "two", "job": SCRIPT}]},
    ),
    "deploy_service": (
        "/services",
        {"name": "repeated", "job": SCRIPT, "function": "f"},
        {"name": "repeated", "job": SCRIPT, "function": "g"},
    ),
    "add_schedule": (
        "/schedules",
        {"name": "yearly", "cron": "0 0 1 1 *", "zone": "UTC", "job": SCRIPT},
        {"name": "yearly", "cron": "0 0 2 1 *", "zone": "UTC", "job": SCRIPT},
    ),
    "set_limit": (
        "/limits",
        {"kind": "user", "name": "anna", "at_most": 3},
        {"kind": "user", "name": "anna", "at_most": 4},
    ),
    "create_token": ("/tokens", {"name": "one", "role": "viewer"}, {"name": "one", "role": "operator"}),
    "put_hook": (
        "/settings/hooks",
        {"name": "push", "secret": SECRET, **SUBMITS},
        {"name": "push", "secret": SECRET, "per_minute": 2, **SUBMITS},
    ),
    "put_topic": (
        "/settings/topics",
        {"name": "sun", "topic": "solar/now", **SUBMITS},
        {"name": "sun", "topic": "solar/later", **SUBMITS},
    ),
    "put_notification": (
        "/settings/notifications",
        {"name": "phone", "to": {"kind": "mqtt", "topic": "home/a"}, "on": ["job_failed"]},
        {"name": "phone", "to": {"kind": "mqtt", "topic": "home/b"}, "on": ["job_failed"]},
    ),
    "put_household": ("/settings/household", {"host": "192.0.2.10"}, {"host": "192.0.2.11"}),
    "add_trials": ("/sweeps/{sweep}/trials", {"trials": [{"x": 0.5}]}, {"trials": [{"x": 0.6}]}),
}
#: Those that other tests cover, as they need more of a house.
ELSEWHERE = {
    "promote_model": "HQ's, with the file of a job that ended",
    "retry_job": "HQ's, as `test_the_same_key_for_another_path_is_refused` has it",
    "retry_pipeline": "HQ's, of a pipeline that ended",
}


def creating() -> set[str]:
    """Return the operations that answer 201 to a POST, and take a key."""
    found: set[str] = set()
    for methods in document()["paths"].values():
        operation = methods.get("post", {})
        names = {parameter["name"].lower() for parameter in operation.get("parameters", ())}
        if "201" in operation.get("responses", {}) and "idempotency-key" in names:
            found.add(operation["operationId"])
    return found


def test_none_that_creates_is_left_out() -> None:
    assert creating() - set(ELSEWHERE) <= set(CREATING)
    assert not set(CREATING) & set(ELSEWHERE)


@pytest.mark.parametrize("operation", sorted(CREATING))
def test_a_key_with_the_same_content_is_the_same_answer_and_with_another_a_refusal(
    house: LittleHouse, operation: str
) -> None:
    path, body, another = CREATING[operation]
    headers = {"idempotency-key": uuid4().hex}
    with house.client("admin") as admin:
        sweep = admin.post(f"{API}/sweeps", json=SWEEP).json()["sweep"] if "{sweep}" in path else ""
        url = API + path.format(sweep=sweep)

        first = admin.post(url, json=body, headers=headers)
        again = admin.post(url, json=body, headers=headers)
        refused = admin.post(url, json=another, headers=headers)
        other_key = admin.post(url, json=another, headers={"idempotency-key": uuid4().hex})

    assert first.status_code in (200, 201), first.text
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert (refused.status_code, refused.json()["code"]) == (409, "key_reused")
    assert refused.headers["content-type"] == CONTENT_TYPE
    assert "use a new one" in refused.json()["detail"]
    assert other_key.status_code == first.status_code, other_key.text


def test_the_same_key_for_another_path_is_refused(house: LittleHouse) -> None:
    headers = {"idempotency-key": uuid4().hex}
    with house.client("admin") as admin:
        one, two = admin.post(f"{API}/jobs", json={"jobs": [SCRIPT, SCRIPT]}).json()["jobs"]

        first = admin.post(f"{API}/jobs/{one}/retry", headers=headers)
        again = admin.post(f"{API}/jobs/{one}/retry", headers=headers)
        other = admin.post(f"{API}/jobs/{two}/retry", headers=headers)
        tokens = admin.post(f"{API}/settings/hooks", json=CREATING["put_hook"][1], headers=headers)
        hooks = admin.post(f"{API}/tokens", json=CREATING["create_token"][1], headers=headers)

    assert again.json() == first.json()
    assert (other.status_code, other.json()["code"]) == (409, "key_reused")
    assert sorted((tokens.status_code, hooks.status_code)) == [201, 409]


def test_a_webhook_takes_a_delivery_once_and_nothing_else_under_its_name(house: LittleHouse) -> None:
    with house.client("admin") as admin, house.client(None) as stranger:
        assert admin.post(f"{API}/settings/hooks", json=CREATING["put_hook"][1]).status_code == 201

        def send(message: dict[str, Any]) -> httpx.Response:
            content = json.dumps(message).encode()
            proof = hmac.new(SECRET.encode(), content, hashlib.sha256).hexdigest()
            headers = {"x-hub-signature-256": f"sha256={proof}", "idempotency-key": "delivery"}
            return stranger.post(f"{API}/hooks/push", content=content, headers=headers)

        first, again, other = send({}), send({}), send({"more": 1})

    assert again.json() == first.json()
    # Nothing of the message is taken, so it asks for the same.
    assert other.json() == first.json()
