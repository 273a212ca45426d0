import time

import pytest

from agents.runner.progress import Gauge, read_line, read_object

#: Redrawn lines as the programs really print them.
BARS = [
    ("train:   0%|          | 0/5 [00:00<?, ?it/s]", 0, {}),
    ("train:  40%|████      | 2/5 [00:00<00:00,  8.31it/s, loss=0.167]", 40, {"loss": 0.167}),
    (" 67%|######6   | 2/3 [00:00<00:00,  9.07it/s]", 67, {}),
    ("2it [00:00,  9.07it/s]", None, {}),
    (
        "\x1b[2KWorking \x1b[91m━━━━━━━━━━\x1b[0m\x1b[90m╺\x1b[0m\x1b[90m━━━━━━━━━━━━━━━━━━━━\x1b[0m "
        "\x1b[35m 25%\x1b[0m \x1b[36m0:00:03\x1b[0m",
        25,
        {},
    ),
    (
        " 12/100 [==>...........................] - ETA: 3s - loss: 0.3100 - accuracy: 0.9200",
        12,
        {"loss": 0.31, "accuracy": 0.92},
    ),
    (
        "\x1b[1m47/94\x1b[0m \x1b[32m━━━━━━━━━━\x1b[0m\x1b[37m━━━━━━━━━━\x1b[0m \x1b[1m0s\x1b[0m 2ms/step"
        " - accuracy: 0.1134 - loss: 2.3021",
        50,
        {"accuracy": 0.1134, "loss": 2.3021},
    ),
    ("12/100 [===>", 12, {}),
    ("45%|###", 45, {}),
    (
        "Epoch 3:  45%|████▌     | 45/100 [00:03<00:04, 12.1it/s, v_num=0, train_loss=0.31]",
        45,
        {"v_num": 0, "train_loss": 0.31},
    ),
    ("   ━━━━━━━━━━━━━━━━━━━━━━━━━╸━━━━━━━━━━━━━━ 531.2/838.5 kB 10.3 MB/s eta 0:00:01", None, {}),
]
WORDS = [
    ("epoch 3/10", 20, 3, {}),
    ("Epoch [2/5], Step [100/600], Loss: 0.4012", 100 * (1 + 100 / 600) / 5, 2, {"Loss": 0.4012}),
    ("Epoch 4/8 loss=0.31 acc: 0.92", 50, 4, {"loss": 0.31, "acc": 0.92}),
    ("step 30/60", 50, 30, {}),
    ("loss=0.31 acc: 0.92", None, None, {"loss": 0.31, "acc": 0.92}),
    ("val_loss: nan, lr=1e-04", None, None, {"val_loss": None, "lr": 1e-4}),
    ("Test set: Average loss: 0.0521, Accuracy: 9832/10000 (98%)", None, None, {"Average loss": 0.0521}),
    ("[200]\tvalid_0's auc: 0.81", None, None, {"auc": 0.81}),
]
NOTHING = [
    "",
    "Server started on port: 8080",
    "2024-01-01 12:30:01 INFO at: 3",
    "accuracy went up by 92%",
    "https://example.org/a=1/b%20c",
    "the end of all things",
    "loss: 0.3s",
    "[1, 2, 3]",
    "\x00\xff\ufffd" * 50,
]


@pytest.mark.parametrize(("line", "percent", "metrics"), BARS)
def test_bars_of_real_programs_are_read(line: str, percent: float | None, metrics: dict[str, float]) -> None:
    reading = read_line(line)
    assert reading is not None
    assert reading.is_bar
    assert reading.percent == percent
    assert reading.metrics == metrics


@pytest.mark.parametrize(("line", "percent", "step", "metrics"), WORDS)
def test_words_about_progress_are_read(
    line: str, percent: float | None, step: float | None, metrics: dict[str, float]
) -> None:
    reading = read_line(line)
    assert reading is not None
    assert not reading.is_bar
    assert reading.percent == (None if percent is None else pytest.approx(percent, abs=0.01))
    assert (reading.step, reading.metrics) == (step, metrics)


@pytest.mark.parametrize("line", NOTHING)
def test_other_lines_say_nothing(line: str) -> None:
    assert read_line(line) is None


def test_a_bar_below_an_epoch_heading_counts_within_that_epoch() -> None:
    gauge = Gauge()
    seen = []
    for line in (
        "Epoch 1/4",
        "50/100 [====>.....]",
        "Epoch 2/4",
        "50/100 [====>.....]",
        "100/100 [=========]",
    ):
        reading = read_line(line)
        assert reading is not None
        gauge.see(reading)
        seen.append(gauge.percent)
    assert seen == [0, 12.5, 25, 37.5, 50]


def test_numbers_of_a_json_line_are_metrics() -> None:
    reading = read_object(
        {"epoch": 3, "epochs": 12, "loss": 0.5, "ok": True, "name": "x", "acc": float("nan")}
    )
    assert reading is not None
    assert reading.percent == 25
    assert reading.step == 3
    assert reading.metrics == {"epochs": 12, "loss": 0.5, "acc": None}
    assert read_object({"name": "x", "ok": False}) is None
    assert read_object({"progress": 0.3}).percent == 30  # type: ignore[union-attr]
    assert read_object({"percent": 130}).percent == 100  # type: ignore[union-attr]
    assert read_object({"a": 10**400}).metrics == {"a": None}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "line", ["a-" * 4000, "a=" * 4000, "1/" * 4000 + "=", "9" * 8000 + "%", "[" + "=" * 8000, "a: " * 3000]
)
def test_hostile_lines_are_read_quickly(line: str) -> None:
    began = time.process_time()
    for _ in range(10):
        read_line(line)
    # A pattern that is not linear takes minutes here.
    assert time.process_time() - began < 2
