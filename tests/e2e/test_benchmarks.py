"""Each benchmark runs, in a form so small that its figures mean nothing."""

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import NAMES, main

pytestmark = pytest.mark.process


#: They take longest, in the smallest form too.
_SLOW = (
    *("batches", "append", "drain", "signatures", "reconnect", "guest", "warm", "optuna_storage"),
    *("search_overhead", "search_quality", "search_parallel"),
    *("early_stopping", "services", "idle_agent", "results_page", "jobs_page"),
)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in _SLOW else []) for name in NAMES]
)
def test_a_benchmark_prints_and_keeps_its_figures(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "figures.json"

    code = main([name, "--tiny", "--out", str(out)])

    printed = capsys.readouterr().out
    kept = json.loads(out.read_bytes())["figures"]
    assert code == 0
    assert kept
    assert all(figure["name"] in printed and figure["values"] for figure in kept)
