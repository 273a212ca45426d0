"""The registry of models over a real server: promoted, staged, read by agents, fetched, removed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from msgspec.structs import replace

from hq.read_models.models import JOBS, RESULTS, document_of
from idlehands.client.outputs import NameRefused, fetch_model
from idlehands.client.reading import Reading
from schemas.facts import Artifact
from tests.unit.dash_app.conftest import LittleHouse
from tests.unit.dash_app.test_outputs_over_rest import Reader, reader
from tests.unit.hq.core.small_house import SmallHouse, success

__all__ = ["reader"]
API = "/api/v1/models"


@pytest.fixture
def job(house: LittleHouse, reader: Reader) -> str:
    """A job that ended and left two files."""
    small = SmallHouse(epoch=int(uuid4().hex[:7], 16))
    key = small.start(params={"depth": 3})
    files = tuple(
        Artifact(name, reader.put_blob(content), len(content))
        for name, content in (("model.pt", b"weights"), ("out/labels.txt", b"a\nb\n"))
    )
    small.deliver(replace(success(key), artifacts=files))
    small.settle()
    ended, result, _ = small.stored(key[0])
    stored = next(one for one in small.changes if getattr(one, "result", None) == result)
    house.store(JOBS, document_of(ended))
    house.store(RESULTS, document_of(stored))
    return key[0]


@pytest.fixture
def name() -> str:
    return f"wine-{uuid4().hex[:8]}"


def promote(operator: httpx.Client, name: str, **body: Any) -> dict[str, Any]:
    answer = operator.post(f"{API}/{name}", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def read(client: httpx.Client, path: str, position: int) -> Any:
    answer = client.get(f"{API}/{path}", params={"at_least": position})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_job_is_promoted_staged_and_read_by_name(
    operator: httpx.Client, viewer: httpx.Client, house: LittleHouse, job: str, name: str
) -> None:
    first = promote(operator, name, job=job, stage="production", note="good")
    second = promote(operator, name, job=job, artifacts=["model.pt"])
    staged = operator.post(f"{API}/{name}/versions/2/stage", json={"stage": "production"}).json()

    assert (first["version"], second["version"], staged["archived"]) == (1, 2, [1])
    whole = read(viewer, name, staged["position"])
    assert [(one["version"], one["stage"]) for one in whole["versions"]] == [
        (2, "production"),
        (1, "archived"),
    ]
    with house.client("agent") as agent:
        one = agent.get(f"{API}/{name}/versions/default").json()
        assert agent.post(f"{API}/{name}", json={"job": job}).status_code == 403
    assert (one["model"], one["version"], one["sha256"]) == (name, 2, second["sha256"])
    assert one["lineage"]["job"] == job
    assert one["lineage"]["spec"]["params"] == {"depth": 3}
    assert one["lineage"]["metrics"] == {"accuracy": 0.5}
    assert viewer.get(f"{API}/{name}/versions/1").json()["note"] == "good"
    listed = {row["name"]: row for row in viewer.get(API, params={"limit": 1000}).json()["models"]}
    assert listed[name]["stages"] == {"production": 2}


def test_lists_come_in_pages(operator: httpx.Client, viewer: httpx.Client, job: str, name: str) -> None:
    for letter in "abc":
        position = promote(operator, f"{name}-{letter}", job=job)["position"]

    found: list[str] = []
    query: dict[str, Any] = {"limit": 2, "at_least": position}
    while query is not None:
        page = viewer.get(API, params=query).json()
        found += [row["name"] for row in page["models"]]
        if page["next"] is None:
            break
        query = {"limit": 2, "after": page["next"]}

    assert found == sorted(set(found))
    assert {f"{name}-{letter}" for letter in "abc"} <= set(found)


def test_files_come_with_their_names_and_are_checked(
    operator: httpx.Client, reader: Reader, job: str, name: str, tmp_path: Path
) -> None:
    version = read(operator, f"{name}/versions/1", promote(operator, name, job=job)["position"])
    told: list[tuple[int, int]] = []

    written = fetch_model(reader.rest, version, tmp_path / "to", lambda *done: told.append(done))

    assert [path.relative_to(tmp_path / "to").as_posix() for path in written] == [
        "model.pt",
        "out/labels.txt",
    ]
    assert written[1].read_bytes() == b"a\nb\n"
    assert told[-1] == (11, 11)
    (only,) = fetch_model(reader.rest, version, tmp_path / "one", only="out/labels.txt")
    assert only.read_bytes() == b"a\nb\n"
    with pytest.raises(NameRefused, match="has no file"):
        fetch_model(reader.rest, version, tmp_path, only="x")
    assert Reading.model(reader, f"{name}@latest")["version"] == 1


def test_what_is_in_production_stays_and_the_rest_goes(operator: httpx.Client, job: str, name: str) -> None:
    promote(operator, name, job=job, stage="production")

    assert operator.delete(f"{API}/{name}").json()["code"] == "in_production"
    operator.post(f"{API}/{name}/versions/1/stage", json={"stage": "archived"})
    gone = operator.delete(f"{API}/{name}/versions/1").json()

    assert gone["removed"] == [1]
    after = operator.get(f"{API}/{name}", params={"at_least": gone["position"]})
    assert (after.status_code, after.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "wine", {}, 422, "bad_data"),
        ("POST", "wine", {"job": "j" + "z" * 12}, 404, "unknown_job"),
        ("POST", "wine", {"sweep": "s" + "z" * 12}, 404, "unknown_sweep"),
        ("POST", "wine", {"job": "train"}, 422, "bad_data"),
        ("POST", "wine", {"job": "j" + "z" * 12, "stage": "live"}, 422, "bad_data"),
        ("POST", "Wine", {"job": "j" + "z" * 12}, 422, "bad_name"),
        ("GET", "no-such-model", None, 404, "not_found"),
        ("GET", "wine/versions/newest", None, 404, "not_found"),
        ("GET", "wine/versions/0", None, 404, "not_found"),
        ("DELETE", "no-such-model", None, 404, "unknown_model"),
        ("DELETE", "no-such-model/versions/latest", None, 422, "bad_version"),
        ("POST", "no-such-model/versions/1/stage", {"stage": "production"}, 404, "unknown_model"),
    ],
)
def test_what_cannot_be_is_refused(
    operator: httpx.Client, method: str, path: str, body: Any, status: int, code: str
) -> None:
    answer = operator.request(method, f"{API}/{path}", json=body)

    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


def test_the_files_of_a_model_outlive_its_job(
    house: LittleHouse, operator: httpx.Client, job: str, name: str, database: Any
) -> None:
    from hq.housekeeping.blobs import read_references

    version = promote(operator, name, job=job)
    database[JOBS].delete_one({"_id": job})
    database[RESULTS].delete_many({"job": job})
    read(operator, name, version["position"])
    hashes = {file["sha256"] for file in operator.get(f"{API}/{name}/versions/1").json()["files"]}

    assert hashes <= read_references(database)


@pytest.fixture
def database(house: LittleHouse) -> Iterator[Any]:
    from pymongo import MongoClient

    with MongoClient[dict[str, Any]](house.uri) as mongo:
        yield mongo.get_default_database()
