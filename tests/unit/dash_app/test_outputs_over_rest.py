"""Files to and from a real server: in pieces, resumed, verified, and never outside of their folder."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from idlehands.client import RequestRefused, files
from idlehands.client.files import get_file, put_file
from idlehands.client.outputs import NameRefused, fetch_outputs
from idlehands.client.reading import Reading
from idlehands.client.rest import Rest
from tests.unit.dash_app.conftest import LittleHouse

PIECE = 255 * 1024
JOB = "j" + "a" * 12


class Reader(Reading):
    """The reading half of a client, over the server of a house."""

    def __init__(self, house: LittleHouse, folder: Path) -> None:
        (folder / "token").write_text(house.tokens["operator"])
        self._rest = Rest(house.server.url, folder / "token")

    @property
    def rest(self) -> Rest:
        return self._rest


@pytest.fixture
def reader(house: LittleHouse, tmp_path: Path) -> Iterator[Reader]:
    found = Reader(house, tmp_path)
    yield found
    found.rest.close()


def job_with(*artifacts: tuple[str, bytes], reader: Reader, tmp_path: Path, **more: Any) -> dict[str, Any]:
    """Return a job as REST says it, whose artifacts are stored."""
    kept = []
    for name, content in artifacts:
        (tmp_path / "content").write_bytes(content)
        sha256 = put_file(reader.rest, tmp_path / "content")
        kept.append({"name": name, "sha256": sha256, "bytes": len(content)})
    result = {"job": JOB, "outcome": "succeeded", "result": {"loss": 0.5}, "artifacts": kept, **more}
    return {"id": JOB, "status": "succeeded", "results": [{"verdict": "accepted", "result": result}]}


def below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_file_goes_in_pieces_and_comes_back(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PIECE_BYTES", PIECE)
    content = os.urandom(3 * PIECE + 5)
    (tmp_path / "big").write_bytes(content)
    told: list[int] = []

    sha256 = put_file(reader.rest, tmp_path / "big", lambda done, _: told.append(done))
    get_file(reader.rest, sha256, tmp_path / "back")

    assert (tmp_path / "back").read_bytes() == content
    assert told == [0, PIECE, 2 * PIECE, 3 * PIECE, len(content)]
    assert put_file(reader.rest, tmp_path / "big") == sha256


def test_an_upload_goes_on_where_an_earlier_one_broke_off(
    reader: Reader, house: LittleHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "PIECE_BYTES", PIECE)
    content = os.urandom(2 * PIECE + 5)
    (tmp_path / "big").write_bytes(content)
    with house.client("operator") as operator:
        path = f"/api/v1/blobs/{hashlib.sha256(content).hexdigest()}/pieces/0"
        operator.put(path, params={"total": len(content)}, content=content[:PIECE])
    told: list[int] = []

    put_file(reader.rest, tmp_path / "big", lambda done, _: told.append(done))

    assert told[0] == PIECE


@pytest.mark.parametrize("there", [0, 1000, 400_000, 600_000])
def test_a_download_goes_on_with_what_is_there(reader: Reader, tmp_path: Path, there: int) -> None:
    content = os.urandom(600_000)
    (tmp_path / "content").write_bytes(content)
    sha256 = put_file(reader.rest, tmp_path / "content")
    (tmp_path / "back.partial").write_bytes(content[:there])
    told: list[int] = []

    get_file(reader.rest, sha256, tmp_path / "back", lambda done, _: told.append(done))

    assert (tmp_path / "back").read_bytes() == content
    assert not told or told[0] > there
    assert not (tmp_path / "back.partial").exists()


def test_what_is_not_what_was_asked_for_is_not_kept(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "content").write_bytes(b"x" * 1000)
    sha256 = put_file(reader.rest, tmp_path / "content")
    (tmp_path / "back.partial").write_bytes(b"other")

    with pytest.raises(RequestRefused, match="damaged"):
        get_file(reader.rest, sha256, tmp_path / "back")

    assert not list(tmp_path.glob("back*"))


def test_what_is_not_there_is_said_and_leaves_nothing(reader: Reader, tmp_path: Path) -> None:
    with pytest.raises(RequestRefused, match="There is no blob"):
        get_file(reader.rest, "0" * 64, tmp_path / "back")

    assert not list(tmp_path.glob("back*"))


def test_outputs_are_result_log_and_artifacts(reader: Reader, house: LittleHouse, tmp_path: Path) -> None:
    job = job_with(
        ("model.pt", b"weights"),
        ("out/a/plot.png", b"picture"),
        ("empty", b""),
        reader=reader,
        tmp_path=tmp_path,
    )
    house.store(
        "logs", {"_id": 1, "job": JOB, "token": 1, "seq": 0, "stream": "stdout", "lines": ["one", "two"]}
    )

    written = fetch_outputs(reader, job, tmp_path / "out")

    assert below(tmp_path / "out") == {
        "result.json", "log.txt", "artifacts/model.pt", "artifacts/out/a/plot.png", "artifacts/empty",
    }  # fmt: skip
    assert len(written) == 5
    assert (tmp_path / "out" / "artifacts" / "out" / "a" / "plot.png").read_bytes() == b"picture"
    assert (tmp_path / "out" / "log.txt").read_text() == "one\ntwo\n"
    assert '"loss": 0.5' in (tmp_path / "out" / "result.json").read_text()


def test_what_is_there_already_is_not_fetched_again_and_what_is_wrong_is(
    reader: Reader, tmp_path: Path
) -> None:
    job = job_with(("a", b"right"), ("b", b"other"), reader=reader, tmp_path=tmp_path)
    fetch_outputs(reader, job, tmp_path / "out")
    (tmp_path / "out" / "artifacts" / "b").write_bytes(b"wrong")
    fetched: list[str] = []

    fetch_outputs(reader, job, tmp_path / "out", fetched.append)

    assert fetched == ["result.json", "log.txt", "artifacts/b"]
    assert (tmp_path / "out" / "artifacts" / "b").read_bytes() == b"other"


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/evil", "a/../../evil", "c:evil", "a\\evil", "a//evil", ".", "a\n"]
)
def test_a_name_that_leads_out_is_refused_and_nothing_is_written(
    reader: Reader, tmp_path: Path, name: str
) -> None:
    job = job_with((name, b"evil"), reader=reader, tmp_path=tmp_path)

    with pytest.raises(NameRefused, match="outside"):
        fetch_outputs(reader, job, tmp_path / "deep" / "out")

    assert below(tmp_path / "deep") == {"out/result.json", "out/log.txt"}


def test_links_in_the_folder_are_not_written_through(reader: Reader, tmp_path: Path) -> None:
    job = job_with(("a/file", b"new"), ("plain", b"new"), reader=reader, tmp_path=tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "mine").write_text("mine")
    kept = tmp_path / "out" / "artifacts"
    kept.mkdir(parents=True)
    (kept / "plain").symlink_to(tmp_path / "mine")
    (kept / "plain.partial").symlink_to(tmp_path / "mine")
    (tmp_path / "out" / "log.txt").symlink_to(tmp_path / "mine")
    (kept / "a").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(NameRefused, match="leads out"):
        fetch_outputs(reader, job, tmp_path / "out")
    (kept / "a").unlink()
    with pytest.raises(OSError, match="symbolic link"):
        fetch_outputs(reader, job, tmp_path / "out")

    assert (tmp_path / "mine").read_text() == "mine"
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_job_without_a_result_brings_its_log(reader: Reader, tmp_path: Path) -> None:
    fetch_outputs(reader, {"id": JOB, "status": "running", "results": []}, tmp_path / "out")

    assert below(tmp_path / "out") == {"log.txt"}
