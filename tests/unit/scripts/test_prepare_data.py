"""prepare_data on real tables: scikit-learn's own, written out the ways people export them."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

SCRIPT = Path(__file__).parents[3] / "scripts" / "prepare_data.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("prepare_data", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["prepare_data"] = module
    spec.loader.exec_module(module)
    return module


class Runner:
    def __init__(self, script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.script, self.folder, self.capsys = script, tmp_path, capsys

    def __call__(
        self, content: str | bytes | None = None, *words: str
    ) -> tuple[dict[str, Any], pd.DataFrame]:
        given = []
        if content is not None:
            table = self.folder / "table.csv"
            table.write_bytes(content.encode() if isinstance(content, str) else content)
            given = [str(table)]
        self.script.main([*given, "--output", str(self.folder / "encoded.csv"), *words])
        result = json.loads(self.capsys.readouterr().out.splitlines()[-1])
        return result, pd.read_csv(result["path"], keep_default_na=False)

    def refused(self, content: str | bytes, *words: str) -> str:
        with pytest.raises(SystemExit) as stopped:
            self(content, *words)
        return str(stopped.value.code)


@pytest.fixture
def prepare(script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Runner:
    return Runner(script, tmp_path, capsys)


def wine() -> pd.DataFrame:
    from sklearn.datasets import load_wine

    bunch = load_wine(as_frame=True)
    frame = bunch.frame
    frame["cultivar"] = [bunch.target_names[number] for number in frame.pop("target")]
    return frame


def test_without_a_table_it_prepares_one_that_needs_no_network(prepare: Runner) -> None:
    result, encoded = prepare()

    assert result["rows"] == len(encoded) == 442
    assert result["types"]["sex"] == "categorical"
    assert result["types"]["bmi"] == "continuous"
    assert result["types"]["patient"] == "remainder"
    assert "derived" in result["source"]
    assert list(encoded.filter(like="cat_bmi_class")) == [
        "cat_bmi_class_obese",
        "cat_bmi_class_over",
        "cat_bmi_class_under",
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_detected(prepare: Runner, separator: str) -> None:
    frame = wine()

    result, encoded = prepare(frame.to_csv(sep=separator, index=False))

    assert result["separator"] == separator
    assert result["columns"] == len(encoded.columns) == 13 + 2
    assert np.allclose(encoded["con_alcohol"], frame["alcohol"])


def test_decimal_commas_are_numbers(prepare: Runner) -> None:
    frame = wine()

    result, encoded = prepare(frame.to_csv(sep=";", decimal=",", index=False))

    assert result["types"]["alcohol"] == "continuous"
    assert np.allclose(encoded["con_alcohol"], frame["alcohol"])


def test_dummies_leave_out_the_most_frequent_level_and_are_not_collinear(prepare: Runner) -> None:
    frame = wine()
    result, encoded = prepare(frame.to_csv(index=False))

    dummies = encoded.filter(like="cat_")
    with_intercept = np.column_stack([np.ones(len(dummies)), dummies])

    assert result["baselines"] == {"cultivar": frame["cultivar"].mode()[0]}
    assert np.linalg.matrix_rank(with_intercept) == with_intercept.shape[1] == 3


def test_blanks_are_filled_and_the_result_says_with_what(prepare: Runner) -> None:
    frame = wine()
    median = frame["alcohol"].iloc[3:].median()
    frame.loc[[0, 1, 2], "alcohol"] = np.nan
    frame["cultivar"] = frame["cultivar"].astype(object)
    frame.loc[5, "cultivar"] = "?"

    result, encoded = prepare(frame.to_csv(index=False))

    assert result["filled"] == {
        "alcohol": {"count": 3, "with": pytest.approx(median), "how": "median"},
        "cultivar": {"count": 1, "with": "class_1", "how": "most frequent"},
    }
    assert not encoded.isna().any(axis=None)
    assert encoded["con_alcohol"].iloc[0] == pytest.approx(median)


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2024-02-29", 19782),
        ("29.02.2024", 19782),
        ("2024/02/29", 19782),
        ("29/02/2024", 19782),
        ("02/29/2024", 19782),
        ("2024-02-29T12:00:00", 19782.5),
        ("1960-01-01", -3653),
    ],
)
def test_dates_become_days(prepare: Runner, written: str, day: float) -> None:
    result, encoded = prepare(f"when,x\n{written},1.5\n{written},2.5\n")

    assert result["types"]["when"] == "date"
    assert list(encoded["con_when"]) == [day, day]


def test_identifiers_and_free_text_are_kept_aside(prepare: Runner) -> None:
    rows = "\n".join(f"{n},word{n} and more,{n % 2}.5" for n in range(100, 180))

    result, encoded = prepare(f"id,remark,x\n{rows}\n")

    assert result["types"] == {"id": "remainder", "remark": "remainder", "x": "continuous"}
    assert list(encoded.columns) == ["rem_id", "rem_remark", "con_x"]


@pytest.mark.parametrize(("distinct", "kind"), [(9, "categorical"), (10, "categorical"), (11, "continuous")])
def test_few_whole_numbers_are_a_category(prepare: Runner, distinct: int, kind: str) -> None:
    rows = "\n".join(f"{n % distinct * 3},{n}.5" for n in range(110))

    result, _ = prepare(f"grade,x\n{rows}\n")

    assert result["types"]["grade"] == kind


def test_one_level_written_in_two_ways_is_one_level(prepare: Runner) -> None:
    result, encoded = prepare("grade,x\n" + "1,0.5\n1.0,0.7\n2,0.1\n2.0,0.2\n" * 5)

    assert result["baselines"] == {"grade": "1"}
    assert list(encoded.columns) == ["cat_grade_2", "con_x"]


def test_the_user_decides_over_the_detection(prepare: Runner) -> None:
    result, encoded = prepare(
        "grade,zip,x\n" + "3,04109,1.5\n4,04277,2.5\n" * 20, "--continuous", "grade", "--categorical", "zip"
    )

    assert result["types"] == {"grade": "continuous", "zip": "categorical", "x": "continuous"}
    assert list(encoded.columns) == ["con_grade", "cat_zip_04277", "con_x"]


def test_a_target_is_never_made_dummies(prepare: Runner) -> None:
    _, encoded = prepare(wine().to_csv(index=False), "--target", "cultivar")

    assert set(encoded["cat_cultivar"]) == {"class_0", "class_1", "class_2"}


def test_columns_that_say_nothing_are_dropped_with_the_reason(prepare: Runner) -> None:
    result, encoded = prepare("void,same,x\n,a,1.5\nNA,a,2.5\n?,a,inf\n")

    assert result["dropped"] == {"void": "every cell is blank", "same": "every row says 'a'"}
    assert list(encoded["con_x"]) == [1.5, 2.5, 2.0]
    assert result["filled"]["x"]["count"] == 1


def test_columns_of_one_name_stay_apart(prepare: Runner) -> None:
    _, encoded = prepare("a,a,,a_b\n" + "b_c,1.5,2.5,c\nx,3.5,1.25,y\nx,2.5,0.25,y\n" * 2)

    assert list(encoded.columns) == ["cat_a_b_c", "con_a_2", "con_column_3", "cat_a_b_c_2"]


def test_quoted_separators_and_line_breaks_stay_in_their_cell(prepare: Runner) -> None:
    result, encoded = prepare('kind,x\n"red, dry\nold",1.5\nwhite,2.5\nwhite,3.5\n')

    assert result["rows"] == 3
    assert list(encoded.columns) == ["cat_kind_red, dry\nold", "con_x"]


def test_tables_from_old_spreadsheets_are_read(prepare: Runner) -> None:
    result, encoded = prepare("Größe;Süße\n1,5;hoch\n2,5;niedrig\n".encode("cp1252"))

    assert result["encoding"] == "cp1252"
    assert list(encoded["con_Größe"]) == [1.5, 2.5]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ("  \n\n", "is empty"),
        ("a,b\n", "no rows"),
        ("a\n1\n2\n", "one column"),
        ("a,b\n1,2\n1,2,3\n", "row 3 has 3 fields"),
        (b"PK\x03\x04\0\0", "not a text table"),
        ("a,b\n,\n?,NA\n", "no column is left"),
        ("a,b\n" + "x" * 200_000 + ",1\n", "cannot be read as a table"),
    ],
)
def test_unusable_tables_are_refused_with_the_reason(
    prepare: Runner, content: str | bytes, words: str
) -> None:
    assert words in prepare.refused(content)


def test_a_misspelt_column_is_named_with_the_ones_there_are(prepare: Runner) -> None:
    assert "there is no column 'qualty'; there are: x, quality" in prepare.refused(
        "x,quality\n1.5,2\n2.5,3\n", "--target", "qualty"
    )


def test_text_cannot_be_made_continuous(prepare: Runner) -> None:
    assert "'red' is not a number" in prepare.refused("x,kind\n1.5,red\n", "--continuous", "kind")


def test_a_missing_file_is_a_clear_error_and_exit_code() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--input", "nowhere.csv"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "There is no file nowhere.csv" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_runs_by_hand_and_ends_with_one_json_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT)], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    result = json.loads(done.stdout.splitlines()[-1])
    assert Path(result["path"]) == tmp_path.resolve() / "encoded.csv"
    assert Path(result["path"]).exists()
