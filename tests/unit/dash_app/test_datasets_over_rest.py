"""Datasets by name and version over a real server: added, listed, read by agents, removed."""

import hashlib
from pathlib import Path

import httpx
import pytest

from idlehands.cli.data_words import check_data
from idlehands.cli.exits import Stop
from idlehands.client.datasets import DatasetRefused, add_dataset
from idlehands.client.files import get_file
from tests.unit.dash_app.conftest import LittleHouse
from tests.unit.dash_app.test_outputs_over_rest import Reader, reader

__all__ = ["reader"]
API = "/api/v1/datasets"


def test_a_file_becomes_the_newest_version_and_comes_back(
    reader: Reader, operator: httpx.Client, tmp_path: Path
) -> None:
    (tmp_path / "wine.csv").write_bytes(b"old")
    old = add_dataset(reader.rest, "wine", tmp_path / "wine.csv")
    (tmp_path / "wine.csv").write_bytes(b"new one")
    new = add_dataset(reader.rest, "wine", tmp_path / "wine.csv")

    versions = operator.get(f"{API}/wine").json()["versions"]
    listed = {row["name"]: row for row in operator.get(API).json()["datasets"]}
    get_file(reader.rest, new["sha256"], tmp_path / "back")

    assert [row["sha256"] for row in versions] == [new["sha256"], old["sha256"]]
    assert (versions[0]["filename"], versions[0]["bytes"], versions[0]["by"]) == (
        "wine.csv",
        7,
        "some-operator",
    )
    assert (listed["wine"]["sha256"], listed["wine"]["versions"]) == (new["sha256"], 2)
    assert (tmp_path / "back").read_bytes() == b"new one"
    assert add_dataset(reader.rest, "wine", tmp_path / "wine.csv")["new"] is False


def test_the_same_folder_is_the_same_version(reader: Reader, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "data" / "deep").mkdir(parents=True)
        (tmp_path / name / "data" / "deep" / "b.csv").write_text("b")
        (tmp_path / name / "data" / "a.csv").write_text("a")
    (tmp_path / "two" / "data" / "out").symlink_to("/etc/passwd")

    added = [add_dataset(reader.rest, "tables", tmp_path / name / "data") for name in ("one", "two")]

    assert added[0]["sha256"] == added[1]["sha256"]
    assert (added[0]["files"], added[1]["new"]) == (2, False)


def test_removed_versions_are_gone_and_others_stay(
    reader: Reader, operator: httpx.Client, tmp_path: Path
) -> None:
    added = []
    for text in ("x", "y", "z"):
        (tmp_path / "file").write_text(text)
        added.append(add_dataset(reader.rest, "letters", tmp_path / "file")["sha256"])

    assert operator.delete(f"{API}/letters/{added[1]}").json() == {"name": "letters", "removed": 1}
    left = [row["sha256"] for row in operator.get(f"{API}/letters").json()["versions"]]
    assert operator.delete(f"{API}/letters").json() == {"name": "letters", "removed": 2}

    assert left == [added[2], added[0]]
    assert operator.get(f"{API}/letters").status_code == 404
    assert operator.delete(f"{API}/letters").status_code == 404


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("Wine", {"kind": "file", "filename": "a"}, 422),
        ("wine", {"kind": "file", "filename": "../a"}, 422),
        ("wine", {"kind": "file", "filename": "a/b"}, 422),
        ("wine", {"kind": "pipe", "filename": "a"}, 422),
        ("wine", {"kind": "file", "filename": "a", "more": 1}, 422),
        ("wine", {"kind": "file", "filename": "a"}, 409),
    ],
)
def test_what_is_no_dataset_is_refused(
    operator: httpx.Client, name: str, body: dict[str, object], status: int
) -> None:
    sha256 = hashlib.sha256(b"never stored").hexdigest()

    answer = operator.put(f"{API}/{name}/{sha256}", json=body)

    assert answer.status_code == status, answer.text


def test_agents_read_a_dataset_and_change_none(house: LittleHouse, reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    sha256 = add_dataset(reader.rest, "read-only", tmp_path / "file")["sha256"]

    with house.client("agent") as agent:
        assert agent.get(f"{API}/read-only").json()["versions"][0]["sha256"] == sha256
        assert agent.delete(f"{API}/read-only").status_code == 403
        assert agent.put(f"{API}/other/{sha256}", json={"kind": "file", "filename": "a"}).status_code == 403


def test_what_is_not_there_or_empty_is_no_dataset(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    for path in (tmp_path / "nothing", tmp_path / "empty"):
        with pytest.raises(DatasetRefused):
            add_dataset(reader.rest, "wine", path)


def test_a_job_is_refused_that_names_a_dataset_or_a_version_that_the_house_has_not(
    reader: Reader, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("given")
    version = add_dataset(reader.rest, "given", tmp_path / "file")["sha256"]

    check_data(reader, ["data://given", [f"data://given@{version[:6]}/a.csv", 3], "given@7", None])
    for wrong in ("data://given@7", "data://Given", "data://nowhere", ["x", "data://given@77777777"]):
        check_data(reader, [wrong], force=True)
        with pytest.raises(Stop, match="--force submits it all the same"):
            check_data(reader, [wrong])
