"""The scripts that ship, on real tables of scikit-learn: in this process, so that imports are paid once."""

import importlib
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

ROOT = Path(__file__).parents[3]
SCRIPTS = ROOT / "scripts"


class Line:
    """Runs a script as its command line would, in a folder of its own."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, script: str, *words: str) -> list[dict[str, Any]]:
        importlib.import_module(script).main(list(words))
        printed = self._capsys.readouterr().out.splitlines()

        def refuse(constant: str) -> None:
            raise AssertionError(f"{constant} is not JSON")

        return [json.loads(line, parse_constant=refuse) for line in printed if line.startswith("{")]


@pytest.fixture
def line(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Line:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(SCRIPTS))
    for name in ("IDLEHANDS_JOB", "IDLEHANDS_CHECKPOINTS", "IDLEHANDS_SAVED"):
        monkeypatch.delenv(name, raising=False)
    return Line(capsys)


@pytest.mark.parametrize("model", ["linear", "ridge", "forest", "boosting", "svr"])
def test_each_regression_predicts_diabetes_better_than_the_mean(line: Line, model: str) -> None:
    (result,) = line("regression", "--model", model, "--trees", "20", "--c", "100")

    assert result["kind"] == "regression"
    assert 0.1 < result["r2"] < 0.6
    assert len(result["points"]["actual"]) == len(result["points"]["predicted"]) == 111
    assert 0 <= result["breusch_pagan"]["p"] <= 1
    kept = pd.read_csv(result["predictions"])
    assert np.allclose(kept["actual"] - kept["predicted"], kept["residual"])


@pytest.mark.parametrize(
    ("model", "example"),
    [
        ("logistic", "wine"),
        ("forest", "iris"),
        ("boosting", "iris"),
        ("svc", "breast_cancer"),
        ("neighbours", "wine"),
    ],
)
def test_each_classification_tells_classes_apart(line: Line, model: str, example: str) -> None:
    (result,) = line("classification", "--model", model, "--example", example, "--trees", "10")

    assert result["accuracy"] > 0.85
    assert result["auc"] > 0.9
    confusion = np.array(result["confusion"])
    assert np.trace(confusion) / confusion.sum() == pytest.approx(result["accuracy"], abs=1e-5)
    assert sum(result["calibration"]["count"]) == confusion.sum()
    of_two = example == "breast_cancer"
    assert list(result["roc"]) == list(result["pr"]) == result["classes"][of_two:]


@pytest.mark.parametrize("model", ["kmeans", "mixture", "agglomerative", "dbscan"])
def test_groups_of_irises_are_found(line: Line, model: str) -> None:
    (result,) = line("clustering", "--model", model)

    assert result["agreement"] > 0.3
    assert sum(result["groups"].values()) == 150
    assert len(pd.read_csv(result["clusters"])) == 150


@pytest.mark.parametrize("words", [["--log"], ["--model", "past"]])
def test_a_forecast_is_better_than_the_last_season_again(line: Line, words: list[str]) -> None:
    (result,) = line("forecasting", *words)

    assert result["against_last_season"] < 0.6
    assert result["mape"] < 0.08
    assert len(result["forecast"]["predicted"]) == 24


def test_the_tests_of_residuals_are_those_of_the_books(line: Line) -> None:
    scores: Any = importlib.import_module("_scores")
    random = np.random.default_rng(0)
    predicted = random.uniform(1, 5, 400)
    even = random.normal(0, 1, 400)

    spread = scores.breusch_pagan(predicted, even * predicted)
    r = stats.linregress(predicted, (even * predicted) ** 2).rvalue

    assert spread["statistic"] == pytest.approx(400 * r**2)
    assert spread["p"] == pytest.approx(stats.chi2.sf(400 * r**2, 1))
    assert spread["p"] < 1e-6 < scores.breusch_pagan(predicted, even)["p"]
    # The F of added powers, from R² of NumPy's polynomial fits.
    actual = predicted**2 + even
    few, many = (
        1
        - ((actual - np.polyval(np.polyfit(predicted, actual, n), predicted)) ** 2).sum() / actual.var() / 400
        for n in (1, 3)
    )
    statistic = (many - few) / 2 / ((1 - many) / 396)
    found = scores.reset(predicted, actual)
    assert found["statistic"] == pytest.approx(statistic, rel=1e-6)
    assert found["p"] < 1e-9 < scores.reset(predicted, predicted + even)["p"]
    assert scores.reset(np.ones(3), np.ones(3))["p"] == 1.0


def test_what_is_prepared_is_learnt_from(line: Line) -> None:
    (prepared,) = line("prepare_data", "--output", "encoded.csv", "--target", "progression")

    (result,) = line("regression", "--table", prepared["path"], "--target", "progression")

    assert 0.3 < result["r2"] < 0.6
    assert result["target"] == "con_progression"


def test_a_large_table_has_few_points_in_its_result_and_all_in_its_file(line: Line) -> None:
    x = np.arange(5000.0)
    pd.DataFrame({"a": x, "b": np.sin(x), "y": 2 * x}).to_csv("big.csv", index=False)

    (result,) = line("regression", "--table", "big.csv", "--test-share", "0.5")

    assert len(result["points"]["actual"]) == 500
    assert len(pd.read_csv(result["predictions"])) == 2500


@pytest.mark.parametrize(
    ("script", "words", "said"),
    [
        ("regression", ["--table", "nowhere.csv"], "cannot be read"),
        ("regression", ["--table", "words.csv"], "no columns of numbers"),
        ("regression", ["--table", "words.csv", "--target", "z"], "no column z"),
        ("classification", ["--test-share", "2"], ""),
        ("forecasting", ["--season", "70"], "too few"),
        ("forecasting", ["--table", "words.csv"], "no column of numbers"),
    ],
)
def test_what_cannot_be_is_said(line: Line, script: str, words: list[str], said: str) -> None:
    Path("words.csv").write_text("a,b\nx,y\nz,w\n")

    with pytest.raises(SystemExit) as ended:
        line(script, *words)

    assert said in str(ended.value)


def test_a_network_on_a_table_learns_classes_and_numbers(line: Line) -> None:
    *epochs, result = line("train_table", "--epochs", "4")
    *_, numbers = line("train_table", "--example", "diabetes", "--epochs", "12", "--layers", "1")
    *_, again = line("train_table", "--epochs", "4")

    assert [one["epoch"] for one in epochs] == [1, 2, 3, 4]
    assert result["accuracy"] > 0.93
    assert numbers["r2"] > 0.3
    assert {**result, "seconds": 0} == {**again, "seconds": 0}


def test_a_network_goes_on_from_its_checkpoint_as_if_it_had_never_stopped(
    line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = ROOT / "agents" / "injected" / "idlehands.py"
    spec = importlib.util.spec_from_file_location("idlehands", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    *_, whole = line("train_table", "--epochs", "3", "--dropout", "0.2")
    monkeypatch.setitem(sys.modules, "idlehands", module)
    monkeypatch.setenv("IDLEHANDS_JOB", "j" + "a" * 12)
    monkeypatch.setenv("IDLEHANDS_CHECKPOINTS", str(tmp_path / "checkpoints"))

    line("train_table", "--epochs", "2", "--dropout", "0.2")
    *epochs, result = line("train_table", "--epochs", "3", "--dropout", "0.2")

    assert [one["epoch"] for one in epochs] == [3]
    assert {**result, "seconds": 0} == {**whole, "seconds": 0}
    # A checkpoint of another network is none.
    *epochs, _ = line("train_table", "--epochs", "1", "--hidden", "8")
    assert [one["epoch"] for one in epochs] == [1]


def test_a_network_on_images_learns_digits(line: Line, tmp_path: Path) -> None:
    *epochs, result = line("train_images", "--epochs", "2", "--filters", "8", "--batch-size", "32")

    assert result["accuracy"] == pytest.approx(epochs[-1]["accuracy"], abs=1e-5)
    assert result["accuracy"] > 0.8
    assert len(result["confusion"]) == 10
    colours = np.random.default_rng(0).integers(0, 256, (40, 9, 7, 3), dtype=np.uint8)
    np.savez(tmp_path / "some.npz", images=colours, labels=np.arange(40) % 2)
    *_, few = line("train_images", "--images", "some.npz", "--epochs", "1", "--shift")
    assert few["images"] == 40


def test_a_script_is_described_by_its_help(line: Line, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        line("clustering", "--help")

    assert ended.value.code == 0
    assert "--clusters" in capsys.readouterr().out
    for script in SCRIPTS.glob("[a-z]*.py"):
        assert len(script.read_text().splitlines()) < 400, script


# --- tables and arguments that will not do --------------------------------------------------


@pytest.mark.parametrize(
    ("script", "table", "words", "why"),
    [
        ("classification", "a,y\n1,yes\n2,yes\n3,yes\n4,yes\n", (), "every row says yes in y"),
        ("classification", "a,y\n1,p\n2,q\n3,r\n4,s\n", (), "no class of y has rows enough"),
        ("classification", "a,y\n1,p\n", (), "too few rows (1)"),
        ("regression", "a,y\ninf,1\n2,2\n3,3\n4,4\n", (), "column a has inf"),
        ("regression", "a,y\n1e300,1\n2,2\n3,3\n4,4\n", (), "column a has 1e+300"),
        ("regression", "größe,y\n1,1\n2,2\n", (), "is not UTF-8: prepare it"),
        ("regression", "a,y\n1,2,3\n1,2,3,4\n", (), "cannot be read as a table"),
        ("clustering", "a,y\n1,2\n2,3\n", (), "has 2 rows, too few for 3 groups"),
        ("regression", "", ("--model", "ridge", "--alpha", "-1"), "--alpha -1.0 is not 0 or more"),
        ("regression", "", ("--trees", "0"), "--trees 0 is not 1 or more"),
        ("regression", "", ("--c", "0"), "--c 0.0 is not above 0"),
        ("regression", "", ("--seed", "-1"), "--seed -1 is not between 0"),
        ("train_table", "", ("--learning-rate", "nan"), "--learning-rate nan is not above 0"),
        ("train_images", "", ("--weight-decay", "-1"), "--weight-decay -1.0 is not 0 or more"),
    ],
)
def test_what_cannot_be_learned_from_is_said_in_a_line(
    line: Line,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    script: str,
    table: str,
    words: tuple[str, ...],
    why: str,
) -> None:
    if table:
        (tmp_path / "table.csv").write_bytes(table.encode("latin-1"))
        words = (*words, "--table", "table.csv")

    with pytest.raises(SystemExit) as caught:
        line(script, *words)

    assert why in f"{caught.value.code} {capsys.readouterr().err}"


def test_a_class_that_occurs_once_is_learned_from_and_not_tested_on(line: Line, tmp_path: Path) -> None:
    rows = [f"{number},{'q' if number == 7 else 'p' if number % 2 else 'r'}" for number in range(40)]
    (tmp_path / "table.csv").write_text("a,y\n" + "\n".join(rows) + "\n")

    for seed in range(8):
        (result,) = line("classification", "--table", "table.csv", "--seed", str(seed))
        assert result["classes"] == ["p", "q", "r"]
        assert sum(map(sum, result["confusion"])) in (9, 10)
