"""train_mlp on the real digits, run as an agent would run it, and in this process."""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts" / "train_mlp.py"


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return parsed(done.stdout)


def parsed(printed: str) -> list[dict[str, Any]]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return [json.loads(line, parse_constant=refuse) for line in printed.splitlines()]


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], None]:
    """The script's own beginning, where importing torch is paid once."""
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    begin: Callable[[list[str]], None] = importlib.import_module("train_mlp").main
    return begin


def test_it_learns_the_digits_and_reports_each_epoch_alike_every_time(
    main: Callable[[list[str]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--epochs", "6", "--learning-rate", "0.003", "--dropout", "0.1", "--seed", "7")

    *epochs, result = lines(run(*words))
    main(list(words))
    *again, result_again = parsed(capsys.readouterr().out)

    assert [line["epoch"] for line in epochs] == [1, 2, 3, 4, 5, 6]
    assert all(line["epochs"] == 6 for line in epochs)
    assert epochs[-1]["loss"] < epochs[0]["loss"]
    assert result["accuracy"] == epochs[-1]["accuracy"] > 0.9
    assert epochs == again
    assert {**result, "seconds": 0} == {**result_again, "seconds": 0}


@pytest.mark.slow
def test_layers_and_hidden_units_make_the_network() -> None:
    *_, result = lines(run("--layers", "3", "--hidden", "16", "--epochs", "1"))

    assert result["parameters"] == (64 * 16 + 16) + 2 * (16 * 16 + 16) + (16 * 10 + 10)


@pytest.mark.slow
def test_a_diverging_run_still_prints_json() -> None:
    *epochs, result = lines(run("--learning-rate", "1e30", "--epochs", "2"))

    assert result["loss"] is None or result["loss"] > 1000
    assert len(epochs) == 2


@pytest.mark.parametrize("words", [("--learning-rate", "0.0"), ("--epochs", "0")])
def test_parameters_out_of_range_are_refused(
    main: Callable[[list[str]], None], words: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(list(words))

    assert ended.value.code == 2
    assert f"{words[0]} {words[1]} is out of range" in capsys.readouterr().err
