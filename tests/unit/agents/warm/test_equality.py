"""The same scripts by `python script.py` and forked from a warm interpreter: nobody can tell them apart."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.runner.isolation import find_isolations
from tests.unit.agents.warm.runs import Outcome, Runs
from tests.unit.agents.warm.scripts import HEAVIER, HEAVY, PLAIN, Script

pytestmark = pytest.mark.skipif(not shutil.which("bwrap"), reason="needs bubblewrap, for strict")
#: What differs between two runs of one interpreter too.
_VARYING = re.compile(rb"0x[0-9a-f]+|Thread-\d+|ForkPoolWorker-\d+|elapsed: [0-9.]+|forkserver-\d+")


@pytest.fixture(scope="module")
def basic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    runs = Runs(tmp_path_factory.mktemp("basic"), find_isolations())
    yield runs
    runs.close()


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    runs = Runs(tmp_path_factory.mktemp("strict"), find_isolations(), is_strict=True)
    yield runs
    runs.close()


def _tell(outcome: Outcome, folder: Path) -> tuple[list[bytes], list[bytes], int]:
    return (
        _VARYING.sub(b"*", outcome.stdout).splitlines(keepends=True),
        _VARYING.sub(b"*", outcome.stderr).splitlines(keepends=True),
        outcome.code,
    )


def _compare(runs: Runs, script: Script) -> None:
    folder = runs.make(script)
    started = runs.start(script, folder)
    forked = runs.fork(script, folder)
    assert forked is not None
    assert _tell(forked, folder) == _tell(started, folder)


@pytest.mark.parametrize("name", PLAIN)
def test_a_forked_script_says_and_does_what_a_started_one_does(basic: Runs, name: str) -> None:
    _compare(basic, PLAIN[name])


@pytest.mark.parametrize("name", HEAVY)
def test_a_forked_script_with_its_libraries_says_and_does_what_a_started_one_does(
    basic: Runs, name: str
) -> None:
    _compare(basic, HEAVY[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", HEAVIER)
def test_training_in_a_fork_gives_the_result_of_a_fresh_interpreter(basic: Runs, name: str) -> None:
    _compare(basic, HEAVIER[name])


@pytest.mark.slow
# A script in strict has limits of its own, which this test's other interpreter has not.
@pytest.mark.parametrize("name", [name for name in PLAIN if name != "limits"])
def test_a_script_forked_in_strict_says_and_does_what_a_started_one_does(strict: Runs, name: str) -> None:
    _compare(strict, PLAIN[name])
