"""Datasets on a machine: whole and right or not there, within a quota, and never taken from who uses them."""

import hashlib
import io
import json
import os
import tarfile
from pathlib import Path

import pytest

from agents import datasets as module
from agents.blobs import Blobs
from agents.bundles import BundleUnreachable
from agents.datasets import DatasetFailure, DatasetStore, Version, link_tree, read_dataset
from schemas.datasets import Reference
from tests.unit.agents.runner.conftest import BlobServer, rest

__all__ = ["rest"]


def wait(_: float) -> bool:
    return False


@pytest.fixture
def store(rest: BlobServer, tmp_path: Path) -> DatasetStore:
    return make_store(rest, tmp_path)


def make_store(rest: BlobServer, tmp_path: Path, quota: int = 0) -> DatasetStore:
    blobs = Blobs(lambda: rest.url, lambda: "secret")
    return DatasetStore(tmp_path / "datasets", blobs, quota_bytes=quota, patience_seconds=0.3)


def put(rest: BlobServer, name: str, *contents: bytes, kind: str = "file") -> list[Version]:
    """Store versions of a dataset, the newest first, as REST has them."""
    versions = []
    for content in contents:
        sha256 = hashlib.sha256(content).hexdigest()
        rest.blobs[sha256] = content
        versions.append(Version(name, sha256, kind, "wine.csv" if kind == "file" else "wine", len(content)))
    said = [{"sha256": v.sha256, "kind": v.kind, "filename": v.filename, "bytes": v.bytes} for v in versions]
    rest.documents[f"datasets/{name}"] = json.dumps({"name": name, "versions": said}).encode()
    return versions


def tar_of(**files: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


def left(tmp_path: Path) -> list[str]:
    folder = tmp_path / "datasets"
    return sorted(os.listdir(folder)) if folder.exists() else []


def gets(rest: BlobServer) -> int:
    return sum("/blobs/" in line for line in rest.requests)


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("data://wine", Reference("wine")),
        ("data://wine@abcd1234", Reference("wine", "abcd1234")),
        ("data://wine/red/a.csv", Reference("wine", "", "red/a.csv")),
        ("data://my.wine_2@0123/red.csv", Reference("my.wine_2", "0123", "red.csv")),
    ],
)
def test_a_reference_names_dataset_version_and_file(text: str, reference: Reference) -> None:
    assert read_dataset(text) == reference


@pytest.mark.parametrize(
    "text", ["data://", "data://Wine", "data://wine@xyz", "data://wine/../x", "data://wine//", "data://../x"]
)
def test_what_cannot_be_understood_is_a_named_failure(text: str) -> None:
    with pytest.raises(DatasetFailure, match="is no dataset") as raised:
        read_dataset(text)

    assert raised.value.kind == "dataset_missing"


def test_the_newest_version_is_meant_unless_another_is_named(rest: BlobServer, store: DatasetStore) -> None:
    new, old = put(rest, "wine", b"new", b"old")

    assert store.resolve(Reference("wine"), wait) == new
    assert store.resolve(Reference("wine", old.sha256[:8]), wait) == old
    for wrong in (Reference("wine", "0" * 64), Reference("beer")):
        with pytest.raises(DatasetFailure) as raised:
            store.resolve(wrong, wait)
        assert raised.value.kind == "dataset_missing"


def test_a_file_is_fetched_once_and_nobody_may_write_to_it(rest: BlobServer, store: DatasetStore) -> None:
    (version,) = put(rest, "wine", b"a,b\n1,2\n")

    places = [store.take(version, wait) for _ in range(3)]

    assert (places[0] / "wine.csv").read_bytes() == b"a,b\n1,2\n"
    assert (places[0] / "wine.csv").stat().st_mode & 0o777 == 0o444
    assert gets(rest) == 1


def test_a_folder_comes_unpacked(rest: BlobServer, store: DatasetStore) -> None:
    (version,) = put(rest, "wine", tar_of(**{"red.csv": b"red", "more/white.csv": b"white"}), kind="folder")

    content = store.take(version, wait)

    assert (content / "wine" / "more" / "white.csv").read_bytes() == b"white"


