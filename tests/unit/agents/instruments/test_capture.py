"""What comes out of files while they grow and in the end; and what broken and hostile ones cost."""

import os
import random
from pathlib import Path
from typing import Any

import pytest

from agents.instruments.capture import Capture
from agents.instruments.search import Below
from tests.unit.agents.instruments.writers import (
    PNG,
    field,
    frame,
    history,
    image_event,
    scalar_event,
    summary,
    tensor_event,
    wandb_file,
    write_events,
)

EVENTS = "events.out.tfevents.1700000000.attic.1.0"
RUN = "mlruns/1/" + "0" * 31 + "a"


class Place:
    """An attempt's folder and the capture that looks at it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.bundle, self.outgoing = folder / "attempt", folder / "bundle", folder / "out"
        self.folder.mkdir()
        self.bundle.mkdir()
        self.capture = Capture(self.folder, self.bundle, self.outgoing)

    def write(self, name: str, content: bytes | str, mode: str = "ab") -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, mode) as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return path

    def points(self) -> list[tuple[float | None, dict[str, Any]]]:
        return [(reading.step, reading.metrics) for reading, _ in self.capture.take()]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_scalars_of_one_step_are_one_point(place: Place) -> None:
    write_events(
        place.folder / "runs/a" / EVENTS,
        scalar_event("loss", 0.5, 1),
        scalar_event("accuracy", 0.25, 1),
        scalar_event("loss", 0.25, 2),
        tensor_event("epoch_loss", 0.125, 2, as_content=True),
        tensor_event("epoch_acc", 0.5, 2, as_content=False),
    )

    place.capture.finish()

    assert place.points() == [
        (1.0, {"loss": 0.5, "accuracy": 0.25}),
        (2.0, {"loss": 0.25, "epoch_loss": 0.125, "epoch_acc": 0.5}),
    ]
    assert place.capture.make_result() == {
        "loss": 0.25, "accuracy": 0.25, "epoch_loss": 0.125, "epoch_acc": 0.5,
    }  # fmt: skip


def test_a_growing_file_is_read_on_at_whatever_byte_it_ended(place: Place) -> None:
    whole = b"".join(frame(scalar_event("loss", step, step)) for step in range(6))
    record = wandb_file(*(history(step, acc=step) for step in range(6)))
    lines = "".join(f"1700000000000 {step}.5 {step}\n" for step in range(6)).encode()
    cuts = sorted(random.Random(3).sample(range(len(whole)), 9))
    seen = []

    for start, end in zip([0, *cuts], [*cuts, max(len(whole), len(record), len(lines))], strict=True):
        place.write(f"runs/{EVENTS}", whole[start:end])
        place.write("wandb/offline-run-1/run-1.wandb", record[start:end])
        place.write(f"{RUN}/metrics/f1", lines[start:end])
        place.capture._search_at = 0
        place.capture.glance()
        seen += place.points()
    place.capture.finish()
    seen += place.points()

    for name, values in {"loss": range(6), "acc": range(6), "f1": [one + 0.5 for one in range(6)]}.items():
        assert [(step, one[name]) for step, one in seen if name in one] == list(enumerate(values))
    assert place.capture.notes == []


def test_a_glance_comes_soon_again_only_where_something_is_found(place: Place) -> None:
    assert [round(place.capture.glance()) for _ in range(1)] == [1]
    place.capture._search_at = 0
    assert place.capture.glance() >= 2
    write_events(place.folder / EVENTS, scalar_event("loss", 1, 1))
    place.capture._search_at = 0

    assert 1.5 < place.capture.glance() <= 2.0


def test_wandb_s_numbers_are_taken_and_everything_else_is_not(place: Place) -> None:
    content = wandb_file(
        field(17, b"run"),
        history(0, loss=1.5, val={"acc": 0.5, "deep": {"x": 1}}, word="x", yes=True, _step=7, _runtime=3),
        history(1, loss=float("nan"), picture={"_type": "image-file", "path": "x", "size": 3}),
        summary(best=0.75, _runtime=3, name="x"),
    )
    place.write("wandb/offline-run-1/run-1.wandb", content)

    place.capture.finish()

    assert place.points() == [(7.0, {"loss": 1.5, "val.acc": 0.5, "val.deep.x": 1.0}), (1.0, {"loss": None})]
    assert place.capture.latest == {"loss": None, "val.acc": 0.5, "val.deep.x": 1.0, "best": 0.75}


def test_records_over_several_blocks_are_put_together(place: Place) -> None:
    records = [field(5, bytes(n)) + history(n, loss=n) for n in (10, 32_740, 32_768, 100_000, 5)]
    place.write("wandb/run-1/run-1.wandb", wandb_file(*records))

    place.capture.finish()

    assert [one["loss"] for _, one in place.points()] == [10, 32_740, 32_768, 100_000, 5]


def test_runs_that_measure_the_same_are_told_apart_by_their_folders(place: Place) -> None:
    for folder in ("logs/train", "logs/validation", "runs/a", "runs/a/loss_val"):
        write_events(place.folder / folder / EVENTS, scalar_event("loss", len(folder), 1))
        write_events(place.folder / folder / (EVENTS + ".2"), scalar_event("loss", 0, 2))

    place.capture.finish()

    assert place.capture.latest.keys() == {"loss", "validation/loss", "a/loss", "loss_val/loss"}


def test_mlflow_s_metrics_in_folders_and_its_parameters(place: Place) -> None:
    place.write(f"{RUN}/metrics/val/acc", "1700000000000 0.5 1\n1700000000000 nan 2\n")
    place.write(f"{RUN}/params/lr", "0.1")
    place.write(f"{RUN}/params/words", "a b")

    place.capture.finish()

    assert place.points() == [(1.0, {"val/acc": 0.5}), (2.0, {"val/acc": None})]
    assert place.capture.notes == ["MLflow's parameters: lr=0.1, words=a b"]


def test_the_last_picture_of_each_name_is_kept(place: Place) -> None:
    first, last = PNG + b"first", PNG + b"last"
    write_events(
        place.folder / "runs" / EVENTS,
        image_event("../a b", first),
        image_event("../a b", last),
        image_event("c", b"no picture"),
    )

    place.capture.finish()

    assert {name: path.read_bytes() for name, path in place.capture.pictures.items()} == {
        "runs/_a_b.png": last
    }


def test_what_came_with_the_script_was_not_measured_by_it(place: Place) -> None:
    for folder in (place.folder, place.bundle):
        write_events(folder / "runs/old" / EVENTS, scalar_event("loss", 9, 9))
        write_events(folder / EVENTS, scalar_event("loss", 8, 8))
    write_events(place.folder / EVENTS, scalar_event("loss", 1, 1))

    place.capture.finish()

    assert place.points() == [(1.0, {"loss": 1.0})]


def test_what_is_cut_off_broken_or_none_at_all_costs_a_note(place: Place) -> None:
    good = frame(scalar_event("loss", 1, 1))
    place.write(f"a/{EVENTS}", good + good[:-3])
    place.write(f"b/{EVENTS}", good + b"\xff" + good[1:])
    place.write(f"c/{EVENTS}", good[:-1] + b"\xff" + frame(scalar_event("loss", 2, 2)))
    place.write(f"d/{EVENTS}", frame(b"\x0a\xff\xff\xff") + frame(b"\xff" * 40))
    place.write("e/run-1.wandb", b"no such file")
    place.write("f/run-1.wandb", wandb_file(history(1, x=1))[:-1] + b"?")
    place.write(f"{RUN}/metrics/x", "word\n1 2 3 4 5 6\n1700000000000 1 1\n" + "9" * 400 + " 1 1\n")
    place.write(f"{RUN}/metrics/y", b"\0" * 4096)

    place.capture.finish()

    assert place.capture.latest == {"loss": 1.0, "b/loss": 1.0, "c/loss": 2.0, "x": 1.0}
    assert sorted(note.partition(": ")[0] for note in place.capture.notes) == [
        f"b/{EVENTS} is not read on",
        f"c/{EVENTS}",
        f"d/{EVENTS}",
        "e/run-1.wandb is not read on",
        "f/run-1.wandb is not read on",
        f"{RUN}/metrics/x",
        f"{RUN}/metrics/y is not read on",
    ]


@pytest.mark.parametrize("seed", range(40))
def test_no_byte_can_end_the_reading_of_the_other_files(tmp_path: Path, seed: int) -> None:
    place, chance = Place(tmp_path), random.Random(seed)
    for name, content in (
        (f"a/{EVENTS}", b"".join(frame(scalar_event("a", n, n)) for n in range(20))),
        ("b/run-1.wandb", wandb_file(*(history(n, a=n, b={"c": [1]}) for n in range(20)))),
        (f"{RUN}/metrics/x", b"1700000000000 1 1\n" * 20),
    ):
        broken = bytearray(content)
        for _ in range(chance.randrange(1, 6)):
            at = chance.randrange(len(broken))
            broken[at : at + chance.randrange(4)] = chance.randbytes(chance.randrange(4))
        place.write(name, bytes(broken))
    write_events(place.folder / "z" / EVENTS, scalar_event("good", 1, 1))

    place.capture.glance()
    place.capture.finish()

    assert place.capture.latest["good"] == 1.0


def test_links_lead_nowhere(place: Place, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    write_events(elsewhere / EVENTS, scalar_event("secret", 1, 1))
    place.write("runs/x", b"")
    os.symlink(elsewhere / EVENTS, place.folder / "runs" / EVENTS)
    os.symlink(elsewhere, place.folder / "logs")
    os.mkfifo(place.folder / "runs" / (EVENTS + ".1"))

    place.capture.glance()
    place.capture.finish()

    assert (place.capture.found, place.capture.latest, place.capture.notes) == ([], {}, [])


def test_a_file_that_becomes_a_link_is_not_followed(place: Place, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    write_events(elsewhere, scalar_event("secret", 1, 1), scalar_event("secret", 1, 1))
    write_events(place.folder / "runs" / EVENTS, scalar_event("loss", 1, 1))
    place.capture.glance()
    (place.folder / "runs" / EVENTS).unlink()
    os.symlink(elsewhere, place.folder / "runs" / EVENTS)

    place.capture.finish()

    assert place.capture.latest == {"loss": 1.0}
    with Below(place.folder) as below, pytest.raises(OSError, match="symbolic"):
        below.open(f"runs/{EVENTS}")


def test_series_files_and_points_have_bounds(place: Place) -> None:
    write_events(place.folder / EVENTS, *(scalar_event(f"m{n}", 1, 1) for n in range(150)))
    write_events(place.folder / "b" / EVENTS, *(scalar_event("m0", n, n) for n in range(3000)))
    for n in range(300):
        write_events(place.folder / f"c{n}" / EVENTS, scalar_event("m0", 1, 1))

    place.capture.finish()

    assert len(place.capture.latest) == 100
    assert any("at most 100 series" in note for note in place.capture.notes)
    assert any("at most 300 files" in note for note in place.capture.notes)
    assert len(place.points()) <= 400


def test_many_points_at_once_are_thinned_with_both_ends(place: Place) -> None:
    write_events(place.folder / EVENTS, *(scalar_event("loss", n, n) for n in range(3000)))

    place.capture.finish()
    steps = [step for step, _ in place.points()]

    assert (len(steps), steps[0], steps[-1]) == (400, 0.0, 2999.0)
    assert steps == sorted(set(steps))


def test_a_name_that_is_hidden_below_the_attempt_s_own_folder_is_not_searched(place: Place) -> None:
    write_events(place.folder / ".idlehands/tmp" / EVENTS, scalar_event("loss", 1, 1))

    place.capture.finish()

    assert place.capture.found == []
