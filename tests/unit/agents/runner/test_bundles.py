import gzip
import hashlib
import io
import os
import tarfile
import threading
from pathlib import Path

import pytest

from agents.blobs import BlobBroken, BlobRefused, Blobs, BlobUnavailable
from agents.bundles import BundleMissing, BundleStore, BundleUnreachable
from agents.runner.port import RunStopped
from agents.unpack import ENTRIES_AT_MOST, BundleBroken, unpack
from idlehands.bundle import build_bundle
from schemas.specs import JobSpec, ScriptRef
from schemas.states import Outcome
from tests.unit.agents.runner.attempts import Bench
from tests.unit.agents.runner.conftest import BlobServer


def never(_: float) -> bool:
    return False


def make_store(folder: Path, rest: BlobServer, bearer: str = "secret") -> BundleStore:
    blobs = Blobs(lambda: rest.url, lambda: bearer)
    return BundleStore(folder / "bundles", blobs, patience_seconds=0.5)


def publish(rest: BlobServer, content: bytes) -> str:
    sha256 = hashlib.sha256(content).hexdigest()
    rest.blobs[sha256] = content
    return sha256


def publish_script(rest: BlobServer, folder: Path, source: str = "print('{}')") -> ScriptRef:
    folder.mkdir(exist_ok=True)
    (folder / "s.py").write_text(source)
    bundle = build_bundle(folder / "s.py")
    publish(rest, bundle.content)
    return ScriptRef(bundle.sha256, bundle.entry)


def make_tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for member, content in members:
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def unpack_bytes(content: bytes, folder: Path) -> Path:
    archive, target = folder / "archive", folder / "target"
    archive.write_bytes(content)
    target.mkdir()
    unpack(archive, target)
    return target


def test_a_bundle_is_fetched_once_and_then_comes_from_this_machine(tmp_path: Path, rest: BlobServer) -> None:
    reference = publish_script(rest, tmp_path / "scripts")
    store = make_store(tmp_path, rest)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        store.copy(reference.bundle, tmp_path / name, never)
        assert (tmp_path / name / "s.py").read_text() == "print('{}')"
    assert rest.requests == [f"GET /api/v1/blobs/{reference.bundle}"]


