"""Attempts whose scripts measure by TensorBoard, MLflow, wandb or draw with matplotlib."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.runner.port import RunProgress
from agents.runner.workspace import Workspace
from schemas.specs import JobSpec, ScriptRef
from tests.unit.agents.instruments.writers import PNG, frame, image_event, scalar_event
from tests.unit.agents.runner.attempts import Bench, eventually, make_grant
from tests.unit.agents.runner.conftest import BlobServer

EVENTS = "events.out.tfevents.1.attic"
WRITE = """
import os
os.makedirs("runs/a", exist_ok=True)
def write(content):
    with open("runs/a/{name}", "ab") as file:
        file.write(content)
"""
WRITE = WRITE.replace("{name}", EVENTS)


@pytest.fixture
def bench(tmp_path: Path, rest: BlobServer) -> Iterator[Bench]:
    found = Bench(tmp_path, rest.url, upload_patience_seconds=0.3)
    yield found
    found.close()


def first_and_second(step: int) -> bytes:
    return frame(scalar_event("loss", 1 / 2**step, step)) + frame(scalar_event("acc", step, step))


def test_a_script_that_prints_nothing_has_curves_a_result_and_pictures(
    bench: Bench, rest: BlobServer
) -> None:
    result = bench.run(
        f"{WRITE}write({first_and_second(1)!r})\nwrite({first_and_second(2)!r})\n"
        f"write({frame(image_event('digits', PNG))!r})\nopen('loss.png', 'wb').write({PNG!r})\n"
    )

    assert [(point.step, point.metrics) for point in result.series] == [
        (1.0, {"loss": 0.5, "acc": 1.0}),
        (2.0, {"loss": 0.25, "acc": 2.0}),
    ]
    assert result.result == {"loss": 0.25, "acc": 2.0}
    assert {one.name for one in result.artifacts} == {f"runs/a/{EVENTS}", "runs/a/digits.png", "loss.png"}
    assert all(one.sha256 in rest.blobs for one in result.artifacts)


def test_a_printed_result_stays_what_it_is(bench: Bench) -> None:
    result = bench.run(f"{WRITE}write({first_and_second(1)!r})\nprint('{{\"score\": 3}}')\n")

    assert result.result == {"score": 3}
    assert [point.metrics for point in result.series] == [{"loss": 0.5, "acc": 1.0}]


def test_a_failed_script_keeps_its_curves(bench: Bench) -> None:
    result = bench.run(f"{WRITE}write({first_and_second(1)!r})\nraise SystemExit(3)\n")

    assert (result.exit_code, result.result) == (3, None)
    assert [point.metrics for point in result.series] == [{"loss": 0.5, "acc": 1.0}]


def test_metrics_are_seen_while_the_script_runs(bench: Bench) -> None:
    token = bench.start(
        f"{WRITE}import time\nwrite({first_and_second(1)!r})\n"
        "while not os.path.exists('go'): time.sleep(0.01)\n"
    )

    def seen() -> list[dict[str, float | None]]:
        found = bench.find(RunProgress, token)
        return [point.metrics for report in found for point in report.progress.points]

    eventually(lambda: {"loss": 0.5, "acc": 1.0} in seen(), "its metrics", 60.0)
    (bench.home / "attempts" / f"jaaaaaaaaaaaa.{token}" / "go").write_text("")
    assert bench.wait_result(token).result == {"loss": 0.5, "acc": 1.0}
    assert seen().count({"loss": 0.5, "acc": 1.0}) == 1


def test_a_script_finds_variables_for_its_instruments(bench: Bench) -> None:
    result = bench.run(
        "import json, os\nprint(json.dumps({name: os.environ.get(name) for name in "
        "('MPLBACKEND', 'MLFLOW_TRACKING_URI', 'WANDB_MODE')}))\n"
    )

    assert result.result == {
        "MPLBACKEND": "module://idlehands_figures",
        "MLFLOW_TRACKING_URI": "file:./mlruns",
        "WANDB_MODE": "offline",
    }


def test_what_the_submitter_chose_is_not_overridden(tmp_path: Path) -> None:
    def variables(**spec: tuple[str, ...]) -> dict[str, str]:
        grant = make_grant(JobSpec(ScriptRef("0" * 64, "a.py"), **spec))
        workspace = Workspace(tmp_path, grant)
        workspace.folder.mkdir(parents=True, exist_ok=True)
        (workspace.folder / "matplotlibrc").write_text("backend: svg\n")
        return workspace.build_environment({}, grant, "marker")

    assert "MPLBACKEND" not in variables()
    assert variables()["WANDB_MODE"] == "offline"
    assert "WANDB_MODE" not in variables(secrets=("WANDB_API_KEY",))
