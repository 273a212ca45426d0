"""Blobs over a connection that breaks: what had arrived is not moved again, and nothing wrong is kept."""

import hashlib
import os
from pathlib import Path

import pytest

from agents import blobs as module
from agents.blobs import BlobBroken, BlobRefused, Blobs, BlobUnavailable
from tests.unit.agents.runner.conftest import BlobServer, rest

__all__ = ["rest"]
PIECE = 1000


@pytest.fixture
def blobs(rest: BlobServer, monkeypatch: pytest.MonkeyPatch) -> Blobs:
    monkeypatch.setattr(module, "_PIECE_BYTES", PIECE)
    monkeypatch.setattr(module, "_CHUNK", 100)
    return Blobs(lambda: rest.url, lambda: "secret")


def put(rest: BlobServer, size: int) -> tuple[bytes, str]:
    content = os.urandom(size)
    sha256 = hashlib.sha256(content).hexdigest()
    rest.blobs[sha256] = content
    return content, sha256


def wait(_: float) -> bool:
    return False


def download(blobs: Blobs, sha256: str, target: Path, max_bytes: int = 10**6) -> None:
    blobs.download(sha256, target, max_bytes=max_bytes, patience_seconds=0.3, wait=wait)


def test_a_download_goes_on_where_it_broke_off(blobs: Blobs, rest: BlobServer, tmp_path: Path) -> None:
    content, sha256 = put(rest, 10_000)
    rest.break_after = [3000, 4000]

    download(blobs, sha256, tmp_path / "blob")

    assert (tmp_path / "blob").read_bytes() == content
    assert len(rest.requests) == 3


def test_a_later_download_goes_on_with_what_is_in_the_file(
    blobs: Blobs, rest: BlobServer, tmp_path: Path
) -> None:
    content, sha256 = put(rest, 10_000)
    (tmp_path / "blob").write_bytes(content[:9_000])
    rest.break_after = [2000]  # more than the rest

    download(blobs, sha256, tmp_path / "blob")

    assert (tmp_path / "blob").read_bytes() == content
    assert len(rest.requests) == 1


@pytest.mark.parametrize("there", [b"x" * 500, b"x" * 20_000])
def test_what_is_not_what_its_name_says_is_refused_and_nothing_of_it_stays(
    blobs: Blobs, rest: BlobServer, tmp_path: Path, there: bytes
) -> None:
    _, sha256 = put(rest, 10_000)
    (tmp_path / "blob").write_bytes(there)

    with pytest.raises(BlobBroken, match="its content has the sha256"):
        download(blobs, sha256, tmp_path / "blob")

    assert (tmp_path / "blob").read_bytes() == b""


def test_more_than_is_allowed_is_refused_and_nothing_of_it_stays(
    blobs: Blobs, rest: BlobServer, tmp_path: Path
) -> None:
    _, sha256 = put(rest, 10_000)

    with pytest.raises(BlobBroken, match="more than the 9999 bytes"):
        download(blobs, sha256, tmp_path / "blob", 9_999)

    assert (tmp_path / "blob").read_bytes() == b""


def test_a_large_file_goes_in_pieces_and_goes_on_where_it_broke_off(
    blobs: Blobs, rest: BlobServer, tmp_path: Path
) -> None:
    content = os.urandom(3 * PIECE + 7)
    (tmp_path / "big").write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    rest.break_after = [400, 700]

    blobs.upload(sha256, tmp_path / "big", patience_seconds=0.3, wait=wait)

    assert rest.blobs == {sha256: content}
    begun = [line.rpartition("/")[2].partition("?")[0] for line in rest.requests if "PUT" in line]
    assert begun == ["0", "400", "1100", "2100"]


def test_a_large_file_that_is_there_is_not_sent(blobs: Blobs, rest: BlobServer, tmp_path: Path) -> None:
    content, sha256 = put(rest, 3 * PIECE)
    (tmp_path / "big").write_bytes(content)

    blobs.upload(sha256, tmp_path / "big", patience_seconds=0.3, wait=wait)

    assert [line.split()[0] for line in rest.requests] == ["GET"]


@pytest.mark.parametrize(
    ("status", "kind"),
    [(507, BlobRefused), (413, BlobRefused), (503, BlobUnavailable), (409, BlobUnavailable)],
)
def test_a_full_disk_is_a_refusal_and_what_passes_is_not(
    blobs: Blobs, rest: BlobServer, tmp_path: Path, status: int, kind: type[Exception]
) -> None:
    (tmp_path / "small").write_bytes(b"x")
    rest.failures = [status] * 20

    with pytest.raises(kind, match=str(status)) as raised:
        blobs.upload("0" * 64, tmp_path / "small", patience_seconds=0.1, wait=wait)

    assert type(raised.value) is kind
