"""A script's checkpoint folder: stored while it runs and at its end, and taken up by the next attempt."""

import hashlib
import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from agents.pack import PackTooBig, pack, read_signature
from agents.runner.port import RunCheckpoint, RunStopped
from agents.unpack import BundleBroken, Rules, unpack
from schemas.facts import AttemptResult, Checkpoint
from schemas.specs import JobSpec, Lineage
from schemas.states import Outcome
from tests.unit.agents.runner.attempts import JOB, Bench, eventually, make_grant, store
from tests.unit.agents.runner.conftest import BlobServer

OWN = Rules(is_zipped=False, is_a_scripts_own=True)
#: Counts on from what it finds, and waits to be stopped when it is told to.
COUNT = """
import idlehands, json, os, sys, time
path = os.path.join(idlehands.checkpoint_dir(), "count")
count = int(open(path).read()) if os.path.exists(path) else 0
count += 1
with open(path + ".new", "w") as file:
    file.write(str(count))
os.replace(path + ".new", path)
print("counted", flush=True)
if sys.argv[1:] == ["fail"]:
    sys.exit(3)
if sys.argv[1:] == ["wait"]:
    time.sleep(600)
print(json.dumps({"count": count}))
"""


@pytest.fixture
def attic(tmp_path: Path, rest: BlobServer) -> Iterator[Bench]:
    """A machine that stores checkpoints often."""
    bench = Bench(tmp_path / "attic", rest.url, upload_patience_seconds=0.3, checkpoint_seconds=0.05)
    yield bench
    bench.close()


@pytest.fixture
def cellar(tmp_path: Path, rest: BlobServer) -> Iterator[Bench]:
    """Another machine, which stores checkpoints at the end only."""
    bench = Bench(tmp_path / "cellar", rest.url, upload_patience_seconds=0.3, checkpoint_seconds=600.0)
    yield bench
    bench.close()


def stored(bench: Bench) -> list[Checkpoint]:
    return [report.checkpoint for report in list(bench.reports) if isinstance(report, RunCheckpoint)]


def content_of(rest: BlobServer, checkpoint: Checkpoint) -> dict[str, bytes]:
    content = rest.blobs[checkpoint.sha256]
    assert hashlib.sha256(content).hexdigest() == checkpoint.sha256
    assert len(content) == checkpoint.bytes
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        return {one.name: tar.extractfile(one).read() for one in tar if one.isreg()}  # type: ignore[union-attr]


def run_on(bench: Bench, token: int, checkpoint: Checkpoint | None, *argv: str) -> AttemptResult:
    """Run the counting script as HQ would have it run after that checkpoint."""
    begin_on(bench, token, checkpoint, *argv)
    return bench.wait_result(token)


def begin_on(bench: Bench, token: int, checkpoint: Checkpoint | None, *argv: str) -> None:
    script = bench.scripts / "count.py"
    script.write_text(COUNT)
    grant = make_grant(JobSpec(store(bench.home, script), argv=argv), token)
    bench.runner.start(replace(grant, checkpoint=checkpoint))


def tar_of(*members: tarfile.TarInfo) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    return out.getvalue()


