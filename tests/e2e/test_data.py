"""What survives a machine, in a real house: checkpoints, artifacts, datasets; and what scripts run in."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agents.runner.workspace import INJECTED
from benchmarks.early_stopping import measure_gaps
from idlehands.bundle import build_bundle
from idlehands.client import Client
from idlehands.house.components import AgentOptions
from idlehands.house.running import RunningHouse, start_house
from schemas.events import CheckpointStored, JobClaimed
from schemas.samplers import SamplerOptions
from schemas.specs import FloatRange, JobSpec, Needs, ScriptRef, SweepSpec
from tests.e2e.workplace import Workplace, at_work
from tests.fixtures import commands
from tests.fixtures.broker import eventually
from tests.fixtures.wheels import only_from, write_wheel

pytestmark = pytest.mark.process
TRAINING = Path(__file__).with_name("training_script.py")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHouse]:
    """A house whose two agents store checkpoints often, and take packages from a folder with one wheel."""
    folder = tmp_path_factory.mktemp("house") / "house"
    write_wheel(folder.parent / "wheels", "tinylib", "1.5", "VALUE = 1.5\n")
    often = {"IDLEHANDS_CHECKPOINT_SECONDS": "0.2", **only_from(folder.parent / "wheels")}
    with start_house(folder, AgentOptions(count=2, slots=2), wait_seconds=120, environment=often) as running:
        yield running


@pytest.fixture(scope="module")
def work(house: RunningHouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    """A client of that house."""
    with at_work(house, tmp_path_factory.mktemp("ledger") / "ledger") as workplace:
        yield workplace


def store(client: Client, script: Path) -> ScriptRef:
    bundle = build_bundle(script)
    return ScriptRef(client.put_blob(bundle.content), bundle.entry, script.stem)


def run_by_hand(script: Path, *argv: str) -> dict[str, Any]:
    """Return what a script prints last when nobody interrupts it."""
    environment = os.environ | {"PYTHONPATH": str(INJECTED)}
    done = subprocess.run(
        [sys.executable, script, *argv], env=environment, capture_output=True, check=True, timeout=120
    )
    last: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return last


# --- checkpoints -------------------------------------------------------------------------


def holder(work: Workplace, job: str) -> JobClaimed | None:
    """Return the claim of the attempt that runs now; None while none does."""
    if work.client.job(job)["status"] != "running":
        return None
    claims = [event for event in work.events([job]) if isinstance(event, JobClaimed)]
    return claims[-1] if claims else None


def wait_holder(work: Workplace, job: str, after: int = 0) -> JobClaimed:
    """Return the claim of an attempt that runs and has a later token than that."""
    found: list[JobClaimed] = []

    def runs() -> bool:
        claim = holder(work, job)
        found[:] = [claim] if claim is not None and claim.token > after else []
        return bool(found)

    eventually(runs, 90)
    return found[0]


def stored_by(work: Workplace, job: str, token: int) -> int:
    """Return how many checkpoints of an attempt HQ has recorded."""
    return sum(
        isinstance(event, CheckpointStored) and event.checkpoint.token == token
        for event in work.events([job])
    )


def interrupt(work: Workplace, job: str, number: signal.Signals, checkpoints: int) -> int:
    """End the agent that runs the job, once so many checkpoints are stored; return the attempt's token.

    What lies on that machine is lost with it.
    """
    claim = wait_holder(work, job)
    eventually(lambda: stored_by(work, job, claim.token) >= checkpoints, 60)
    if number is signal.SIGKILL:
        work.kill(f"agent-{claim.agent}")
        folder = work.house.home.agent(claim.agent) / "home" / "checkpoints"
        shutil.rmtree(folder / job, ignore_errors=True)
        (folder / f"{job}.token").unlink(missing_ok=True)
    else:
        work.send(f"agent-{claim.agent}", number)
    return claim.token


def starts_of(work: Workplace, job: str) -> list[int]:
    """Return at which epoch each attempt began."""
    lines = [line for row in work.client.logs(job) for line in row["lines"]]
    return [int(line.rpartition(" ")[2]) for line in lines if line.startswith("begins at epoch")]


def train_with_interruptions(
    work: Workplace, framework: str, epochs: int, ends: list[signal.Signals], until: Path
) -> None:
    params = {"framework": framework, "epochs": epochs, "pause": 0.15, "until": str(until)}
    expected = run_by_hand(TRAINING, "--framework", framework, "--epochs", str(epochs), "--pause", "0")
    made = work.client.submit([JobSpec(store(work.client, TRAINING), params, max_starts=50)])
    job = made.jobs[0]
    work.client.job(job, at_least=made.position)

    for number in ends:
        token = interrupt(work, job, number, random.randint(1, 3))
        wait_holder(work, job, after=token)
    until.touch()

    assert work.wait_final([job], 180) == {job: "succeeded"}
    accepted = [row for row in work.client.job(job)["results"] if row["verdict"] == "accepted"]
    assert accepted[0]["result"]["result"] == expected
    starts = starts_of(work, job)
    # Of an attempt that was killed as it began, its first line may be lost.
    assert len(starts) > 1
    assert min(starts[1:]) > 0
    assert work.client.job(job).get("checkpoint") is None


def test_a_job_whose_machines_die_goes_on_from_its_last_checkpoint(work: Workplace, tmp_path: Path) -> None:
    train_with_interruptions(work, "numpy", 12, [signal.SIGKILL], tmp_path / "go")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_training_with_torch_that_is_killed_at_random_ends_as_if_nothing_had_been(
    work: Workplace, seed: int, tmp_path: Path
) -> None:
    random.seed(seed)
    # One loss each on two machines makes a job dead: of the others their owners want them back.
    ends = random.sample([signal.SIGKILL, *[signal.SIGTERM] * 3], 4)

    train_with_interruptions(work, "torch", 60, ends, tmp_path / "go")


# --- artifacts ---------------------------------------------------------------------------

LEAVES_FILES = """
import idlehands, json, os
os.makedirs("out")
with open("out/curve.csv", "w") as file:
    file.write("epoch,loss\\n1,0.5\\n")
