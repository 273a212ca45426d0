"""The command line on a real house: scripts of every sort from `run` to their result and exit code."""

import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.workplace import Workplace, is_gone
from tests.fixtures import commands
from tests.fixtures.broker import eventually

pytestmark = pytest.mark.process

ECHO = """
import json, os, sys
given = {"argv": sys.argv[1:], "stdin": sys.stdin.read()}
print("to the log")
print(json.dumps(given))
"""


class Shell:
    """`idlehands ...` in the environment of one house, with scripts in a folder."""

    def __init__(self, work: Workplace, folder: Path) -> None:
        self.house = work.house
        self.client = work.client
        self.folder = folder

    def script(self, text: str, name: str = "script.py") -> str:
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*commands.idlehands(), *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"IDLEHANDS_HOME": str(self.house.home.path)},
        )

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        with self.start(*words) as process:
            out, error = process.communicate(timeout=150)
        return subprocess.CompletedProcess(words, process.returncode, out, error)

    def json(self, *words: str) -> Any:
        """Return the JSON document that a command prints; its exit code must be 0."""
        done = self.run(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def lines(self, *words: str) -> list[dict[str, Any]]:
        """Return the JSON documents that a command prints, one a line."""
        done = self.run(*words, "--json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def submit(self, script: str, *words: str) -> str:
        """Submit a job and return its id."""
        job: str = self.json("submit", *words, script)["jobs"][0]
        return job

    def wait_status(self, job: str, status: str) -> None:
        # Not by the command line: a new process for each look would keep a small machine busy.
        eventually(lambda: self.client.job(job)["status"] == status, 60)

    def agent_pids(self) -> list[int]:
        parts = self.house.status().components
        return [part.pid for part in parts if part.name.startswith("agent-") and part.pid]


@pytest.fixture
def shell(work: Workplace, tmp_path: Path) -> Shell:
    return Shell(work, tmp_path)


def waiting_script(mark: Path) -> str:
    """A script that waits until the file `mark` is there, and says that it has begun."""
    return (
        "import pathlib, time\nprint('begun', flush=True)\n"
        f"while not pathlib.Path({str(mark)!r}).exists():\n    time.sleep(0.02)\nprint('{{\"ok\": true}}')\n"
    )


# --- run: arguments, results and exit codes -------------------------------------------------


def test_words_after_the_script_are_the_scripts_own(shell: Shell) -> None:
    done = shell.run("run", shell.script(ECHO), "--help", "-x", "two words", "ü")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"argv": ["--help", "-x", "two words", "ü"], "stdin": ""}
    assert "to the log" in done.stderr


@pytest.mark.parametrize(
    ("style", "argv", "stdin"),
    [
        ("flags", ["--learning-rate", "0.5", "--deep", "--layers", "1", "2"], None),
        ("positional", ["0.5", "true", "1", "2"], None),
        ("stdin", [], {"learning_rate": 0.5, "deep": True, "layers": [1, 2]}),
    ],
)
def test_parameters_reach_the_script_in_the_style_it_wants(
    shell: Shell, style: str, argv: list[str], stdin: dict[str, Any] | None
) -> None:
    params = ["-p", "learning_rate=0.5", "-p", "deep=true", "-p", "layers=[1,2]"]

    done = shell.run("run", "--arguments", style, *params, shell.script(ECHO))

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert json.loads(found["stdin"] or "null") == stdin
    assert [word.lower() for word in found["argv"]] == argv


def test_the_module_beside_the_script_travels_with_it(shell: Shell) -> None:
    shell.script("ANSWER = 42\n", "beside.py")

    done = shell.run(
        "run", shell.script("import beside\nprint({'a': 1})\nprint(f'{{\"a\": {beside.ANSWER}}}')")
    )

    assert (done.returncode, json.loads(done.stdout)) == (0, {"a": 42})


def test_without_a_result_nothing_is_printed(shell: Shell) -> None:
    done = shell.run("run", shell.script("print('hello')"))

    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("sys.exit(0)", 0),
        ("sys.exit(1)", 1),
        ("sys.exit(7)", 7),
        ("sys.exit(255)", 255),
        ("sys.exit('because')", 1),
        ("os.kill(os.getpid(), 9)", 137),
        ("os.abort()", 134),
        ("1 / 0", 1),
    ],
)
def test_run_exits_as_the_script_did(shell: Shell, ending: str, code: int) -> None:
    done = shell.run("run", shell.script(f"import os, sys\n{ending}\n"))

    assert done.returncode == code, done.stderr
    assert ("Error: " in done.stderr) == (code != 0)