def link(name: str, leads_to: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, leads_to
    return member


def file(name: str, size: int = 1) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    return member


# --- storing -----------------------------------------------------------------------------


def test_a_running_scripts_checkpoint_is_stored_once_and_again_when_it_changed(
    attic: Bench, rest: BlobServer
) -> None:
    begin_on(attic, 1, None, "wait")
    (first,) = eventually(lambda: stored(attic), "a checkpoint")
    (attic.home / "checkpoints" / JOB / "more").write_text("later")
    eventually(lambda: len(stored(attic)) == 2, "the changed one")

    assert content_of(rest, first) == {"count": b"1"}
    assert content_of(rest, stored(attic)[-1]) == {"count": b"1", "more": b"later"}
    assert {one.token for one in stored(attic)} == {1}
    puts = [line for line in rest.requests if line.startswith("PUT")]
    assert len(puts) == 2
    attic.runner.stop(JOB, 1, at_once=True, unwanted=True)
    attic.wait_stopped(1)


def test_a_stopped_attempt_stores_its_checkpoint_before_it_is_handed_back(
    cellar: Bench, rest: BlobServer
) -> None:
    begin_on(cellar, 1, None, "wait")
    cellar.wait_line(1, "counted")

    cellar.runner.stop(JOB, 1)
    cellar.wait_stopped(1)

    kinds = [type(report) for report in cellar.reports]
    assert kinds.index(RunCheckpoint) < kinds.index(RunStopped)
    assert content_of(rest, stored(cellar)[-1]) == {"count": b"1"}


def test_what_hq_does_not_want_any_more_is_not_stored(cellar: Bench) -> None:
    begin_on(cellar, 1, None, "wait")
    cellar.wait_line(1, "counted")

    cellar.runner.stop(JOB, 1, unwanted=True)
    cellar.wait_stopped(1)

    assert stored(cellar) == []


def test_a_failed_attempt_stores_its_checkpoint_and_one_that_succeeded_does_not(cellar: Bench) -> None:
    assert run_on(cellar, 1, None, "fail").outcome is Outcome.FAILED
    (failed,) = stored(cellar)

    assert run_on(cellar, 2, failed).result == {"count": 2}

    assert stored(cellar) == [failed]
    assert not list((cellar.home / "checkpoints").iterdir())


def test_a_checkpoint_that_cannot_be_stored_is_noted_and_stays_on_the_machine(
    cellar: Bench, rest: BlobServer
) -> None:
    rest.failures = [403] * 3

    result = run_on(cellar, 1, None, "fail")

    assert any("stays on this machine only: REST answered 403" in note for note in result.notes)
    assert run_on(cellar, 2, None).result == {"count": 2}


# --- taking up ---------------------------------------------------------------------------


def test_another_machine_goes_on_from_the_checkpoint_that_the_grant_names(
    attic: Bench, cellar: Bench
) -> None:
    begin_on(attic, 1, None, "wait")
    (first,) = eventually(lambda: stored(attic), "a checkpoint")

    assert run_on(cellar, 2, first).result == {"count": 2}
    attic.runner.stop(JOB, 1, at_once=True, unwanted=True)
    attic.wait_stopped(1)


def test_a_trial_of_a_population_that_finds_all_done_leaves_what_it_found(
    attic: Bench, cellar: Bench
) -> None:
    run_on(attic, 1, None, "fail")
    found = stored(attic)[-1]
    script = cellar.scripts / "done.py"
    script.write_text("print('{}')")
    spec = JobSpec(store(cellar.home, script), lineage=Lineage(0, 1, 0, found))

    cellar.runner.start(replace(make_grant(spec, 7), checkpoint=found))
    cellar.wait_result(7)

    assert stored(cellar) == [Checkpoint(7, found.sha256, found.bytes)]


def test_the_machine_of_the_last_attempt_goes_on_from_its_own_folder(attic: Bench, cellar: Bench) -> None:
    run_on(cellar, 1, None, "fail")
    (old,) = stored(cellar)
    (cellar.home / "checkpoints" / JOB / "count").write_text("10")  # killed before it could tell

    assert run_on(cellar, 2, old, "fail") is not None
    assert (cellar.home / "checkpoints" / JOB / "count").read_text() == "11"


def test_what_a_later_attempt_elsewhere_stored_replaces_what_is_here(attic: Bench, cellar: Bench) -> None:
    run_on(cellar, 1, None, "fail")
    run_on(attic, 2, stored(cellar)[-1], "fail")
    run_on(attic, 3, stored(attic)[-1], "fail")

    assert run_on(cellar, 4, stored(attic)[-1]).result == {"count": 4}


@pytest.mark.parametrize("content", [None, b"no archive at all", tar_of(link("out", "/etc"))])
def test_a_checkpoint_that_is_gone_or_broken_is_noted_and_the_script_begins_anew(
    cellar: Bench, rest: BlobServer, content: bytes | None
) -> None:
    sha256 = hashlib.sha256(content or b"gone").hexdigest()
    if content is not None:
        rest.blobs[sha256] = content

    result = run_on(cellar, 2, Checkpoint(1, sha256, 10))

    assert result.result == {"count": 1}
    assert any(sha256 in note and "could not be used" in note for note in result.notes)
    assert not list((cellar.home / "checkpoints").iterdir())


def test_without_rest_the_job_is_handed_back(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "", upload_patience_seconds=0.1)
    begin_on(bench, 2, Checkpoint(1, "0" * 64, 10))
    # As when the agent ends: nobody waits for REST any more.
    bench.runner.close()

    bench.wait_stopped(2)
    bench.close()


# --- archives ----------------------------------------------------------------------------


def test_links_within_the_folder_come_back_and_others_are_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "epochs").mkdir(parents=True)
    (folder / "epochs" / "7: last.pt").write_bytes(b"weights")
    (folder / "latest").symlink_to("epochs/7: last.pt")
    (folder / "passwords").symlink_to("/etc/passwd")
    (folder / "up").symlink_to("../../secret")
    os.mkfifo(folder / "pipe")
    os.utime(folder / "epochs" / "7: last.pt", (1000.5, 1000.5))

    pack(folder, tmp_path / "a.tar", bytes_at_most=100, entries_at_most=100)
    copy = tmp_path / "copy"
    copy.mkdir()
    unpack(tmp_path / "a.tar", copy, OWN)

    assert sorted(path.name for path in copy.rglob("*")) == ["7: last.pt", "epochs", "latest"]
    assert (copy / "latest").read_bytes() == b"weights"
    assert (copy / "latest").stat().st_mtime == 1000.5