with open("weights", "wb") as file:
    file.write(bytes(range(256)) * 100_000)
idlehands.save("model.bin", "weights")
print(json.dumps({"loss": 0.5}))
"""


def idlehands(house: RunningHouse, folder: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run a command in this house and return what it printed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("IDLEHANDS_")}
    return subprocess.run(
        [*commands.idlehands(), *argv],
        cwd=folder,
        env={**kept, "IDLEHANDS_HOME": str(house.home.path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def submit_and_wait(work: Workplace, folder: Path, *argv: str) -> dict[str, Any]:
    """Submit by the command line and return the job once it has ended."""
    done = idlehands(work.house, folder, "submit", *argv, "--json")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    work.wait_final(made["jobs"])
    return work.client.job(made["jobs"][0], at_least=made["position"])


def train_population(
    work: Workplace, script: Path, space: dict[str, Any], **more: Any
) -> list[dict[str, Any]]:
    """Return the trials of a population, which have all succeeded."""
    params = more.pop("params", {})
    killed = more.pop("killed", ())
    options = SamplerOptions(population_size=3)
    wanted = {"sampler": "pbt", "options": options, "parallel": 3, "seed": 5, **more}
    job = JobSpec(store(work.client, script), params)
    submitted = work.client.submit_sweep(SweepSpec(job, space, **wanted))  # type: ignore[arg-type]

    def read() -> dict[str, Any]:
        return work.client.sweep(submitted.sweep, at_least=submitted.position)

    for number, name in enumerate(killed, start=1):
        # Some trials later each time, as long as it runs.
        eventually(lambda number=number: read()["succeeded"] >= 3 * number, 120)
        work.send(name, signal.SIGKILL)
    eventually(lambda: read()["status"] == "finished", 180)
    trials = list(work.client.trials(submitted.sweep))
    assert [trial["status"] for trial in trials] == ["succeeded"] * more["trials"]
    return trials


@pytest.mark.parametrize(
    "killed", [(), pytest.param(("hq", "search", "hq"), marks=pytest.mark.slow)], ids=["in peace", "killed"]
)
def test_a_population_hands_its_checkpoints_on(work: Workplace, killed: tuple[str, ...]) -> None:
    script = Path(__file__).with_name("population_script.py")
    trials = train_population(
        work,
        script,
        {"rate": FloatRange(0.001, 1, log=True)},
        params={"pause": 0.3 if killed else 0.0},
        metric="score",
        trials=12 if killed else 9,
        killed=killed,
    )

    results = [trial["result"]["result"] for trial in trials]
    assert [trial["lineage"]["generation"] for trial in trials[:3]] == [0, 0, 0]
    for trial, result in zip(trials[3:], results[3:], strict=True):
        line = trial["lineage"]
        parent = results[line["parent"]]
        # All that the parent was, and one generation more.
        assert result["rates"] == [*parent["rates"], trial["params"]["rate"]]
        assert result["step"] == parent["step"] + 3 == (line["generation"] + 1) * 3
        assert result["score"] > parent["score"]


@pytest.mark.slow
def test_a_population_of_torch_networks_trains_on_where_their_parents_ended(work: Workplace) -> None:
    script = Path(__file__).with_name("population_torch_script.py")
    space = {"lr": FloatRange(1e-4, 0.1, log=True), "dropout": FloatRange(0.0, 0.3)}

    trials = train_population(work, script, space, metric="loss", direction="minimize", trials=12)

    results = [trial["result"]["result"] for trial in trials]
    for trial, result in zip(trials, results, strict=True):
        line = trial["lineage"]
        assert result["epoch"] == (line["generation"] + 1) * 3
        if line["parent"] is None:
            assert result["begins"]["epoch"] == 0
            assert result["begins"]["loss"] > 50
        else:
            # To the last digit: its parent's weights, whatever this trial's own parameters are.
            parent = results[line["parent"]]
            assert result["begins"] == {"epoch": parent["epoch"], "loss": parent["loss"]}
    # A member that was among the worst goes on as another one.
    members = [trial["lineage"]["member"] for trial in trials]
    assert any(
        members[line["parent"]] != line["member"]
        for line in (trial["lineage"] for trial in trials)
        if line["parent"] is not None
    )
    assert min(result["loss"] for result in results) < min(result["loss"] for result in results[:3])


def test_the_benchmark_of_early_stopping_sees_when_the_next_trial_starts(work: Workplace) -> None:
    gaps = list(measure_gaps(work.house.home, work.client, 2))

    # Of the last one there is no next.
    assert len(gaps) == 1
    assert gaps[0] > 0


def test_what_a_script_leaves_behind_comes_to_its_submitter(work: Workplace, tmp_path: Path) -> None:
    (tmp_path / "leaves.py").write_text(LEAVES_FILES)
    job = submit_and_wait(work, tmp_path, "leaves.py", "--artifact", "out/*.csv")

    shown = idlehands(work.house, tmp_path, "job", job["id"])
    got = idlehands(work.house, tmp_path, "get", job["id"], "here")

    assert got.returncode == 0, got.stderr
    assert (tmp_path / "here" / "artifacts" / "out" / "curve.csv").read_text() == "epoch,loss\n1,0.5\n"
    # More than one piece, on the way in.
    assert (tmp_path / "here" / "artifacts" / "model.bin").read_bytes() == bytes(range(256)) * 100_000
    assert json.loads((tmp_path / "here" / "result.json").read_text())["result"] == {"loss": 0.5}
    assert "artifact out/curve.csv" in shown.stdout
    assert "artifact model.bin" in shown.stdout


# --- datasets ----------------------------------------------------------------------------

SUMS = """
import argparse, csv, json
parser = argparse.ArgumentParser()
parser.add_argument("--table")
with open(parser.parse_args().table) as file:
    rows = list(csv.DictReader(file))