def test_a_result_of_300_kb_arrives_whole(shell: Shell) -> None:
    script = shell.script(
        "import json\nprint(json.dumps({'text': 'ü' * 150_000, 'rows': list(range(3000))}))"
    )

    done = shell.run("run", script)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"text": "ü" * 150_000, "rows": list(range(3000))}


def test_metrics_that_are_no_numbers_are_shown_and_harm_nothing(shell: Shell) -> None:
    script = shell.script(
        'print(\'{"step": 1, "loss": NaN}\')\nprint(\'{"step": 2, "loss": Infinity}\')\n'
        'print(\'{"step": 3, "loss": 1e999, "n": 123456789012345678901234567890}\')\n'
        'print(\'{"loss": NaN, "accuracy": 0.5}\')\n'
    )

    done = shell.run("run", script)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"loss": None, "accuracy": 0.5}


def test_ctrl_c_cancels_the_job(shell: Shell, tmp_path: Path) -> None:
    with shell.start("run", shell.script(waiting_script(tmp_path / "never"))) as process:
        assert process.stderr is not None
        job = ""
        for line in process.stderr:
            job = line.split()[-1] if line.startswith("· job ") else job
            if line.strip() == "begun":
                break
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)

    assert process.returncode == 130, error
    assert f"{job} was cancelled" in error
    shell.wait_status(job, "cancelled")


# --- scripts that are no good ----------------------------------------------------------------


def test_a_script_that_does_not_exist_is_named_and_nothing_is_submitted(shell: Shell) -> None:
    before = len(shell.lines("jobs", "--limit", "1000"))

    done = shell.run("run", str(shell.folder / "nowhere.py"))

    assert (done.returncode, done.stdout) == (125, "")
    assert "There is no script" in done.stderr
    assert len(shell.lines("jobs", "--limit", "1000")) == before


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"this is no python\n", "not_python"),
        (b"\x7fELF\x02\x01\x01\x00\x00\xff\xfe", "not_python"),
        (b"def f(:\n", "not_python"),
    ],
)
def test_a_file_that_is_not_python_is_a_named_failure(shell: Shell, content: bytes, kind: str) -> None:
    path = shell.folder / "bad.py"
    path.write_bytes(content)

    done = shell.run("run", str(path))

    assert done.returncode == 1, done.stderr
    assert f"failed: {kind}:" in done.stderr


def test_a_script_that_prints_garbage_succeeds_with_a_readable_log(shell: Shell) -> None:
    script = shell.script(
        "import os, random\nrandom.seed(1)\n"
        "os.write(1, bytes(random.randrange(256) for _ in range(20_000)))\n"
        "os.write(1, b'\\n\\x1b[2J{\"not json\\n{]\\n[1,2]\\nnull\\n')\n"
    )

    done = shell.run("run", script)

    assert (done.returncode, done.stdout) == (0, "")
    assert "\x1b" not in done.stderr


def test_a_script_that_never_ends_is_stopped_at_its_time_limit(shell: Shell) -> None:
    began = time.monotonic()

    done = shell.run("run", "--time-limit", "1.5", shell.script("while True: pass"))

    assert done.returncode not in (0, 125), done.stderr
    assert "failed: wall_time:" in done.stderr
    assert time.monotonic() - began < 60


def test_what_a_script_forked_is_gone_when_it_has_ended(shell: Shell) -> None:
    script = shell.script(
        "import json, subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(3600)'],"
        " start_new_session=True)\n"
        "print(json.dumps({'pid': child.pid}))\n"
    )

    done = shell.run("run", script)

    assert done.returncode == 0, done.stderr
    pid = json.loads(done.stdout)["pid"]
    eventually(lambda: is_gone(pid))


def test_a_script_that_prints_300_mb_leaves_the_agents_small(shell: Shell) -> None:
    script = shell.script(
        "import sys\nline = 'x' * 99 + '\\n'\nfor _ in range(300):\n    sys.stdout.write(line * 10_000)\n"
        "print('{\"done\": true}')\n"
    )
    peaks: list[int] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.05):
            peaks.extend(_resident_mb(pid) for pid in shell.agent_pids())

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        done = shell.run("run", script)
    finally:
        ended.set()
        watching.join()

    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout) == {"done": True}
    assert len(done.stderr) < 20_000_000, "most of it was dropped, and said so"
    assert "dropped" in done.stderr
    assert max(peaks) < 150


