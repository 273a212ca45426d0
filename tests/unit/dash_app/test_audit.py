"""The audit log, from the request that is noted to the entry that an admin reads."""

import json
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest
from pymongo import MongoClient

from hq.rest.sessions import Entry, write_entry
from schemas.audit import AuditNote, file_name
from tests.fixtures.mongod import MongodServer
from tests.permissions.premises import Premises, premises
from tests.unit.dash_app.little_house import eventually


@pytest.fixture(scope="module")
def place(mongod_server: MongodServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Premises]:
    name = f"test_{uuid4().hex[:12]}"
    with premises(mongod_server.uri_of(name), tmp_path_factory.mktemp("audit"), is_audited=True) as built:
        yield built
    with MongoClient(mongod_server.uri) as mongo:
        mongo.drop_database(name)


def client(place: Premises, role: str | None, **headers: str) -> httpx.Client:
    proof = place.as_token(role) if role else {}
    return httpx.Client(base_url=place.server.url, headers=proof | headers, trust_env=False)


def entries(place: Premises, **query: Any) -> list[dict[str, Any]]:
    with client(place, "admin") as admin:
        found: list[dict[str, Any]] = admin.get("/api/v1/audit", params=query).json()["entries"]
        return found


def spooled(place: Premises, what: str, **fields: Any) -> AuditNote:
    """Leave a note as the house's command line does."""
    note = AuditNote(secrets.token_hex(16), fields.pop("at", time.time()), what, **fields)
    folder = place.folder / "audit"
    folder.mkdir(mode=0o700, exist_ok=True)
    new = folder / f".{note.id}.new"
    new.write_bytes(msgspec.json.encode(note))
    new.rename(folder / file_name(note))
    return note


def test_who_logs_in_and_out_is_noted_with_name_role_and_address(place: Premises) -> None:
    code = write_entry(place.folder / "logins", Entry("anna", "operator", time.time() + 60))
    with client(place, None, origin=place.server.url) as browser:
        cookie = browser.post("/login", json={"code": code}).headers["set-cookie"].partition(";")[0]
        browser.post("/logout", headers={"cookie": cookie})

    eventually(lambda: len(entries(place, who="anna")) == 2)
    out, used = entries(place, who="anna")
    assert (out["what"], used["what"]) == ("login.ended", "login.used")
    assert (used["who"], used["source"], used["outcome"]) == ("anna", "127.0.0.1", "done")
    assert used["detail"] == "as operator"
    assert abs(used["at"] - time.time()) < 600


def test_a_flood_of_wrong_tokens_and_logins_is_an_entry_each(place: Premises) -> None:
    with client(place, None, origin=place.server.url) as stranger:
        for _ in range(100):
            stranger.get("/api/v1/jobs", headers={"authorization": f"Bearer {'x' * 43}"})
            stranger.post("/login", json={"code": "y" * 43})

    eventually(lambda: entries(place, what="access.wrong-token") and entries(place, what="login.refused"))
    eventually(lambda: not [*(place.folder / "audit").glob("*.json")])
    (tokens,), (logins,) = entries(place, what="access.wrong-token"), entries(place, what="login.refused")
    assert tokens["outcome"] == logins["outcome"] == "refused"
    assert tokens["detail"] == "GET '/api/v1/jobs'"
    assert len(entries(place, what="access.too-many")) == 1


def test_who_reaches_for_more_than_the_role_allows_is_noted_by_name(place: Premises) -> None:
    with client(place, "viewer") as viewer:
        viewer.post("/api/v1/jobs", json={})
        viewer.get("/api/v1/jobs", headers={"host": "rebound.example"})

    eventually(lambda: entries(place, what="access.forbidden") and entries(place, what="access.wrong-host"))
    assert entries(place, what="access.forbidden")[0]["who"] == "some-viewer"
    assert "rebound.example" in entries(place, what="access.wrong-host")[0]["detail"]


