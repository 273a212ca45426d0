"""Parameters that name a dataset reach the script as paths, in every isolation."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.runner.isolation import Isolations, find_isolations
from schemas.facts import ModelUse
from schemas.specs import Needs
from schemas.states import Outcome
from tests.unit.agents.runner.attempts import Bench
from tests.unit.agents.runner.conftest import BlobServer

READ = """
import json, os, sys
path = sys.argv[sys.argv.index("--data") + 1]
content = open(path).read()
try:
    os.unlink(path)
    gone = True
except OSError:
    gone = False
print(json.dumps({"content": content, "path": path, "argv": sys.argv[1:], "gone": gone}))
"""
CONTENT = b"a,b\n1,2\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def bench(tmp_path: Path, rest: BlobServer) -> Iterator[Bench]:
    yield from make(tmp_path, rest, Isolations())


@pytest.fixture
def strict(tmp_path: Path, rest: BlobServer) -> Iterator[Bench]:
    found = find_isolations("none")
    if "strict" not in found.levels:
        pytest.skip(found.why_not_strict)
    yield from make(tmp_path, rest, found)


def make(tmp_path: Path, rest: BlobServer, isolations: Isolations) -> Iterator[Bench]:
    rest.blobs[SHA256] = CONTENT
    version = {"sha256": SHA256, "kind": "file", "filename": "wine.csv", "bytes": len(CONTENT)}
    rest.documents["datasets/wine"] = json.dumps({"name": "wine", "versions": [version]}).encode()
    found = Bench(tmp_path, rest.url, upload_patience_seconds=0.3, isolations=isolations)
    yield found
    found.close()


@pytest.mark.parametrize("named", ["data://wine", f"data://wine@{SHA256[:10]}"])
def test_a_parameter_becomes_a_path_and_the_result_says_which_version(bench: Bench, named: str) -> None:
    result = bench.run(READ, params={"data": named, "other": "data:no"})

    assert result.outcome is Outcome.SUCCEEDED, result.failure
    assert result.result is not None
    assert result.result["content"] == CONTENT.decode()
    assert result.result["path"].endswith("/wine.csv")
    assert result.result["argv"][2:] == ["--other", "data:no"]
    assert result.datasets == {"wine": SHA256}
    # The link is the script's, the file is not.
    assert bench.run(READ, params={"data": named}).result is not None


def test_in_strict_it_is_there_and_cannot_be_changed(strict: Bench) -> None:
    needs = Needs(isolation="strict")

    result = strict.run(READ, params={"data": "data://wine"}, needs=needs)

    assert result.outcome is Outcome.SUCCEEDED, result.failure
    assert result.result is not None
    assert (result.result["content"], result.result["gone"]) == (CONTENT.decode(), False)
    assert result.datasets == {"wine": SHA256}


def test_words_and_lists_name_datasets_too(bench: Bench) -> None:
    result = bench.run(
        "import json, sys\nfound = [open(word).read() for word in sys.argv[1:] if word[0] == '/']\n"
        "print(json.dumps({'all': found}))\n",
        argv=("data://wine", "x"),
        params={"more": ["data://wine", "data://wine"]},
    )

    assert result.result == {"all": [CONTENT.decode()] * 3}


def test_a_blob_becomes_a_path_called_by_its_hash(bench: Bench) -> None:
    name = f"blob://{SHA256}/{len(CONTENT)}"
    source = "import json, sys\nfound = json.load(sys.stdin)['files']\n" + (
        "print(json.dumps({'all': [[path.rsplit('/', 1)[1], open(path).read()] for path in found]}))\n"
    )

    result = bench.run(source, params={"files": [name, name]}, arguments="stdin")

    assert result.result == {"all": [[SHA256, CONTENT.decode()]] * 2}
    assert result.datasets == {}


def test_in_strict_a_blob_is_there_too(strict: Bench) -> None:
    result = strict.run(
        READ, params={"data": f"blob://{SHA256}/{len(CONTENT)}"}, needs=Needs(isolation="strict")
    )

    assert result.result is not None, result.failure
    assert result.result["content"] == CONTENT.decode()
    assert not result.result["gone"]


@pytest.mark.parametrize("named", ["blob://1234/5", f"blob://{'0' * 64}/10", f"blob://{SHA256}", "blob://"])
def test_what_is_no_blob_is_a_named_failure(bench: Bench, named: str) -> None:
    result = bench.run(READ, params={"data": named})

    assert result.failure is not None
    assert result.failure.kind == "dataset_missing"


@pytest.mark.parametrize(
    ("named", "kind"),
    [
        ("data://beer", "dataset_missing"),
        ("data://Wine!", "dataset_missing"),
        # It is one file.
        ("data://wine/red.csv", "dataset_missing"),
    ],
)
def test_a_dataset_that_there_is_not_is_a_named_failure(bench: Bench, named: str, kind: str) -> None:
    result = bench.run(READ, params={"data": named})

    assert result.failure is not None
    assert result.failure.kind == kind


def test_a_wrong_hash_is_a_named_failure_and_nothing_is_left(bench: Bench, rest: BlobServer) -> None:
    rest.blobs[SHA256] = b"a,b\n6,6\n"

    result = bench.run(READ, params={"data": "data://wine"})

    assert result.failure is not None
    assert result.failure.kind == "dataset_broken"
    assert list((bench.home / "datasets").iterdir()) == []


def register_model(rest: BlobServer, *files: str, version: int = 3) -> None:
    """Let REST know a model whose files all have the same content."""
    described = [{"name": name, "sha256": SHA256, "bytes": len(CONTENT)} for name in files]
    document = {
        "model": "wine",
        "version": version,
        "stage": "production",
        "sha256": SHA256,
        "files": described,
    }
    for word in ("default", "production", str(version)):
        rest.documents[f"models/wine/versions/{word}"] = json.dumps(document).encode()


@pytest.mark.parametrize("named", ["model://wine", "model://wine@production", "model://wine@3/model.pt"])
def test_a_model_becomes_the_path_of_its_file_and_the_result_says_which(
    bench: Bench, rest: BlobServer, named: str
) -> None:
    register_model(rest, "model.pt")

    result = bench.run(READ, params={"data": named})

    assert result.outcome is Outcome.SUCCEEDED, result.failure
    assert result.result is not None
    assert result.result["content"] == CONTENT.decode()
    assert result.result["path"].endswith("/wine-v3/model.pt")
    assert result.models == (ModelUse("wine", 3, SHA256),)


def test_a_model_of_several_files_becomes_a_folder_also_in_strict(strict: Bench, rest: BlobServer) -> None:
    register_model(rest, "model.pt", "out/labels.txt")
    script = (
        "import json, os, sys\npath = sys.argv[2]\n"
        "found = sorted(os.path.relpath(os.path.join(a, f), path) for a, _, c in os.walk(path) for f in c)\n"
        "print(json.dumps({'found': found, 'text': open(os.path.join(path, found[1])).read()}))"
    )

    for needs in (Needs(isolation="strict"), Needs()):
        # A dataset brought the same content here before, under another name.
        result = strict.run(script, params={"model": "model://wine", "data": "data://wine"}, needs=needs)

        assert result.outcome is Outcome.SUCCEEDED, result.failure
        assert result.result == {"found": ["model.pt", "out/labels.txt"], "text": CONTENT.decode()}


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("model://beer", "no model beer"),
        ("model://wine@staging", "no model wine@staging"),
        ("model://wine/other.pt", "has no file 'other.pt'"),
        ("model://Wine", "is no model"),
        ("model://wine@3/../x", "is no model"),
    ],
)
def test_a_model_that_there_is_not_is_a_named_failure(
    bench: Bench, rest: BlobServer, named: str, said: str
) -> None:
    register_model(rest, "model.pt")

    result = bench.run(READ, params={"data": named})

    assert result.failure is not None
    assert result.failure.kind == "model_missing"
    assert said in result.failure.message


def test_a_model_whose_file_would_lie_outside_is_refused(bench: Bench, rest: BlobServer) -> None:
    register_model(rest, "../../x")

    result = bench.run(READ, params={"data": "model://wine"})

    assert result.failure is not None
    assert result.failure.kind == "model_missing"