def test_attempts_that_ask_at_the_same_time_cause_one_download(tmp_path: Path, rest: BlobServer) -> None:
    reference = publish_script(rest, tmp_path / "scripts")
    store = make_store(tmp_path, rest)
    start = threading.Barrier(8)

    def copy(number: int) -> None:
        (tmp_path / str(number)).mkdir()
        start.wait()
        store.copy(reference.bundle, tmp_path / str(number), never)

    threads = [threading.Thread(target=copy, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((tmp_path / str(number) / "s.py").exists() for number in range(8))
    assert len(rest.requests) == 1


def test_an_attempt_that_writes_into_its_files_does_not_change_the_next_ones(
    tmp_path: Path, rest: BlobServer
) -> None:
    bench = Bench(tmp_path, rest.url)
    source = (
        "open(__file__, 'a').write('#'); import json; print(json.dumps({'size': len(open(__file__).read())}))"
    )
    reference = publish_script(rest, tmp_path / "own", source)
    sizes = [bench.wait_result(bench.start_spec(JobSpec(reference))).result for _ in range(2)]
    assert sizes[0] == sizes[1]
    bench.close()


def test_a_bundle_that_rest_does_not_have_is_missing_at_once(tmp_path: Path, rest: BlobServer) -> None:
    with pytest.raises(BundleMissing, match="404") as raised:
        make_store(tmp_path, rest).copy("a" * 64, tmp_path, never)
    assert not isinstance(raised.value, BundleUnreachable)
    assert len(rest.requests) == 1


def test_a_wrong_token_is_said(tmp_path: Path, rest: BlobServer) -> None:
    with pytest.raises(BundleMissing, match="401"):
        make_store(tmp_path, rest, bearer="wrong").copy("a" * 64, tmp_path, never)


def test_a_passing_trouble_is_waited_out(tmp_path: Path, rest: BlobServer) -> None:
    reference = publish_script(rest, tmp_path / "scripts")
    rest.failures = [503, 429]
    (tmp_path / "a").mkdir()
    make_store(tmp_path, rest).copy(reference.bundle, tmp_path / "a", never)
    assert len(rest.requests) == 3


def test_a_lasting_trouble_is_a_missing_bundle_and_the_next_attempt_asks_again(
    tmp_path: Path, rest: BlobServer
) -> None:
    reference = publish_script(rest, tmp_path / "scripts")
    rest.failures = [503] * 100
    store = make_store(tmp_path, rest)
    (tmp_path / "a").mkdir()
    with pytest.raises(BundleUnreachable, match="503"):
        store.copy(reference.bundle, tmp_path / "a", never)
    assert 2 <= len(rest.requests) < 10
    rest.failures = []
    store.copy(reference.bundle, tmp_path / "a", never)
    assert os.listdir(tmp_path / "bundles") == [reference.bundle]


def test_content_that_is_not_what_its_name_says_is_broken(tmp_path: Path, rest: BlobServer) -> None:
    rest.blobs["a" * 64] = b"something else"
    with pytest.raises(BundleBroken, match="sha256"):
        make_store(tmp_path, rest).copy("a" * 64, tmp_path, never)
    assert os.listdir(tmp_path / "bundles") == []


def test_a_broken_off_download_is_repeated(tmp_path: Path, rest: BlobServer) -> None:
    reference = publish_script(rest, tmp_path / "scripts")
    rest.truncate = True
    with pytest.raises(BundleMissing):
        make_store(tmp_path, rest).copy(reference.bundle, tmp_path, never)
    assert len(rest.requests) > 1


def test_no_rest_at_all_is_said_in_words(tmp_path: Path) -> None:
    wanted = tmp_path / "x"
    for url, words in (("", "has not said"), ("http://127.0.0.1:9", "refused"), ("ftp://x", "no URL")):
        blobs = Blobs(lambda url=url: url, lambda: "")  # type: ignore[misc]
        with pytest.raises(BlobUnavailable, match=words):
            blobs.download("a" * 64, wanted, max_bytes=10, patience_seconds=0, wait=never)


def test_an_address_that_must_not_be_used_is_not_asked(tmp_path: Path, rest: BlobServer) -> None:
    def refuse() -> str:
        raise ValueError("HQ names plain HTTP")

    with pytest.raises(BlobRefused, match="plain HTTP"):
        Blobs(refuse, lambda: "secret").download(
            "a" * 64, tmp_path / "x", max_bytes=10, patience_seconds=9, wait=never
        )
    assert rest.requests == []


def test_a_blob_over_the_limit_is_refused_while_it_comes(tmp_path: Path, rest: BlobServer) -> None:
    sha256 = publish(rest, b"x" * 1000)
    blobs = Blobs(lambda: rest.url, lambda: "secret")
    with pytest.raises(BlobBroken, match="999"):
        blobs.download(sha256, tmp_path / "x", max_bytes=999, patience_seconds=0, wait=never)
    blobs.download(sha256, tmp_path / "x", max_bytes=1000, patience_seconds=0, wait=never)


def test_a_redirect_is_not_followed_with_the_token(tmp_path: Path, rest: BlobServer) -> None:
    rest.failures = [302]
    blobs = Blobs(lambda: rest.url, lambda: "secret")
    with pytest.raises(BlobRefused):
        blobs.download("a" * 64, tmp_path / "x", max_bytes=10, patience_seconds=1, wait=never)


def test_the_proxy_of_the_environment_is_not_asked(
    tmp_path: Path, rest: BlobServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    blobs = Blobs(lambda: rest.url, lambda: "secret")
    blobs.download(publish(rest, b"x"), tmp_path / "x", max_bytes=10, patience_seconds=0, wait=never)


@pytest.mark.parametrize(
    "name",
    ["../out.py", "/etc/out.py", "a/../../out.py", "..", "C:/out.py", "a\\..\\out.py", ".idlehands/stop"],
)
def test_a_path_that_leaves_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BundleBroken):
        unpack_bytes(make_tar((member(name), b"x")), tmp_path)
    assert not (tmp_path / "out.py").exists()


@pytest.mark.parametrize(
    ("kind", "link"),
    [
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.SYMTYPE, "a.py"),
        (tarfile.LNKTYPE, "a.py"),
        (tarfile.CHRTYPE, ""),
        (tarfile.FIFOTYPE, ""),
    ],
)
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes, link: str) -> None:
    with pytest.raises(BundleBroken, match="link or a device"):
        unpack_bytes(make_tar((member("a.py"), b"x"), (member("b", kind, link), b"")), tmp_path)


