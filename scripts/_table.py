"""Tables for the scripts beside it: read, split into what is known and what is to be predicted, and scaled.

Takes what `prepare_data.py` writes (con_, cat_ and rem_ before each name) and
other CSV files, of which the columns of numbers are used.
"""

import argparse
import json
import math
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

EXAMPLES = ("diabetes", "iris", "wine", "breast_cancer", "digits")
#: Points of one chart in a result; the files that a script keeps have them all.
POINTS_AT_MOST = 500
#: What is larger is infinite once it is squared.
_LARGEST = 1e150


@dataclass
class Table:
    """What is known of each row, what is to be predicted of it, and where it is from."""

    features: pd.DataFrame
    target: np.ndarray
    name: str
    source: str


def load(path: str | None, example: str, target: str | None = None, *, whole: bool = False) -> Table:
    """Return a table; without a path one that scikit-learn brings along. Ends the script where it cannot.

    Args:
        path: A CSV file.
        example: Of scikit-learn's tables.
        target: The column to predict; the last one where nothing is said.
        whole: Where nothing is said, that no column is to be predicted.
    """
    if path is None:
        from sklearn import datasets

        found = getattr(datasets, f"load_{example}")(as_frame=True)
        labels = found.target
        if example in ("iris", "wine", "breast_cancer"):
            labels = pd.Series([str(found.target_names[one]) for one in labels])
        return Table(found.data.astype(float), labels.to_numpy(), "target", f"scikit-learn's {example}")
    try:
        frame = pd.read_csv(path)
    except UnicodeDecodeError:
        sys.exit(f"{path} is not UTF-8: prepare it with prepare_data.py first, which finds out what it is")
    except (OSError, ValueError) as error:
        sys.exit(f"{path} cannot be read as a table: {str(error).strip()}")
    column = "" if whole and target is None else _find_target(frame, target, path)
    rows = frame[frame[column].notna()] if column else frame
    features = rows[[name for name in frame if name != column and not name.startswith("rem_")]]
    features = features.select_dtypes("number")
    features = features.fillna(features.median()).dropna(axis="columns")
    if features.empty:
        sys.exit(f"{path} has no columns of numbers to learn from: prepare it with prepare_data.py first")
    for name in features:
        _check_size(features[name], str(name), path)
    if column and pd.api.types.is_numeric_dtype(rows[column]):
        _check_size(rows[column], column, path)
    return Table(features.astype(float), rows[column].to_numpy() if column else np.array([]), column, path)


def _check_size(values: pd.Series, name: str, path: str) -> None:
    largest = values.abs().max()
    if largest > _LARGEST:
        sys.exit(f"{path}: column {name} has {largest:g}, which is too large to be reckoned with: mend it")


def find_wrong(
    options: argparse.Namespace,
    *,
    above_nought: tuple[str, ...] = (),
    from_nought: tuple[str, ...] = (),
    from_one: tuple[str, ...] = (),
) -> str:
    """Return what is wrong with these arguments, by their names in `options`: what is too small; or ""."""
    for names, least, words in (
        (above_nought, 0, "above 0"),
        (from_nought, 0, "0 or more"),
        (from_one, 1, "1 or more"),
    ):
        for name in names:
            value = getattr(options, name)
            if value is None:
                continue
            if not math.isfinite(value) or value < least or (value == 0 and names is above_nought):
                return f"--{name.replace('_', '-')} {value} is not {words}"
    if not 0 <= getattr(options, "seed", 0) < 2**32:
        return f"--seed {options.seed} is not between 0 and {2**32 - 1}"
    return ""


def _find_target(frame: pd.DataFrame, target: str | None, path: str) -> str:
    if target is None:
        return str([name for name in frame if not name.startswith("rem_")][-1])
    for name in (target, f"con_{target}", f"cat_{target}"):
        if name in frame:
            return name
    sys.exit(f"{path} has no column {target}; it has {', '.join(frame)}")


def split(table: Table, share: float, seed: int, *, alike: bool = False) -> tuple[Any, Any, Any, Any]:
    """Return features to learn from and to test on, then targets so; `alike`: classes in equal shares.

    Ends the script where there is nothing to learn, or nothing to test on.
    """
    from sklearn.model_selection import train_test_split

    rows = len(table.target)
    held_out = math.ceil(rows * share)
    if not 0 < held_out < rows:
        sys.exit(f"{table.source} has too few rows ({rows}) to hold some out")
    classes, counts = np.unique(table.target, return_counts=True) if alike else (np.array([]), np.array([0]))
    if len(classes) == 1:
        sys.exit(f"every row says {classes[0]} in {table.name}: there is nothing to tell apart")
    in_shares = counts.min() > 1 and len(classes) <= min(held_out, rows - held_out)
    learn_x, test_x, learn_y, test_y = train_test_split(
        table.features,
        table.target,
        test_size=share,
        random_state=seed,
        stratify=table.target if alike and in_shares else None,
    )
    # A class that was never learned cannot be predicted: its rows are learned from too.
    new = ~np.isin(test_y, np.unique(learn_y)) if alike else np.array([False])
    if new.any():
        learn_x, learn_y = pd.concat([learn_x, test_x[new]]), np.concatenate([learn_y, test_y[new]])
        test_x, test_y = test_x[~new], test_y[~new]
        if not len(test_y):
            sys.exit(f"no class of {table.name} has rows enough to learn from some and test on others")
    return learn_x, test_x, learn_y, test_y


def thin(rows: int, most: int = POINTS_AT_MOST) -> np.ndarray:
    """Return which of so many rows are shown: all, or some evenly spread ones."""
    return np.unique(np.linspace(0, rows - 1, min(rows, most)).round().astype(int))


def plain(value: Any) -> Any:
    """Return a value as JSON has it: five digits are enough for a chart, and NaN is null."""
    if isinstance(value, dict):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def say(learn: Any, held_out: Any) -> None:
    """Print what there is to learn from."""
    rows, columns = learn.shape
    print(f"{rows} rows of {columns} columns to learn from, {len(held_out)} rows held out", flush=True)


def report(**line: Any) -> None:
    """Print one line of progress or the result."""
    print(json.dumps(plain(line), ensure_ascii=False, allow_nan=False), flush=True)


def keep(frame: pd.DataFrame, name: str) -> str:
    """Write a table beside the script's output, hand it in where this is a job, and return its path."""
    path = Path(name).resolve()
    frame.to_csv(path, index=False)
    job = job_module()
    if job is not None:
        job.save(path.name, str(path))
    return str(path)


def job_module() -> Any:
    """Return the module `idlehands` of the agent that runs this, None when it is run by hand."""
    if "IDLEHANDS_JOB" not in os.environ:
        return None
    try:
        import idlehands
    except ImportError:
        return None
    return idlehands if hasattr(idlehands, "checkpoint_dir") else None
