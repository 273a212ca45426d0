"""Files that the real libraries wrote: torch 2.13, tensorboard 2.21, tensorboardX 2.6, MLflow 3.17, wandb.

Each script logged its numbers as the comments say.
"""

import shutil
from pathlib import Path
from typing import Any

import pytest

from agents.instruments import keeping
from agents.instruments.capture import Capture

RECORDED = Path(__file__).with_name("recorded")


def read(which: str, folder: Path) -> tuple[Capture, list[tuple[float | None, dict[str, Any]]], list[str]]:
    """Return the capture, its points and the names that are kept."""
    attempt, bundle = folder / "attempt", folder / "bundle"
    shutil.copytree(RECORDED / which, attempt)
    capture = Capture(attempt, bundle, folder / "out")
    capture.finish()
    kept, _ = keeping.take_found(attempt, capture.found, folder / "out", bundle, ())
    points = [(reading.step, reading.metrics) for reading, _ in capture.take()]
    return capture, points, sorted(Path(name).name for name in (*kept, *capture.pictures))


def test_tensorboard_of_torch(tmp_path: Path) -> None:
    # add_scalar, also with new_style=True, add_scalars, add_histogram, add_image, add_hparams, add_text.
    capture, points, kept = read("torch", tmp_path)

    assert points == [
        (0.0, {"Loss/train": 0.1, "Accuracy/val": 0.9}),
        (1.0, {"Loss/train": 0.2, "Accuracy/val": 0.9}),
        (2.0, {"Loss/train": 0.3, "Accuracy/val": 0.9}),
        (0.0, {"hparam/accuracy": 0.9}),
        *((step, {"both_train/both": step}) for step in (0.0, 1.0, 2.0)),
        *((step, {"both_val/both": 2 * step}) for step in (0.0, 1.0, 2.0)),
    ]
    assert (len(kept), kept[-1], capture.notes) == (5, "sample.png", [])


def test_tensorboardx(tmp_path: Path) -> None:
    # Ten steps of a loss, a number that is none, an image.
    capture, points, kept = read("tensorboardx", tmp_path)

    assert [(step, one["loss"]) for step, one in points] == [
        (float(step), pytest.approx(1 / (step + 1))) for step in range(10)
    ]
    assert points[3][1]["odd"] is None
    assert (kept, capture.notes) == (["events.out.tfevents.1795335007.attic", "picture.png"], [])


def test_mlflow(tmp_path: Path) -> None:
    # log_param, log_params, log_metric, log_metrics, log_artifact, log_figure.
    capture, points, kept = read("mlflow", tmp_path)

    assert points == [
        (float(step), {"f1": step / 20, "loss": 1 / (step + 1), "val/acc": step / 10}) for step in range(5)
    ]
    assert capture.notes == ["MLflow's parameters: layers=3, lr=0.1, name=a b"]
    assert kept == ["loss.png", "notes.txt"]


def test_wandb(tmp_path: Path) -> None:
    # log with numbers, a word and nested ones, a NaN, an Image; a number in the summary.
    capture, points, kept = read("wandb", tmp_path)

    assert points == [
        *((float(step), {"loss": 1 / (step + 1), "val.acc": step / 10}) for step in range(5)),
        (5.0, {"nan": None, "big": 1e300}),
    ]
    assert capture.make_result() == {"loss": 0.2, "val.acc": 0.4, "nan": None, "big": 1e300, "best": 0.75}
    assert kept == ["picture_6_4a0945534329d26ce523.png", "run-3vi3j6hh.wandb"]
    assert capture.notes == ["no JSON result was printed: it is the last values that were given to wandb"]