def test_one_name_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleBroken, match="twice"):
        unpack_bytes(make_tar((member("a"), b"x"), (member("a"), b"y")), tmp_path)


def test_a_file_that_is_also_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleBroken, match="both"):
        unpack_bytes(make_tar((member("a"), b"x"), (member("a/b"), b"y")), tmp_path)


def test_a_bomb_is_refused_before_it_fills_the_disk(tmp_path: Path) -> None:
    bomb = make_tar((member("zeros"), b"\0" * 60_000_000))
    assert len(bomb) < 100_000
    with pytest.raises(BundleBroken, match="unpacks to more"):
        unpack_bytes(bomb, tmp_path)
    assert sum(path.stat().st_size for path in (tmp_path / "target").iterdir()) < 30_000_000


def test_a_header_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    big = member("x" * 10, tarfile.GNUTYPE_LONGNAME)
    big.size = 50_000_000
    content = gzip.compress(big.tobuf() + b"\0" * 1024)
    with pytest.raises(BundleBroken, match="header"):
        unpack_bytes(content, tmp_path)


def test_too_many_entries_are_refused(tmp_path: Path) -> None:
    content = make_tar(
        *((member(f"d/{number}", tarfile.DIRTYPE), b"") for number in range(ENTRIES_AT_MOST + 1))
    )
    with pytest.raises(BundleBroken, match="entries"):
        unpack_bytes(content, tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"not gzip", gzip.compress(b"not tar" * 200), make_tar((member("a"), os.urandom(9999)))[:-3000]],
    ids=["empty", "not gzip", "not tar", "cut off"],
)
def test_what_is_no_whole_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(BundleBroken):
        unpack_bytes(content, tmp_path)


def test_modes_and_owners_of_the_archive_are_ignored(tmp_path: Path) -> None:
    info = member("a.py")
    info.mode, info.uid = 0o4777, 12345
    target = unpack_bytes(make_tar((info, b"x")), tmp_path)
    status = (target / "a.py").stat()
    assert (status.st_mode & 0o7777, status.st_uid) == (0o600, os.getuid())


def test_a_broken_bundle_is_a_named_failure_of_the_attempt(tmp_path: Path, rest: BlobServer) -> None:
    bench = Bench(tmp_path, rest.url)
    for content, kind in ((make_tar((member("../x"), b"")), "bundle_broken"), (None, "bundle_missing")):
        sha256 = publish(rest, content) if content else "b" * 64
        result = bench.wait_result(bench.start_spec(JobSpec(ScriptRef(sha256, "s.py"))))
        assert result.outcome is Outcome.FAILED
        assert result.failure is not None
        assert result.failure.kind == kind
        assert sha256 in result.failure.message
    bench.close()


def test_an_attempt_whose_bundle_cannot_be_had_now_is_handed_back_and_does_not_fail(tmp_path: Path) -> None:
    bench = Bench(tmp_path, "http://127.0.0.1:9")

    token = bench.start_spec(JobSpec(ScriptRef("b" * 64, "s.py")))

    bench.wait_stopped(token)
    (stopped,) = bench.find(RunStopped, token)
    assert "refused" in stopped.why
    bench.close()


def test_bundles_used_long_ago_are_dropped_when_there_are_many(
    tmp_path: Path, rest: BlobServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.bundles._KEPT_AT_MOST", 3)
    store = make_store(tmp_path, rest)
    references = [publish_script(rest, tmp_path / "scripts", f"print({n})") for n in range(6)]
    for number, reference in enumerate(references):
        (tmp_path / str(number)).mkdir()
        store.copy(reference.bundle, tmp_path / str(number), never)
        os.utime(tmp_path / "bundles" / reference.bundle, (number, number))
    assert set(os.listdir(tmp_path / "bundles")) == {ref.bundle for ref in references[3:]}
