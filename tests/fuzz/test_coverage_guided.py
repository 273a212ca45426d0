"""Decoders under atheris, which looks for inputs that reach new lines: none raises what it may not."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TARGETS = ("messages", "names", "packets", "requests", "output")
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="atheris has no wheel for this system and Python"
)


@pytest.mark.parametrize("runs", [20_000, pytest.param(2_000_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("target", TARGETS)
def test_no_input_that_reaches_new_lines_raises(target: str, runs: int, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    flags = [
        f"-runs={runs}",
        "-seed=1",
        "-max_total_time=600",
        "-max_len=4096",
        f"-artifact_prefix={tmp_path}/",
    ]

    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.coverage_guided", target, str(corpus), *flags],
        cwd=ROOT,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=900,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-6000:]
    assert int(re.findall(r"Done (\d+) (?:runs|in)", done.stderr)[-1]) >= min(runs, 1000)