print(json.dumps({"rows": len(rows), "sum": sum(float(row["b"]) for row in rows)}))
"""


def test_a_dataset_reaches_the_script_as_a_path_and_the_result_names_its_version(
    work: Workplace, tmp_path: Path
) -> None:
    (tmp_path / "sums.py").write_text(SUMS)
    (tmp_path / "table.csv").write_text("a,b\n1,2\n3,4.5\n")
    added = idlehands(work.house, tmp_path, "data", "add", "table", "table.csv")
    assert added.returncode == 0, added.stderr

    job = submit_and_wait(work, tmp_path, "sums.py", "--param", "table=data://table")

    (result,) = [row["result"] for row in job["results"]]
    assert result["result"] == {"rows": 2, "sum": 6.5}
    assert added.stdout == f"table@{result['datasets']['table'][:12]}\n"
    assert "table.csv" in idlehands(work.house, tmp_path, "data", "show", "table").stdout
    assert idlehands(work.house, tmp_path, "data", "remove", "table").returncode == 0
    refused = idlehands(work.house, tmp_path, "submit", "sums.py", "--param", "table=data://table")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "there is no dataset table" in refused.stderr
    gone = submit_and_wait(work, tmp_path, "sums.py", "--force", "--param", "table=data://table")
    assert gone["results"][0]["result"]["failure"]["kind"] == "dataset_missing"


# --- reproducing -------------------------------------------------------------------------


@pytest.mark.slow
def test_a_job_is_run_again_with_the_same_data_and_what_differs_is_said(
    work: Workplace, tmp_path: Path
) -> None:
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    assert idlehands(work.house, tmp_path, "data", "add", "pinned", "table.csv").returncode == 0
    (tmp_path / "sums.py").write_text(SUMS)
    steady = submit_and_wait(work, tmp_path, "sums.py", "--param", "table=data://pinned")
    (tmp_path / "table.csv").write_text("a,b\n1,2\n3,4.5\n")
    assert idlehands(work.house, tmp_path, "data", "add", "pinned", "table.csv").returncode == 0
    (tmp_path / "random.py").write_text("import json, os\nprint(json.dumps({'x': os.urandom(9).hex()}))\n")
    other = submit_and_wait(work, tmp_path, "random.py")

    same = idlehands(work.house, tmp_path, "reproduce", steady["id"])
    differs = idlehands(work.house, tmp_path, "reproduce", other["id"], "--json")

    assert (same.returncode, same.stdout.splitlines()[-1]) == (0, "The result is the same."), same.stderr
    assert steady["results"][0]["result"]["environment"]
    said = json.loads(differs.stdout)
    assert (differs.returncode, said["same"]) == (5, False)
    assert [one["what"] for one in said["result"]] == ["result x"]
    assert work.client.job(said["again"])["spec"]["retry_of"] == other["id"]


# --- environments ------------------------------------------------------------------------

HEADER = """# /// script
# dependencies = ["tinylib"]
# ///
import json, sys
import tinylib
print(json.dumps({"value": tinylib.VALUE, "prefix": sys.prefix}))
"""


def test_ten_scripts_with_a_header_build_what_it_asks_for_once_and_one_that_cannot_be_met_says_why(
    work: Workplace, tmp_path: Path
) -> None:
    (tmp_path / "needs.py").write_text(HEADER)
    (tmp_path / "hopeless.py").write_text(HEADER.replace('tinylib"', 'no-such-package==3"'))
    agent = work.client.agents()[0]["name"]
    needs = Needs(agent=agent, environment="script")
    ten = [JobSpec(store(work.client, tmp_path / "needs.py"), name=str(n), needs=needs) for n in range(10)]

    made = work.client.submit(ten)
    hopeless = idlehands(work.house, tmp_path, "run", "hopeless.py")

    assert set(work.wait_final(list(made.jobs)).values()) == {"succeeded"}
    jobs = [work.client.job(job) for job in made.jobs]
    results = [row["result"]["result"] for job in jobs for row in job["results"]]
    (place,) = (work.house.home.agent(agent) / "home" / "environments").glob("*/ready.json")
    assert results == [{"value": 1.5, "prefix": str(place.parent / "env")}] * 10
    assert "environment_failed" in hopeless.stderr
    assert "no-such-package" in hopeless.stderr
