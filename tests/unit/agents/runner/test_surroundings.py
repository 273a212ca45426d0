"""What attempts run in is described once, and anew when a package was installed."""

import json
import sys
import venv
from importlib import metadata
from pathlib import Path

import pytest

from agents.blobs import Blobs
from agents.runner.surroundings import Surroundings, read_packages
from tests.unit.agents.runner.attempts import Bench
from tests.unit.agents.runner.conftest import BlobServer


def test_results_name_interpreter_packages_and_machine_and_they_are_sent_once(
    tmp_path: Path, rest: BlobServer
) -> None:
    bench = Bench(tmp_path, rest.url, upload_patience_seconds=0.3, tells_environment=True)

    results = [bench.run(f"print({number})\n") for number in range(2)]
    bench.close()

    (sha256,) = {result.environment for result in results}
    assert sha256 is not None
    said = json.loads(rest.blobs[sha256])
    assert said["python"] == ".".join(map(str, sys.version_info[:3]))
    assert said["packages"]["msgspec"] == metadata.version("msgspec")
    assert said["machine"]["cores"] > 0
    assert sum(line.startswith("PUT") for line in rest.requests) == 1


def test_an_installed_package_is_another_environment(tmp_path: Path, rest: BlobServer) -> None:
    venv.create(tmp_path / "env", symlinks=True)
    (packages,) = (tmp_path / "env").glob("lib/python*/site-packages")
    python = str(tmp_path / "env" / "bin" / "python")
    surroundings = Surroundings(python, Blobs(lambda: rest.url, lambda: "secret"), tmp_path / "told")

    before = surroundings.name()
    same = surroundings.name()
    (packages / "some_package-1.2.dist-info").mkdir()
    after = surroundings.name()

    assert before == same != after
    assert after is not None
    assert json.loads(rest.blobs[after])["packages"]["some-package"] == "1.2"


@pytest.mark.parametrize("url", ["", "http://127.0.0.1:9"])
def test_without_rest_it_is_not_waited_for(tmp_path: Path, url: str) -> None:
    surroundings = Surroundings(sys.executable, Blobs(lambda: url, lambda: "secret"), tmp_path / "told")

    assert surroundings.name() is None
    assert not (tmp_path / "told").exists()


def test_packages_are_read_from_names_of_folders(tmp_path: Path) -> None:
    for name in ("Foo_Bar-1.0.dist-info", "old-2.1-py3.11.egg-info", "numpy", "x.py"):
        (tmp_path / name).mkdir()

    assert read_packages([str(tmp_path)]) == {"foo-bar": "1.0", "old": "2.1"}
