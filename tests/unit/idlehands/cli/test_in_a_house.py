"""The command line in a real house: broker, mongod, HQ, web and one agent, all real processes."""

import json
import os
import pty
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from idlehands.cli import completing
from idlehands.house.components import AgentOptions
from idlehands.house.running import RunningHouse, start_house
from tests.contract.bus_worlds import eventually
from tests.fixtures import commands

pytestmark = pytest.mark.process

ADD = """
import json, sys
print("adding", sys.argv[1:])
print(json.dumps({"loss": 0.5}), flush=True)
words = dict(zip(sys.argv[1::2], sys.argv[2::2]))
print(json.dumps({"sum": sum(float(v) for k, v in words.items() if k.startswith("--")), "n": len(sys.argv)}))
"""
SLOW = """
import time
print("begun", flush=True)
for i in range(600):
    time.sleep(0.1)
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHouse]:
    with start_house(tmp_path_factory.mktemp("house"), AgentOptions(count=1, slots=2)) as running:
        yield running


class Line:
    """`idlehands` in this house, from a folder with scripts."""

    def __init__(self, house: RunningHouse, folder: Path) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith("IDLEHANDS_")}
        self.environment = {**kept, "IDLEHANDS_HOME": str(house.home.path)}

    def script(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text)
        return name

    def start(self, *argv: str, **more: Any) -> subprocess.Popen[str]:
        command = [*commands.idlehands(), *argv]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | more
        return subprocess.Popen(command, cwd=self.folder, env=self.environment, **pipes)

    def __call__(self, *argv: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*argv)
        out, err = process.communicate(timeout=60)
        assert "Traceback" not in err or "line" in err, err
        return subprocess.CompletedProcess(argv, process.returncode, out, err)

    def rows(self, *argv: str) -> list[dict[str, Any]]:
        done = self(*argv, "--json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def line(house: RunningHouse, tmp_path: Path) -> Line:
    return Line(house, tmp_path)


def test_run_passes_words_untouched_and_prints_only_the_result(line: Line) -> None:
    done = line("run", "--param", "c=3", line.script("add.py", ADD), "--a", "1", "--help", "2")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"sum": 6.0, "n": 7}
    assert "adding ['--a', '1', '--help', '2', '--c', '3']" in done.stderr
    assert "succeeded" in done.stderr


@pytest.mark.parametrize(
    ("script", "code", "words"),
    [
        ("import sys; sys.exit(7)", 7, "code 7"),
        ("raise ValueError('bad lr')", 1, "bad lr"),
        ("import os; os.kill(os.getpid(), 9)", 137, "SIGKILL"),
        ("this is ( no python", 1, "not Python"),
    ],
)
def test_run_exits_with_the_scripts_code(line: Line, script: str, code: int, words: str) -> None:
    done = line("run", line.script("bad.py", script))

    assert done.returncode == code
    assert done.stdout == ""
    assert words in done.stderr
    assert "Error: j" in done.stderr


def test_ctrl_c_cancels_the_job(line: Line) -> None:
    process = line.start("run", line.script("slow.py", SLOW))
    assert process.stderr is not None
    for text in process.stderr:
        if "begun" in text:
            break

    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)

    assert process.returncode == 130, err
    assert "was cancelled" in err
    assert line.rows("jobs", "--limit", "1")[0]["status"] == "cancelled"


def test_a_result_too_big_for_a_message_arrives_whole(line: Line) -> None:
    script = line.script("big.py", "import json; print(json.dumps({'text': 'x' * 300_000}))")

    done = line("run", script)

    assert json.loads(done.stdout) == {"text": "x" * 300_000}


def test_a_script_finds_the_modules_beside_it(line: Line) -> None:
    line.script("helper_module.py", "ANSWER = 42")
    script = line.script(
        "uses.py", "import helper_module, json; print(json.dumps({'a': helper_module.ANSWER}))"
    )

    assert json.loads(line("run", script).stdout) == {"a": 42}


def test_on_a_terminal_there_is_a_bar_and_no_escape_reaches_the_result(line: Line) -> None:
    ticks = "import time,json\nfor i in range(5): print(f'{i*20}%|##| {i}/5', flush=True); time.sleep(0.2)\n"
    script = line.script("bar.py", ticks + "print(json.dumps({'a': 1}))")
    master, slave = pty.openpty()
    shown = bytearray()

    def read() -> None:
        try:
            while part := os.read(master, 65536):
                shown.extend(part)
        except OSError:
            return

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    process = line.start("run", script, stderr=slave)
    out, _ = process.communicate(timeout=60)
    os.close(slave)
    reader.join(60)
    os.close(master)

    assert json.loads(out) == {"a": 1}
    assert "━" in shown.decode(errors="replace")


def test_a_jobs_life_from_submit_to_retry(line: Line) -> None:
    script = line.script("add.py", ADD)
    submitted = line(
        "submit", script, "--param", "x=1.5", "--label", "nowhere", "--name", "odd [b]", "--", "--y", "2"
    )
    job = submitted.stdout.strip()
    short = job[:9]

    assert re.fullmatch(r"j[a-z2-7]{12}", job), submitted.stderr
    described = line("job", short).stdout
    assert "lacks the label nowhere" in described
    assert "odd [b]" in described
    assert "--y 2" in described
    assert line("hold", short).returncode == 0
    assert [row["id"] for row in line.rows("jobs", "--status", "held")] == [job]
    assert line("hold", short).returncode == 1
    assert line("release", short).returncode == 0
    assert line("cancel", short).returncode == 0
    late = line("cancel", short)
    assert (late.returncode, late.stderr) == (1, f"Error: Job {job} is cancelled: too late to cancel it.\n")
    again = line("retry", short).stdout.strip()
    assert json.loads(line("job", again, "--json").stdout)["spec"]["retry_of"] == job
    line("cancel", again)


def test_what_has_ended_is_deleted_and_what_waits_is_not(line: Line) -> None:
    script = line.script("add.py", ADD)
    waiting = line("submit", script, "--label", "nowhere").stdout.strip()
    trials = line("sweep", script, "--space", "x=1,2", "--grid", "--wait", "--json").stdout.splitlines()
    sweep, jobs = json.loads(trials[0])["sweep"], [json.loads(trial)["job"] for trial in trials]

    refused = line("delete", waiting, jobs[0])
    deleted = line("delete", sweep[:9], "--json")

    assert (refused.returncode, waiting in refused.stderr) == (1, True), refused.stderr
    assert json.loads(deleted.stdout)["sweeps"] == [sweep]
    eventually(lambda: line("job", jobs[0]).returncode == 1)
    assert line.rows("jobs", "--sweep", sweep) == []
    assert line.rows("results", "--sweep", sweep) == []
    assert line("job", waiting).returncode == 0
    line("cancel", waiting)
    assert line("delete", waiting).stderr == f"{waiting} deleted\n"
    eventually(lambda: line("job", waiting).returncode == 1)


def test_the_same_key_submits_once(line: Line) -> None:
    script = line.script("add.py", ADD)

    first, second = (line("submit", script, "--key", "k1") for _ in range(2))

    assert first.stdout == second.stdout != ""


def test_logs_are_printed_and_followed(line: Line) -> None:
    script = line.script(
        "talk.py", "import time\nfor i in range(8): print('word', i, flush=True); time.sleep(0.2)"
    )
    job = line("submit", script).stdout.strip()

    followed = line("logs", job, "-f")

    assert followed.returncode == 0
    assert followed.stdout.splitlines() == [f"word {number}" for number in range(8)]
    eventually(lambda: line("logs", job).stdout == followed.stdout)


def test_a_sweep_is_awaited_and_its_results_are_sorted(line: Line) -> None:
    script = line.script("add.py", ADD)

    done = line(
        "sweep",
        script,
        "--space",
        "x=1..3",
        "--grid",
        "--metric",
        "sum",
        "--param",
        "y=1",
        "--wait",
        "--json",
    )

    rows = [json.loads(text) for text in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr
    assert [row["result"]["result"]["sum"] for row in rows] == [4.0, 3.0, 2.0]
    sweep = rows[0]["sweep"]
    assert line.rows("results", "--sweep", sweep[:8], "--sort", "sum")[0]["params"]["x"] == 1
    assert line.rows("sweeps")[0]["id"] == sweep
    table = line("results", "--sweep", sweep).stdout.splitlines()
    assert table[0].split() == ["JOB", "AGENT", "X", "Y", "N", "SUM", "SECONDS", "WH", "OUTCOME"]
    assert len(table) == 4


def test_a_sweep_whose_trials_fail_ends_with_what_they_fail_with(line: Line) -> None:
    script = line.script("bad.py", "raise ValueError('bad lr')")

    done = line("sweep", script, "--space", "x=1,2", "--grid", "--wait")

    summary, reason = done.stderr.splitlines()[-2:]
    assert done.returncode == 5
    assert summary.endswith("finished: 0 succeeded, 2 did not")
    assert re.fullmatch(r"2 of 2 failed with .*bad lr; `idlehands job j\w{12}` shows one of them", reason)
    # The same sentence, though its example may be the other trial: results are in an order of their own.
    told = line("results", "--sweep", summary.split()[0]).stderr
    assert told.partition(";")[0] == reason.partition(";")[0]


def test_the_list_says_where_an_ended_job_ran(line: Line, house: RunningHouse) -> None:
    assert line("run", line.script("add.py", ADD), "--a", "1").returncode == 0

    (agent,) = [row["name"] for row in line.rows("agents")]
    assert line.rows("jobs", "--limit", "1")[0]["agent"] == agent


def test_a_sweep_comes_from_a_file(line: Line) -> None:
    line.script("add.py", ADD)
    spec = {"job": {"script": "add.py"}, "space": {"x": "1,2"}, "sampler": "grid", "metric": "sum"}
    line.script("sweep.json", json.dumps(spec))

    done = line("sweep", "--file", "sweep.json", "--wait", "--json")

    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2


def test_a_cancelled_sweep_ends_its_trials(line: Line) -> None:
    script = line.script("slow.py", SLOW)
    sweep = line("sweep", script, "--space", "x=1..50", "--trials", "20").stdout.strip()
    eventually(lambda: line.rows("jobs", "--sweep", sweep))

    assert line("cancel", sweep).returncode == 0

    eventually(lambda: {row["status"] for row in line.rows("jobs", "--sweep", sweep)} == {"cancelled"})


def test_a_sweep_under_way_is_paused_added_to_and_stopped(line: Line) -> None:
    script = line.script("slow.py", SLOW)
    sweep = line("sweep", script, "--space", "x=1..50", "--trials", "20", "--parallel", "3").stdout.strip()

    assert line("sweep", "pause", sweep).stderr == f"{sweep} paused\n"
    job = line("sweep", "add", sweep, "-p", "x=500").stdout.strip()
    eventually(
        lambda: {"id": job, "status": "held"}.items() <= line.rows("jobs", "--sweep", sweep)[0].items()
    )
    assert line("sweep", "stop", sweep, "--live").returncode == 0

    eventually(
        lambda: {row["status"] for row in line.rows("jobs", "--sweep", sweep)} <= {"pruned", "cancelled"}
    )


def test_the_house_is_described(line: Line, house: RunningHouse) -> None:
    agents = line.rows("agents")
    status = json.loads(line("hq", "status", "--json").stdout)
    whole = json.loads(line("status", "--json").stdout)

    assert [agent["online"] for agent in agents] == [True]
    assert status["database"] == "ok"
    assert [agent["agent"] for agent in status["agents"]] == [agents[0]["name"]]
    assert {"page", "rest", "broker", "mongodb"} <= whole.keys()
    assert "house is up" not in line("status").stdout


@pytest.mark.slow
def test_the_read_models_are_rebuilt_while_the_house_runs(line: Line) -> None:
    job = json.loads(line("submit", line.script("add.py", ADD), "--json").stdout)["jobs"][0]
    eventually(lambda: json.loads(line("job", job, "--json").stdout)["status"] == "succeeded")
    before = json.loads(line("job", job, "--json").stdout)

    done = line("hq", "rebuild")

    assert done.returncode == 0, done.stderr
    assert "position" in done.stderr
    assert json.loads(line("job", job, "--json").stdout) == before
    assert line("run", "add.py").returncode == 0


def test_an_output_that_nobody_reads_is_no_error(line: Line) -> None:
    process = line.start("jobs", "--json")
    assert process.stdout is not None
    process.stdout.close()

    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(60) in (0, 1, 141)


def test_the_tab_key_knows_ids_and_names_of_the_house(
    line: Line, house: RunningHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = line("submit", line.script("add.py", ADD), "--label", "nowhere", "--name", "tabbed")
    job = done.stdout.strip()
    monkeypatch.setenv("IDLEHANDS_HOME", str(house.home.path))

    # It gives up after a second, so on a busy machine it may take several presses.
    eventually(lambda: completing.jobs(job[:6]) == [(job, "tabbed, queued")], 60)
    eventually(lambda: [name for name, _ in completing.agents("")] != [], 60)
    line("cancel", job)