def test_the_first_use_of_a_token_is_noted_and_no_other(place: Premises) -> None:
    with client(place, "operator") as operator:
        for _ in range(20):
            operator.get("/api/v1/jobs")

    eventually(lambda: entries(place, who="some-operator", what="token.used"))
    with client(place, "operator") as operator:
        operator.get("/api/v1/jobs")
    # A server that starts anew looks whether it is there.
    assert place.house.trail is not None
    place.house.trail._used.clear()
    with client(place, "operator") as operator:
        operator.get("/api/v1/jobs")
    last = spooled(place, "secret.set", subject="AFTER")
    eventually(lambda: any(one["id"] == last.id for one in entries(place, what="secret")))
    assert len(entries(place, who="some-operator", what="token.used")) == 1


def test_what_the_command_line_left_is_handed_in_once(place: Premises) -> None:
    note = spooled(place, "token.created", who="root", subject="olga", at=1000.0)
    eventually(lambda: entries(place, who="olga"))
    # The server died before it removed the file.
    again = place.folder / "audit" / file_name(note)
    again.write_bytes(msgspec.json.encode(note))

    eventually(lambda: not again.exists())
    (entry,) = entries(place, who="olga")
    assert (entry["who"], entry["at"]) == ("root", 1000.0)
    assert entry["noted_at"] > 1e9
    with client(place, "admin") as admin:
        events = admin.get("/api/v1/events", params={"limit": 1000}).json()["events"]
    assert [e for e in events if e["event"]["type"] == "Audited" and e["event"]["note"]["id"] == note.id]
    assert sum(e["event"].get("note", {}).get("id") == note.id for e in events) == 1


def test_a_file_that_is_no_note_is_put_aside_and_holds_nothing_up(place: Premises) -> None:
    folder: Path = place.folder / "audit"
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "00000000000000-broken.json").write_text("{")
    note = spooled(place, "certificate.issued", subject="after-broken")

    eventually(lambda: entries(place, who="after-broken"))
    assert entries(place, who="after-broken")[0]["id"] == note.id
    assert (folder / "00000000000000-broken.unusable").exists()


def test_entries_are_found_by_who_what_and_when_and_page_by_page(place: Premises) -> None:
    for number in range(5):
        spooled(place, f"pairing.{'allowed' if number else 'refused'}", who="paul", at=2000.0 + number)
    eventually(lambda: len(entries(place, who="paul")) == 5)

    assert [e["at"] for e in entries(place, who="paul", since=2003)] == [2004.0, 2003.0]
    assert len(entries(place, what="pairing")) == 5
    assert len(entries(place, what="pairing.allowed", who="paul")) == 4
    assert entries(place, what="pair") == []
    with client(place, "admin") as admin:
        first = admin.get("/api/v1/audit", params={"who": "paul", "limit": 3}).json()
        rest = admin.get("/api/v1/audit", params={"who": "paul", "limit": 3, "after": first["next"]}).json()
    assert [e["at"] for e in [*first["entries"], *rest["entries"]]] == [
        2004.0,
        2003.0,
        2002.0,
        2001.0,
        2000.0,
    ]
    assert rest["next"] is None


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_only_admins_see_them_also_among_the_events(place: Premises, role: str) -> None:
    spooled(place, "secret.set", subject=f"FOR_{role}")
    eventually(lambda: entries(place, who=f"FOR_{role}"))
    with client(place, role) as somebody:
        refused = somebody.get("/api/v1/audit")
        events = somebody.get("/api/v1/events", params={"limit": 1000}).json()["events"]

    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert events
    assert "Audited" not in json.dumps(events)


def test_nobody_but_the_server_writes_into_the_log(place: Premises) -> None:
    from hq.core.decide.ids import Ids
    from hq.core.decide.refused import Refused
    from hq.core.decide.requests import decide_request
    from hq.core.state import State
    from schemas.requests import Audit

    request = Audit(note=AuditNote("0" * 32, 1.0, "login.used"))
    with pytest.raises(Refused) as refused:
        decide_request(State(), "olga", "olga", request, Ids(1, 1))
    assert refused.value.code == "not_allowed"
