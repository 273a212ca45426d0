"""Tokens over REST: made, told once, listed without their secret, revoked; and ETags of what is read."""

from typing import Any

import httpx
import pytest

from hq.rest.validators import is_known
from tests.unit.dash_app.conftest import LittleHouse

API = "/api/v1"
TOKENS = f"{API}/tokens"


def make(admin: httpx.Client, **body: Any) -> httpx.Response:
    key = body.pop("key", None)
    headers = {} if key is None else {"idempotency-key": key}
    return admin.post(TOKENS, json={"name": "grafana", "role": "viewer", **body}, headers=headers)


def test_a_token_is_told_once_opens_its_role_and_is_revoked(house: LittleHouse) -> None:
    with house.client("admin") as admin, house.client(None) as client:
        made = make(admin, days=1)
        assert made.status_code == 201
        said = made.json()
        client.headers["authorization"] = f"Bearer {said['token']}"

        assert client.get(f"{API}/jobs").status_code == 200
        assert client.post(f"{API}/jobs", json={"jobs": []}).status_code == 403
        assert client.get(TOKENS).status_code == 403
        listed = admin.get(TOKENS)
        assert said["token"] not in listed.text
        (row,) = [one for one in listed.json()["tokens"] if one["id"] == said["id"]]
        assert (row["name"], row["role"], row["is_valid"]) == ("grafana", "viewer", True)
        assert row["expires"] == pytest.approx(row["created"] + 86_400, abs=2)
        assert [one["id"] for one in admin.delete(f"{TOKENS}/{said['id']}").json()["revoked"]] == [said["id"]]
        assert client.get(f"{API}/jobs").status_code == 401
        assert admin.delete(f"{TOKENS}/{said['id']}").status_code == 404


def test_a_repeat_with_the_same_key_is_the_same_token(house: LittleHouse) -> None:
    with house.client("admin") as admin:
        first, second = make(admin, key="once"), make(admin, key="once")

        assert first.json() == second.json()
        assert make(admin, key="once", role="admin").json()["code"] == "key_reused"
        assert make(admin).json()["token"] != first.json()["token"]


@pytest.mark.parametrize(
    "body", [{"name": "No Name"}, {"role": "owner"}, {"days": 0}, {"days": -1}, {"more": 1}, {"name": None}]
)
def test_what_is_no_token_is_refused(house: LittleHouse, body: dict[str, Any]) -> None:
    with house.client("admin") as admin:
        before = admin.get(TOKENS).json()

        assert make(admin, **body).status_code == 422
        assert admin.get(TOKENS).json() == before


def test_what_is_known_is_not_sent_again(operator: httpx.Client, viewer: httpx.Client) -> None:
    first = viewer.get(f"{API}/jobs")
    etag = first.headers["etag"]

    same = viewer.get(f"{API}/jobs", headers={"if-none-match": f'"other", W/{etag}'})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
    spec = {"script": {"bundle": "0" * 64, "entry": "a.py"}, "needs": {"agent": "nobody"}}
    made = operator.post(f"{API}/jobs", json={"jobs": [spec]}).json()
    changed = viewer.get(
        f"{API}/jobs", params={"at_least": made["position"]}, headers={"if-none-match": etag}
    )

    assert changed.status_code == 200
    assert changed.headers["etag"] != etag
    assert changed.headers["cache-control"] == "private, no-cache"
    assert viewer.get(f"{API}/sweeps/none", headers={"if-none-match": "*"}).status_code == 404


def test_machines_that_said_nothing_new_are_known(viewer: httpx.Client) -> None:
    etag = viewer.get(f"{API}/agents").headers["etag"]

    assert etag.startswith("W/")
    assert viewer.get(f"{API}/agents", headers={"if-none-match": etag}).status_code == 304


def test_a_change_takes_no_condition(operator: httpx.Client) -> None:
    answer = operator.post(f"{API}/jobs", json={"jobs": []}, headers={"if-match": '"a"'})

    assert (answer.status_code, answer.json()["code"]) == (412, "no_preconditions")


@pytest.mark.parametrize(
    ("known", "expected"),
    [('"a"', True), ('W/"a"', True), ('"b", "a"', True), ("*", True), ('"b"', False), ("", False)],
)
def test_which_etags_are_known(known: str, expected: bool) -> None:
    assert is_known('"a"', known) is expected
