"""What a job's page offers: previews of files, curves as they are looked at, commands for a terminal."""

import io
import json
import subprocess
import sys
from typing import Any

import pytest

from dash_app.addresses import parse
from dash_app.curves_look import Look, look_of
from dash_app.presenters import artifacts, figures, series
from dash_app.presenters.job_tools import run_command
from dash_app.presenters.previews import BYTES_READ, blocks, may_be_previewed, preview
from dash_app.presenters.series import Series

HOSTILE = '<img src=x onerror="window.hacked=1"> \u202egnp.exe \x1b[31mred\x1b[0m'


def test_a_table_is_seen_by_its_first_rows_as_text() -> None:
    quoted = HOSTILE.replace('"', '""')
    lines = "name,value\n" + "".join(f'"{quoted}",{n}\n' for n in range(80))

    seen = preview("rows.csv", lines.encode(), len(lines.encode()))

    assert (seen["kind"], seen["columns"], seen["count"], seen["more"]) == (
        "table",
        ["name", "value"],
        80,
        True,
    )
    assert len(seen["rows"]) == 50
    # As text: nothing turns its direction or colours it.
    assert seen["rows"][0] == ['<img src=x onerror="window.hacked=1"> \ufffdgnp.exe red', "0"]
    cut = preview("rows.csv", b"a,b\n1,2\n3,", 10**9)
    assert (cut["rows"], cut["count"], cut["more"]) == ([["1", "2"]], None, True)


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.json", b'{"a": [1]}', '{\n  "a": [\n    1\n  ]\n}'),
        ("a.json", b'{"a": ', '{"a": '),
        ("a.html", b"<script>1</script>", "<script>1</script>"),
        ("a.log", b"x" * 3000, "x" * 2000 + " \u2026"),
        ("a.csv", b"", ""),
    ],
)
def test_text_is_seen_as_it_is(name: str, content: bytes, text: str) -> None:
    assert preview(name, content, len(content))["text"] == text


def test_what_is_no_text_is_only_downloaded() -> None:
    assert preview("a.txt", b"\x00\x01", 2)["kind"] == "trouble"
    assert preview("a.txt", "é".encode("latin-1") * 99, 99)["kind"] == "trouble"
    assert not may_be_previewed("weights.bin")
    assert may_be_previewed("CARD.MD")
    kept = {
        "artifacts": [
            {"name": "a.csv", "bytes": 5, "sha256": ""},
            {"name": "b.bin", "bytes": 5, "sha256": ""},
        ]
    }
    shown = str(artifacts.artifacts({"id": "j1"}, {**kept, "token": 2}))
    assert shown.count("/preview") == 1


def test_a_model_card_is_blocks_of_text_and_no_html() -> None:
    card = (
        f"---\nlicense: mit\n---\n# Title {HOSTILE}\n\nTwo\nlines\n\n- one\n1. two\n\n"
        "| a | b |\n|---|---|\n| 1 | 2 |\n```\n<b>\n"
    )

    found = blocks(card)

    assert [one["is"] for one in found] == ["code", "heading", "text", "list", "table", "code"]
    assert found[1]["text"].startswith('Title <img src=x onerror="window.hacked=1">')
    assert found[2]["text"] == "Two lines"
    assert (found[3]["items"], found[4]["rows"]) == (["one", "two"], [["a", "b"], ["1", "2"]])
    assert found[5]["text"] == "<b>"
    assert preview("card.md", card.encode() * 9000, BYTES_READ * 9)["more"]


def read_parquet(content: bytes) -> "subprocess.CompletedProcess[bytes]":
    words = [sys.executable, "-P", "-m", "dash_app.parquet_child"]
    return subprocess.run(words, input=content, capture_output=True, timeout=60, check=False)


def test_parquet_is_read_by_a_process_of_its_own() -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    held = io.BytesIO()
    parquet.write_table(pyarrow.table({"a": list(range(200)), "b": [None, {"x": 1}] * 100}), held)

    done = read_parquet(held.getvalue())

    found: Any = json.loads(done.stdout)
    assert (found["count"], found["rows"][:3]) == (200, [["a", "b"], [0, None], [1, "{'x': 1}"]])
    assert len(found["rows"]) == 52


def points(epochs: int) -> list[dict[str, Any]]:
    return [
        {
            "token": 1,
            "seq": n,
            "at": 100.0 + 60 * n,
            "step": float(10 * n),
            "metrics": {"epoch": n // 2, "loss": n},
        }
        for n in range(epochs * 2)
    ]


def test_curves_are_across_steps_time_or_epochs() -> None:
    assert series.by_metric(points(3))["loss"].x == [0, 10, 20, 30, 40, 50]
    assert series.by_metric(points(3), "time")["loss"].x == [0, 60, 120, 180, 240, 300]
    by_epoch = series.by_metric(points(3), "epoch")
    # Of an epoch its last value, and no curve of itself.
    assert by_epoch == {"loss": Series([0, 1, 2], [1, 3, 5])}


def test_a_smoothed_curve_stands_before_what_was_measured() -> None:
    measured = Series([0, 1, 2, 3], [1.0, 3.0, None, 3.0])

    assert measured.smoothed(0.5).y == [1.0, pytest.approx(7 / 3), None, pytest.approx(2.7142857)]
    drawn = figures.curve(measured, Look(x="time", smooth="light", is_log=True))
    assert [len(line["y"]) for line in drawn["data"]] == [4, 4]
    assert drawn["layout"]["yaxis"]["type"] == "log"
    assert drawn["layout"]["xaxis"]["ticksuffix"] == " s"
    assert len(figures.curve(measured)["data"]) == 1


def test_how_curves_are_looked_at_is_in_the_address() -> None:
    job = "/jobs/j" + "a" * 12

    assert look_of(parse(job, "?x=time&smooth=strong&scale=log")) == Look("time", "strong", True)
    assert look_of(parse(job, "?x=<b>&smooth=9&scale=x&other=1")) == Look()


def test_a_job_is_copied_as_the_command_that_runs_it() -> None:
    spec = {
        "script": {"entry": "train.py"},
        "params": {"learning_rate": 0.1, "quiet": True, "off": False, "layers": [1, 2], "name": "a b"},
        "argv": ["; rm -rf /"],
        "needs": {"agent": "attic", "memory_mb": 512, "environment": "script"},
        "artifacts": ["*.png"],
        "name": "try",
    }

    assert run_command(spec) == (
        "idlehands run --env script --agent attic --memory-mb 512 --artifact '*.png' --name try train.py "
        "'; rm -rf /' --learning-rate 0.1 --quiet --layers 1 2 --name 'a b'"
    )