def test_a_download_that_breaks_off_goes_on_with_the_next_attempt(
    rest: BlobServer, store: DatasetStore, tmp_path: Path
) -> None:
    content = os.urandom(100_000)
    (version,) = put(rest, "wine", content)
    rest.break_after = [60_000]
    rest.failures = []
    calls = 0

    def stop_soon(_: float) -> bool:
        nonlocal calls
        calls += 1
        return calls > 1  # stopped in the middle

    with pytest.raises(BundleUnreachable):
        store.take(version, stop_soon)
    came = (tmp_path / "datasets" / f"{version.sha256}.part").stat().st_size
    place = store.take(version, wait)

    assert came > 0
    assert (place / "wine.csv").read_bytes() == content


@pytest.mark.parametrize(
    ("content", "kind", "failure"),
    [
        (b"other", "file", "dataset_broken"),
        (None, "file", "dataset_missing"),
        (b"no archive", "folder", "dataset_broken"),
        (tar_of(**{"../evil": b"x"}), "folder", "dataset_broken"),
    ],
)
def test_what_is_wrong_gone_or_hostile_is_a_named_failure_and_leaves_nothing(
    rest: BlobServer, store: DatasetStore, tmp_path: Path, content: bytes | None, kind: str, failure: str
) -> None:
    (version,) = put(rest, "wine", content if content and kind == "folder" else b"right", kind=kind)
    if kind == "file":
        del rest.blobs[version.sha256]
        if content is not None:
            rest.blobs[version.sha256] = content

    with pytest.raises(DatasetFailure) as raised:
        store.take(version, wait)

    assert raised.value.kind == failure
    assert left(tmp_path) == []


def test_a_dataset_that_the_disk_has_no_room_for_is_a_named_failure(
    rest: BlobServer, store: DatasetStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (version,) = put(rest, "wine", b"x" * 1000)
    monkeypatch.setattr(module, "_FREE_BYTES", 2**60)

    with pytest.raises(DatasetFailure, match="not so much free") as raised:
        store.take(version, wait)

    assert raised.value.kind == "disk_full"
    assert left(tmp_path) == []


def test_what_was_used_longest_ago_goes_first_and_never_what_is_in_use(
    rest: BlobServer, tmp_path: Path
) -> None:
    store = make_store(rest, tmp_path, quota=2500)
    first, second, third, fourth = put(rest, "wine", *(bytes([number]) * 1000 for number in range(4)))
    for age, version in ((300, first), (200, second)):
        place = store.take(version, wait)
        os.utime(place.parent, (os.path.getmtime(place) - age,) * 2)
    store.give_back(second.sha256)

    store.take(third, wait)

    assert left(tmp_path) == sorted([first.sha256, third.sha256])
    with pytest.raises(DatasetFailure, match="use now take 2000") as raised:
        store.take(fourth, wait)
    assert raised.value.kind == "dataset_too_big"
    store.give_back(first.sha256)
    store.take(fourth, wait)
    assert left(tmp_path) == sorted([third.sha256, fourth.sha256])


def test_a_dataset_over_the_quota_is_a_named_failure(rest: BlobServer, tmp_path: Path) -> None:
    store = make_store(rest, tmp_path, quota=999)
    (version,) = put(rest, "wine", b"x" * 1000)

    with pytest.raises(DatasetFailure, match="--dataset-gb") as raised:
        store.take(version, wait)

    assert raised.value.kind == "dataset_too_big"
    assert left(tmp_path) == []


def test_a_dataset_that_was_written_to_is_fetched_anew(rest: BlobServer, store: DatasetStore) -> None:
    (version,) = put(rest, "wine", b"right")
    file = store.take(version, wait) / "wine.csv"
    file.chmod(0o644)
    file.write_bytes(b"wrong")

    assert (store.take(version, wait) / "wine.csv").read_bytes() == b"right"
    assert gets(rest) == 2


def test_linked_files_take_no_room(tmp_path: Path) -> None:
    (tmp_path / "one" / "deep").mkdir(parents=True)
    (tmp_path / "one" / "deep" / "file").write_text("x")

    link_tree(tmp_path / "one", tmp_path / "two")

    assert (tmp_path / "two" / "deep" / "file").stat().st_nlink == 2
