"""Every route says what it does and answers, wants a token, and answers errors as problems.

What routes answer with real data is held against what they say by the client
that the tests here use: see `answer_checks`.
"""

import re
from typing import Any

import httpx
import msgspec
import pytest

from hq.rest import answers, failures
from hq.rest.answers import ANSWERS, PLAIN
from hq.rest.policy import ADMINS, API, READERS, RULES
from hq.rest.problems import CONTENT_TYPE
from tests.unit.dash_app.answer_checks import document
from tests.unit.dash_app.conftest import LittleHouse

SAMPLES = {
    "job": "j" + "a" * 12,
    "sweep": "s" + "a" * 12,
    "sha256": "0" * 64,
    "offset": "0?total=2",
    "kind": "best",
    "version": "1",
    "token": "0" * 12,
    "id": "0" * 12,
}
#: Changes that are safe to repeat as they are, or change nothing.
NO_KEY = {
    "pause_agent": "asks a machine; twice is the same",
    "drain_agent": "asks a machine; twice is the same",
    "resume_agent": "asks a machine; twice is the same",
    "report_trial": "says how far a trial is",
    "test_notification": "sends a test each time",
    "take_hook": "has the delivery's own id",
}
#: Lists that are short by what they are of.
NO_CURSOR = {
    "list_services": "at most 200",
    "list_schedules": "at most some hundred",
    "list_hooks": "as many as people made by hand",
    "list_topics": "as many as people made by hand",
    "list_limits": "as many as people made by hand",
    "list_tokens": "as many as people made by hand",
    "list_notifications": "as many as people made by hand",
}


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    paths = document()["paths"]
    return [(method, path, one) for path, methods in paths.items() for method, one in methods.items()]


def names_of(operation: dict[str, Any]) -> set[str]:
    return {parameter["name"].lower() for parameter in operation.get("parameters", ())}


def test_every_route_says_what_it_does_and_what_it_answers() -> None:
    for method, path, one in operations():
        where = f"{method.upper()} {path}"
        identity = one["operationId"]
        assert one.get("summary"), f"{where} has no summary"
        assert one.get("description", "").strip(), f"{where} does not say what it does: give it a docstring"
        assert one.get("tags"), f"{where} has no tag"
        assert list(one["responses"]["default"]["content"]) == [CONTENT_TYPE], where
        assert (identity in ANSWERS) != (identity in PLAIN), (
            f"{where}: name what {identity} answers in hq/rest/answers/__init__.py"
        )
        for status, response in one["responses"].items():
            for kind, content in response.get("content", {}).items():
                if status.startswith("2") and kind == "application/json":
                    assert content.get("schema"), f"{where}: {status} has no schema"


def test_the_document_names_nothing_that_it_has_not() -> None:
    found = document()
    names = set(found["components"]["schemas"])

    asked = set(re.findall(r"#/components/schemas/([^\"]+)", httpx.Response(200, json=found).text))
    assert asked <= names, asked - names
    assert set(ANSWERS) <= {one["operationId"] for _, _, one in operations()}


def test_every_change_takes_a_key_and_every_list_a_cursor() -> None:
    for method, path, one in operations():
        identity, names = one["operationId"], names_of(one)
        if method == "post":
            assert ("idempotency-key" in names) != (identity in NO_KEY), f"POST {path}: {identity}"
        if identity.startswith("list_"):
            assert ("after" in names) != (identity in NO_CURSOR), f"GET {path}: {identity}"


def test_every_json_answer_to_a_get_has_an_etag() -> None:
    for method, path, one in operations():
        if method == "get" and path.startswith(API) and one["operationId"] not in PLAIN:
            assert "304" in one["responses"], path
            assert "if-none-match" in names_of(one), path


def test_every_rule_of_the_api_has_a_route() -> None:
    known = {(path, method.upper()) for method, path, _ in operations()} | {("/api/openapi.json", "GET")}

    assert {(rule.path, method) for rule in RULES for method in rule.roles} == known


@pytest.mark.parametrize("proof", [None, "wrong", "viewer"])
def test_every_route_wants_a_token_and_the_right_one(
    house: LittleHouse, monkeypatch: pytest.MonkeyPatch, proof: str | None
) -> None:
    monkeypatch.setattr(failures, "FAILURES_ALLOWED", 10_000)
    with house.client("viewer" if proof == "viewer" else None) as client:
        if proof == "wrong":
            client.headers["authorization"] = f"Bearer {'w' * 43}"
        for rule in (rule for rule in RULES if not rule.open):
            path = re.sub(r"\{(\w+)\}", lambda found: SAMPLES.get(found[1], "some-name"), rule.path)
            for method, roles in rule.roles.items():
                if proof == "viewer" and roles >= READERS:
                    continue
                answer = client.request(method, path)
                assert answer.status_code == (403 if proof == "viewer" else 401), (method, path)
                if method != "HEAD":
                    assert answer.headers["content-type"] == CONTENT_TYPE, (method, path)


def test_what_only_admins_may_is_little(house: LittleHouse) -> None:
    for rule in RULES:
        if ADMINS in rule.roles.values():
            assert rule.path.removeprefix(API).split("/")[1] in {"audit", "tokens", "settings"}


def test_an_answer_with_the_name_of_a_part_of_another_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = msgspec.defstruct("Limits", [("limits", list[str])])
    monkeypatch.setitem(answers.ANSWERS, "list_limits", taken)

    with pytest.raises(ValueError, match="one name: Limits;"):
        answers.components()


def test_every_reference_in_the_document_leads_somewhere() -> None:
    known = document()["components"]["schemas"]
    found = re.findall(rb'"#/components/schemas/([^"]+)"', msgspec.json.encode(document()))

    assert {name.decode() for name in found} <= set(known)