def test_the_same_files_give_the_same_archive(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "b").write_text("b")
        (tmp_path / name / "a").write_text("a")
    packed = [
        pack(
            tmp_path / name, tmp_path / f"{name}.tar", bytes_at_most=100, entries_at_most=10, keep_times=False
        )
        for name in ("one", "two")
    ]

    assert packed[0] == packed[1]
    assert packed[0].files == 2


def test_a_folder_that_became_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key.pem").write_text("key")
    (tmp_path / "folder").symlink_to(tmp_path / "secret")

    assert read_signature(tmp_path / "folder", 10) == ()


@pytest.mark.parametrize(
    ("bytes_at_most", "entries_at_most", "words"), [(9, 10, "9 bytes"), (100, 1, "1 files")]
)
def test_a_folder_over_the_limits_is_not_packed_and_leaves_nothing(
    tmp_path: Path, bytes_at_most: int, entries_at_most: int, words: str
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / name).write_bytes(b"12345")

    with pytest.raises(PackTooBig, match=words):
        pack(folder, tmp_path / "a.tar", bytes_at_most=bytes_at_most, entries_at_most=entries_at_most)

    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize(
    "members",
    [
        [link("a", "/etc/passwd")],
        [link("a", "../b")],
        [link("d/a", "../../b")],
        [link("a", "b/../../c")],
        [link("a", "b"), file("a/c")],
        [file("../a")],
        [file("/a")],
        [link("d", "."), link("d/e", "x")],
    ],
)
def test_an_archive_that_leads_out_of_its_folder_is_refused(
    tmp_path: Path, members: list[tarfile.TarInfo]
) -> None:
    archive = tmp_path / "a.tar"
    archive.write_bytes(tar_of(*members))
    (tmp_path / "in").mkdir()

    with pytest.raises(BundleBroken):
        unpack(archive, tmp_path / "in", OWN)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar", "in"]


def test_links_are_for_a_scripts_own_folder_only(tmp_path: Path) -> None:
    archive = tmp_path / "a.tar"
    archive.write_bytes(tar_of(link("a", "b")))

    with pytest.raises(BundleBroken, match="link or a device"):
        unpack(archive, tmp_path, Rules(is_zipped=False))


def test_an_archive_with_more_than_is_allowed_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "a.tar"
    archive.write_bytes(tar_of(file("a", 100_000)))

    with pytest.raises(BundleBroken, match="more than the 50000 bytes"):
        unpack(archive, tmp_path, Rules(bytes=50_000, is_zipped=False))
