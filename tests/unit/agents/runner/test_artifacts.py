"""Files that a script leaves behind: saved ones, and those that the spec's globs match."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.runner.artifacts import compile_glob
from schemas.facts import AttemptResult
from schemas.specs import Limits
from schemas.states import Outcome
from tests.unit.agents.runner.attempts import Bench
from tests.unit.agents.runner.conftest import BlobServer


@pytest.fixture
def bench(tmp_path: Path, rest: BlobServer) -> Iterator[Bench]:
    found = Bench(tmp_path, rest.url, upload_patience_seconds=0.3)
    yield found
    found.close()


def contents(result: AttemptResult, rest: BlobServer) -> dict[str, bytes]:
    for artifact in result.artifacts:
        content = rest.blobs[artifact.sha256]
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (artifact.sha256, artifact.bytes)
    return {artifact.name: rest.blobs[artifact.sha256] for artifact in result.artifacts}


WRITE = """
import idlehands, os, sys
os.makedirs("out/deep")
for name in ("out/a.png", "out/b.txt", "out/deep/c.png", "d.png"):
    open(name, "w").write(name)
open("model", "w").write("weights")
idlehands.save("model.pt", "model")
"""


@pytest.mark.parametrize(
    ("globs", "names"),
    [
        ((), set()),
        (("out/*.png",), {"out/a.png"}),
        (("*.png", "out/*.txt"), {"d.png", "out/b.txt"}),
        (("**/*.png",), {"d.png", "out/a.png", "out/deep/c.png"}),
        (("out/**",), {"out/a.png", "out/b.txt", "out/deep/c.png"}),
        ((".idlehands/**", "nothing"), set()),
    ],
)
def test_saved_files_and_what_the_globs_match_are_artifacts(
    bench: Bench, rest: BlobServer, globs: tuple[str, ...], names: set[str]
) -> None:
    result = bench.run(WRITE, artifacts=globs)

    assert contents(result, rest) == {"model.pt": b"weights"} | {name: name.encode() for name in names}
    assert [note.split(":")[0] for note in result.notes] == [f"saved {one.name}" for one in result.artifacts]


def test_a_file_that_was_saved_and_matches_is_told_once_and_another_of_its_name_is_left_out(
    bench: Bench, rest: BlobServer
) -> None:
    result = bench.run(
        "import idlehands\n"
        "for name in ('same', 'other'):\n"
        "    open(name, 'w').write(name)\n"
        "    idlehands.save(name, name)\n"
        "open('other', 'w').write('later')\n",
        artifacts=("same", "other"),
    )

    assert contents(result, rest) == {"same": b"same", "other": b"other"}
    assert sorted(note.split(":")[0] for note in result.notes) == [
        "saved 'other (by its glob)'",
        "saved other",
        "saved same",
    ]


def test_a_failed_attempt_leaves_its_artifacts_too(bench: Bench, rest: BlobServer) -> None:
    result = bench.run(WRITE + "sys.exit(3)\n", artifacts=("d.png",))

    assert result.outcome is Outcome.FAILED
    assert set(contents(result, rest)) == {"model.pt", "d.png"}


def test_links_and_pipes_are_no_artifacts(bench: Bench, rest: BlobServer) -> None:
    result = bench.run(
        "import os\nos.makedirs('out')\nos.symlink('/etc/passwd', 'out/passwd')\nos.mkfifo('out/pipe')\n"
        "os.symlink('/etc', 'etc')\nopen('out/plain', 'w').write('plain')\n",
        artifacts=("out/*", "etc/*"),
    )

    assert contents(result, rest) == {"out/plain": b"plain"}


def test_what_is_over_the_quota_is_left_out_and_noted(bench: Bench, rest: BlobServer) -> None:
    result = bench.run(
        "for name, kib in (('a', 600), ('b', 600), ('c', 300)): open(name, 'wb').write(bytes(kib * 1024))\n",
        artifacts=("?",),
        limits=Limits(artifacts_mb=1),
    )

    assert result.outcome is Outcome.SUCCEEDED
    assert [one.name for one in result.artifacts] == ["a", "c"]
    assert any(note.startswith("saved b: left out") and "1 MiB allowed" in note for note in result.notes)


def test_more_files_than_are_kept_are_noted(bench: Bench, rest: BlobServer) -> None:
    result = bench.run("for i in range(250): open(f'{i:03}', 'w').write('x')\n", artifacts=("*",))

    assert len(result.artifacts) == 200
    assert any("1 more were left out: at most 200 files" in note for note in result.notes)


def test_an_odd_name_is_left_out_and_noted(bench: Bench, rest: BlobServer) -> None:
    result = bench.run("open('a:b', 'w').write('x')\nopen('c\\n', 'w').write('x')\n", artifacts=("*:*", "c*"))

    assert result.artifacts == ()
    assert sum("not every system takes" in note for note in result.notes) == 2


def test_what_cannot_be_sent_is_kept_on_the_machine(bench: Bench) -> None:
    bench.rest_url = ""

    result = bench.run(WRITE, artifacts=("out/deep/*",))

    assert result.artifacts == ()
    assert sorted(path.name.partition(".1.")[2] for path in (bench.home / "kept").iterdir()) == [
        "model.pt",
        "out_deep_c.png",
    ]


@pytest.mark.parametrize(
    ("glob", "path", "matches"),
    [
        ("out/**/x", "out/x", True),
        ("out/**/x", "out/a/b/x", True),
        ("a[0-9]?.x", "a1z.x", True),
        ("a[!0-9].x", "a1.x", False),
        ("a.b", "axb", False),
        ("*", "a/b", False),
        ("**", "a/b", True),
        ("[a/b]", "a", False),
        ("(a+)*", "aaaa", False),
    ],
)
def test_globs_match_within_names_and_two_stars_across_folders(glob: str, path: str, matches: bool) -> None:
    assert bool(compile_glob(glob).fullmatch(path)) is matches