def test_a_line_without_an_end_is_a_named_failure_and_leaves_the_agents_small(shell: Shell) -> None:
    script = shell.script("import sys\nwhile True:\n    sys.stdout.write('x' * 1_000_000)\n")

    done = shell.run("run", script)

    assert done.returncode == 137, done.stderr[-2000:]
    assert "failed: output_limit:" in done.stderr
    assert max(_resident_mb(pid) for pid in shell.agent_pids()) < 150


def test_after_bad_scripts_both_agents_still_work(shell: Shell) -> None:
    agents = [row["name"] for row in shell.lines("agents")]
    assert len(agents) == 2

    for name in agents:
        done = shell.run("run", "--agent", name, shell.script("print('{\"fine\": true}')"))
        assert (done.returncode, json.loads(done.stdout)) == (0, {"fine": True})
    parts = shell.house.status().components
    assert [part.restarts for part in parts] == [0] * len(parts), "no process of the house ended"


def _resident_mb(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return int(text.partition("VmRSS:")[2].split()[0]) // 1024 if "VmRSS:" in text else 0


# --- submit and what comes after it ------------------------------------------------------------


def test_a_job_is_submitted_shown_followed_and_listed(shell: Shell, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    job = shell.submit(shell.script(waiting_script(mark)), "--name", "waiter")
    shell.wait_status(job, "running")
    with shell.start("logs", job, "-f") as following:
        assert following.stdout is not None
        assert following.stdout.readline() == "begun\n"
        mark.touch()
        following.communicate(timeout=60)
    assert following.returncode == 0
    shell.wait_status(job, "succeeded")

    found = shell.json("job", job)
    row = next(row for row in shell.lines("jobs") if row["id"] == job)
    result = next(row for row in shell.lines("results") if row["job"] == job)
    assert found["spec"]["name"] == row["spec"]["name"] == "waiter"
    assert result["result"]["result"] == {"ok": True}
    assert result["agent"] in [agent["name"] for agent in shell.lines("agents")]
    assert shell.run("logs", job).stdout.splitlines()[0] == "begun"
    for command in (["jobs"], ["job", job], ["results"], ["agents"]):
        shown = shell.run(*command)
        assert shown.returncode == 0
        assert "\x1b" not in shown.stdout
    assert job in shell.run("jobs").stdout


def test_a_queued_job_is_held_released_and_says_why_it_waits(shell: Shell) -> None:
    job = shell.submit(shell.script("print('{}')"), "--label", "moon-base")
    assert shell.json("job", job)["why"]

    held = shell.run("hold", job)
    assert held.returncode == 0
    shell.wait_status(job, "held")
    assert shell.json("release", job)["jobs"] == [job]
    shell.wait_status(job, "queued")
    assert shell.run("cancel", job[:9]).returncode == 0
    shell.wait_status(job, "cancelled")
    again = shell.run("cancel", job)
    assert again.returncode == 1
    assert again.stderr.startswith("Error: ")


def test_a_failed_job_is_retried_as_a_new_one(shell: Shell, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    script = shell.script(f"import pathlib, sys\nsys.exit(0 if pathlib.Path({str(mark)!r}).exists() else 3)")
    job = shell.submit(script)
    shell.wait_status(job, "failed")
    mark.touch()

    again = shell.run("retry", job).stdout.strip()

    assert again != job
    shell.wait_status(again, "succeeded")
    assert shell.json("job", again)["spec"]["retry_of"] == job


def test_an_unknown_job_is_said_in_one_line(shell: Shell) -> None:
    for command in ("job", "logs", "cancel", "hold", "release", "retry"):
        done = shell.run(command, "jaaaaaaaaaaaa")
        assert done.returncode == 1, command
        assert done.stdout == ""
        assert done.stderr.startswith("Error: ")
        assert len(done.stderr.splitlines()) == 1


def test_a_sweep_is_waited_for_and_its_results_come_best_first(shell: Shell) -> None:
    script = shell.script(
        "import argparse, json\nparser = argparse.ArgumentParser()\nparser.add_argument('--x', type=int)\n"
        "x = parser.parse_args().x\nprint(json.dumps({'score': -(x - 3) ** 2}))\n"
    )

    done = shell.run("sweep", script, "-s", "x=1..5", "--grid", "--metric", "score", "--wait", "--json")

    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["result"]["result"]["score"] for row in rows] == [0, -1, -1, -4, -4]
    assert rows[0]["params"] == {"x": 3}
    assert {row["sweep"] for row in rows} == {shell.lines("sweeps")[0]["id"]}


def test_a_sweep_with_a_failed_trial_is_no_success(shell: Shell) -> None:
    script = shell.script("import sys\nif sys.argv[2] == '2': sys.exit(4)\nprint('{\"score\": 1}')\n")

    done = shell.run("sweep", script, "-s", "x=1..3", "--grid", "--metric", "score", "--wait")

    assert done.returncode == 5
    assert "2 succeeded, 1 did not" in done.stderr


_TRAINING = """\
import json, sys, time
worth = float(sys.argv[sys.argv.index("--worth") + 1])
for epoch in range(1, 2001):
    print(json.dumps({"epoch": epoch, "accuracy": worth * min(epoch, 10) / 10}), flush=True)
    time.sleep(0.02)
    if worth == 0.9 and epoch >= 20:
        break
print(json.dumps({"accuracy": worth, "whole": True}))
"""


def test_trials_of_a_script_that_knows_nothing_of_it_are_ended_early(shell: Shell) -> None:
    # One after the other, and the best first: the others cannot come beyond the first rung.
    words = ("-s", "worth=0.9,0.1,0.2", "--grid", "--metric", "accuracy", "--parallel", "1")

    done = shell.run(
        "sweep", shell.script(_TRAINING), *words, "--pruner", "halving:min_resource=3", "--wait", "--json"
    )

    assert done.returncode == 0, done.stderr
    assert "1 succeeded, 0 did not, 2 ended early" in done.stderr
    rows = {row["params"]["worth"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert rows[0.9]["result"]["result"] == {"accuracy": 0.9, "whole": True}
    trials = [(trial["status"], trial["why"]) for trial in shell.client.trials(rows[0.9]["sweep"])]
    assert [status for status, _ in trials] == ["succeeded", "pruned", "pruned"]
    for (_, why), worth in zip(trials[1:], (0.1, 0.2), strict=True):
        assert why.startswith("at step 3 its accuracy was ")
        # What it had by then is kept.
        assert rows[worth]["result"]["failure"]["kind"] == "ended_early"
        assert rows[worth]["result"]["result"]["epoch"] < 2000


# --- jobs that wait for others -----------------------------------------------------------------


def test_a_pipeline_goes_on_after_its_failure_with_what_succeeded(shell: Shell) -> None:
    shell.script('open("table.csv", "w").write("a,b")\nprint(\'{"rows": 7}\')', "prepare.py")
    good = shell.folder / "good"
    shell.script(
        "import json, os, sys\n"
        f"if not os.path.exists({str(good)!r}): sys.exit('not yet')\n"
        "given = dict(zip(sys.argv[1::2], sys.argv[2::2]))\n"
        "print(json.dumps({'rows': int(given['--rows']), 'text': open(given['--table']).read()}))\n",
        "train.py",
    )
    steps = [
        {"name": "prepare", "job": {"script": "prepare.py", "artifacts": ["table.csv"]}},
        {
            "name": "train",
            "job": {
                "script": "train.py",
                "params": {"rows": "result://prepare/rows", "table": "artifact://prepare/table.csv"},
            },
        },
    ]
    file = shell.folder / "pipeline.json"
    file.write_text(json.dumps({"name": "small", "steps": steps}))

    failed = shell.run("pipeline", "run", str(file), "--wait", "--json")
    assert failed.returncode == 5, failed.stderr
    first = json.loads(failed.stdout)
    assert [step["status"] for step in first["steps"]] == ["succeeded", "failed"]
    good.touch()
    again = shell.json("pipeline", "retry", first["pipeline"], "--wait")

    assert [step["status"] for step in again["steps"]] == ["succeeded", "succeeded"]
    assert again["steps"][0]["id"] == first["steps"][0]["id"]
    job = shell.client.job(again["steps"][1]["id"])
    assert job["results"][0]["result"]["result"] == {"rows": 7, "text": "a,b"}
    # Long after its parent has ended, a job is told what that brought.
    parent = first["steps"][0]["id"]
    late = shell.submit(
        str(shell.folder / "prepare.py"), "--after", parent, "-p", f"x=result://{parent}/rows"
    )
    eventually(lambda: shell.client.job(late)["spec"]["params"] == {"x": 7}, 60)


@pytest.mark.slow
def test_the_example_of_a_pipeline_searches_trains_again_and_reports(shell: Shell) -> None:
    file = Path(__file__).parents[2] / "docs" / "examples" / "pipeline.yaml"
    done = shell.json("pipeline", "run", str(file), "--wait")

    assert {step["name"]: step["status"] for step in done["steps"]} == {
        "prepare": "succeeded",
        "search": "finished",
        "retrain": "succeeded",
        "report": "succeeded",
    }
    (shown,) = shell.client.job(done["steps"][3]["id"])["results"]
    assert shown["result"]["result"]["r2"] > 0.2
