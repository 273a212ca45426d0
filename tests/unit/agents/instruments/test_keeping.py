"""Which files are kept without anybody naming them."""

import os
from pathlib import Path

import pytest

from agents.instruments import keeping
from agents.instruments.search import Below, tell_kind
from tests.unit.agents.instruments.writers import PNG


def keep(folder: Path, taken: tuple[str, ...] = ()) -> tuple[dict[str, bytes], list[str]]:
    attempt = folder / "attempt"
    with Below(attempt) as below:
        found = below.search()
    kept, notes = keeping.take_found(attempt, found, folder / "out", folder / "bundle", taken)
    return {name: path.read_bytes() for name, path in kept.items()}, notes


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_pictures_and_files_of_instruments_are_kept(tmp_path: Path) -> None:
    run = f"mlruns/1/{'a' * 32}"
    kept = {
        "a.png": PNG,
        "deep/er/b.JPEG": b"\xff\xd8\xff\xe0",
        "c.svg": b"<?xml version",
        "d.pdf": b"%PDF-1.7",
        "runs/x/events.out.tfevents.1.host": b"x",
        "wandb/offline-run-1/run-1.wandb": b"x",
        "wandb/offline-run-1/files/media/images/a_0.png": PNG,
        "wandb/offline-run-1/files/config.yaml": b"x",
        f"{run}/artifacts/plots/a.html": b"x",
    }
    left = {
        "e.png": b"text",
        "f.png": b"",
        "model.pt": b"x",
        "wandb/offline-run-1/files/requirements.txt": b"x",
        f"{run}/meta.yaml": b"x",
        f"{run}/params/lr": b"x",
        ".idlehands/g.png": PNG,
    }
    for name, content in {**kept, **left, "mine.png": PNG}.items():
        write(tmp_path / "attempt" / name, content)

    assert keep(tmp_path, taken=("mine.png",)) == (kept, [])


def test_what_came_with_the_script_is_kept_only_when_it_changed(tmp_path: Path) -> None:
    for name, was, now in (("same.png", PNG, PNG), ("other.png", PNG, PNG + b"more")):
        write(tmp_path / "bundle" / name, was)
        write(tmp_path / "attempt" / name, now)

    assert keep(tmp_path) == ({"other.png": PNG + b"more"}, [])


def test_links_and_pipes_are_left(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere.png", PNG)
    write(tmp_path / "attempt/a.png", PNG)
    os.symlink(tmp_path / "elsewhere.png", tmp_path / "attempt/link.png")
    os.mkfifo(tmp_path / "attempt/pipe.png")

    assert keep(tmp_path) == ({"a.png": PNG}, [])


def test_more_than_is_kept_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "FILES_AT_MOST", 3)
    for number in range(5):
        write(tmp_path / f"attempt/{number}.png", PNG)

    kept, notes = keep(tmp_path)

    assert sorted(kept) == ["0.png", "1.png", "2.png"]
    assert [note.partition(":")[0] for note in notes] == ["2 pictures and files of instruments were left out"]


@pytest.mark.parametrize("name", ["metrics/x", "a/metrics/x", "run.wandb", "tfevents", "x.csv", "png"])
def test_other_names_mean_nothing(name: str) -> None:
    assert tell_kind(name) is None
