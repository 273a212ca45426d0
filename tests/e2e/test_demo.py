"""The demo as a new user starts it: what it shows, its exit code, and that nothing of it stays.

One test runs the real scripts; the others take quick ones in their place.
"""

import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from idlehands.house.broker import find_mosquitto
from idlehands.house.components import AgentOptions
from idlehands.house.running import start_house
from tests.fixtures.broker import eventually

pytestmark = pytest.mark.process

#: A machine where neither a folder of system programs nor the Python environment brings what PATH lacks.
BARE_MACHINE = """
import sys
from idlehands.house import broker
broker._ELSEWHERE = ()
sys.modules["fiftyone"] = None
from idlehands.__main__ import main
main(["demo", "--exit"])
"""
QUICK_PREPARE = 'print(\'{"rows": 3, "columns": 2, "types": {"a": "continuous"}}\')\n'
QUICK_TRAIN = """
import argparse, json
parser = argparse.ArgumentParser()
for name in ("learning-rate", "layers", "dropout", "epochs"):
    parser.add_argument(f"--{name}", type=float)
given = parser.parse_args()
epochs = int(given.epochs)
for epoch in range(1, epochs + 1):
    print(json.dumps({"epoch": epoch, "epochs": epochs, "loss": 1 / epoch, "accuracy": 0.5}), flush=True)
print(json.dumps({"accuracy": given.learning_rate, "loss": 1 - given.learning_rate}))
"""
#: Waits in its first epoch, until it is stopped.
STUCK_TRAIN = """
import json, threading
print(json.dumps({"epoch": 1, "epochs": 2, "loss": 1.0}), flush=True)
print(json.dumps({"epoch": 1, "epochs": 2, "loss": 1.0}), flush=True)
threading.Event().wait()
"""


class Demo:
    """`idlehands demo` with an empty home directory, as a process."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "user"
        self.home.mkdir()
        self.house = self.home / ".local" / "share" / "idlehands-demo"
        self.scripts = folder / "scripts"
        self.scripts.mkdir()
        self.write("prepare_data.py", QUICK_PREPARE)
        self.write("train_mlp.py", QUICK_TRAIN)
        self.started: list[subprocess.Popen[bytes]] = []

    def write(self, name: str, text: str) -> None:
        (self.scripts / name).write_text(text)

    @property
    def quick(self) -> list[str]:
        return ["--scripts", str(self.scripts)]

    def start(self, *argv: str, output: int = subprocess.PIPE, **environment: str) -> subprocess.Popen[bytes]:
        return self.start_python("-m", "idlehands", "demo", *argv, output=output, **environment)

    def start_python(self, *argv: str, output: int, **environment: str) -> subprocess.Popen[bytes]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("IDLEHANDS_", "XDG_")) and name != "COLUMNS"
        }
        process = subprocess.Popen(
            [sys.executable, "-P", *argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.PIPE,
            env=kept | {"HOME": str(self.home), "TERM": "xterm"} | environment,
        )
        self.started.append(process)
        return process

    def run(self, *argv: str, **environment: str) -> tuple[int, str, str]:
        """Return exit code, standard output and standard error."""
        return self.finish(self.start(*argv, **environment))

    def run_on_bare_machine(self, path: Path) -> tuple[int, str, str]:
        """Run it where there is nothing but what lies in the folder `path`."""
        return self.finish(self.start_python("-c", BARE_MACHINE, output=subprocess.PIPE, PATH=str(path)))

    def finish(self, process: subprocess.Popen[bytes]) -> tuple[int, str, str]:
        out, error = process.communicate(timeout=600)
        return process.returncode, out.decode(), error.decode()

    def processes(self) -> list[str]:
        """Return the command lines of what runs for this demo's house."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(self.home) in command:
                found.append(command)
        return found

    def close(self) -> None:
        for process in self.started:
            if process.poll() is None:
                process.terminate()
                process.wait(60)
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
        eventually(lambda: not self.processes(), 60)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    made = Demo(tmp_path)
    yield made
    made.close()


class Terminal:
    """A terminal of 100 columns, and what was written on it."""

    def __init__(self) -> None:
        self._reading, self.writing = pty.openpty()
        self._seen = bytearray()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                chunk = os.read(self._reading, 65_536)
            except OSError:
                return
            if not chunk:
                return
            self._seen += chunk

    @property
    def text(self) -> str:
        return self._seen.decode(errors="replace")

    def close(self) -> None:
        os.close(self.writing)
        self._reader.join(60)
        os.close(self._reading)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    opened = Terminal()
    yield opened
    opened.close()


def read_table(out: str) -> list[dict[str, str]]:
    """Return the rows of the table of results."""
    lines = out.splitlines()
    head = next(index for index, line in enumerate(lines) if line.startswith("RANK"))
    columns = lines[head].split()
    rows = []
    for line in lines[head + 1 :]:
        cells = line.split()
        if len(cells) != len(columns) or not (cells[0] == "failed" or cells[0].isdigit()):
            break
        rows.append(dict(zip(columns, cells, strict=True)))
    return rows


def test_the_main_job_runs_and_ends_in_a_table_sorted_by_accuracy(demo: Demo) -> None:
    code, out, error = demo.run("--exit", "--epochs", "1", "--epochs", "2")

    assert (code, error) == (0, ""), out
    rows = read_table(out)
    assert [row["RANK"] for row in rows] == [str(rank) for rank in range(1, 13)]
    accuracies = [float(row["ACCURACY"]) for row in rows]
    assert accuracies == sorted(accuracies, reverse=True)
    assert accuracies[0] > 0.5, "a network that has learnt something"
    assert len({row["AGENT"] for row in rows}) == 2, "both agents worked"
    assert "442 rows, 13 columns became 15" in out
    assert "\x1b" not in out
    assert demo.processes() == []
    assert not demo.house.exists(), "nothing is left of a demo that succeeded"


@pytest.mark.slow
def test_jobs_that_fail_are_shown_and_make_the_demo_fail(demo: Demo) -> None:
    demo.write("prepare_data.py", "import sys\nsys.exit('prepare_data: no such table')\n")
    demo.write("train_mlp.py", f"{QUICK_TRAIN}\nif given.layers == 2: raise ValueError('two is bad')\n")

    code, out, error = demo.run("--exit", "--epochs", "3", "--trials", "24", *demo.quick)

    assert (code, error) == (1, ""), out
    rows = read_table(out)
    assert len(rows) == 24
    failed = [row for row in rows if row["RANK"] == "failed"]
    assert {row["LAYERS"] for row in failed} == {"2"}
    assert rows[-len(failed) :] == failed
    assert "prepare_data.py failed" in out
    assert "no such table" in out
    assert "ValueError: two is bad" in out
    assert f"Only {24 - len(failed)} of 24 trials succeeded" in out
    assert demo.processes() == []
    assert (demo.house / "logs" / "hq.log").exists(), "its logs say why"


@pytest.mark.slow
def test_without_a_terminal_it_ends_by_itself_and_a_chosen_house_stays(demo: Demo, tmp_path: Path) -> None:
    chosen = tmp_path / "chosen"

    for _ in range(2):
        code, out, _ = demo.run("--epochs", "1", *demo.quick, IDLEHANDS_HOME=str(chosen))
        assert code == 0
        assert str(chosen) in out

    assert (chosen / "house.json").exists()
    assert not demo.house.exists()


def test_on_a_terminal_it_shows_bars_and_stays_until_ctrl_c(demo: Demo, terminal: Terminal) -> None:
    process = demo.start("--epochs", "5", *demo.quick, output=terminal.writing)
    eventually(lambda: "stays up until Ctrl-C" in terminal.text or process.poll() is not None, 90)

    assert "\x1b[" in terminal.text
    assert re.search(r"sweep.*12/12", terminal.text)
    assert len(demo.processes()) > 6
    process.send_signal(signal.SIGINT)

    assert process.wait(60) == 0
    assert demo.processes() == []
    assert not demo.house.exists()


@pytest.mark.slow
def test_with_exit_it_does_not_stay_on_a_terminal(demo: Demo, terminal: Terminal) -> None:
    process = demo.start("--exit", "--epochs", "1", *demo.quick, output=terminal.writing)

    assert process.wait(90) == 0
    assert "stays up" not in terminal.text


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, 130),
        pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, 129, marks=pytest.mark.slow),
    ],
)
def test_a_signal_in_the_middle_stops_everything(demo: Demo, number: signal.Signals, code: int) -> None:
    demo.write("train_mlp.py", STUCK_TRAIN)
    process = demo.start("--epochs", "2", *demo.quick)
    assert process.stdout is not None
    for line in process.stdout:
        if b"trial" in line and b"epoch 1/2" in line:
            break

    process.send_signal(number)
    out, error = process.communicate(timeout=60)

    assert process.returncode == code, (out + error).decode()
    assert demo.processes() == []


@pytest.mark.slow
def test_a_killed_demo_leaves_no_process_and_the_next_one_starts_anew(demo: Demo) -> None:
    demo.write("train_mlp.py", STUCK_TRAIN)
    process = demo.start(*demo.quick)
    assert process.stdout is not None
    for line in process.stdout:
        if b"running on" in line and b"trial" in line:
            break
    process.kill()
    process.communicate(timeout=60)

    demo.write("train_mlp.py", QUICK_TRAIN)
    code, out, error = demo.run("--exit", "--epochs", "1", *demo.quick)

    assert (code, error) == (0, ""), out
    assert demo.processes() == []


def test_a_second_demo_at_the_same_time_is_refused_with_the_way_out(demo: Demo) -> None:
    demo.write("train_mlp.py", STUCK_TRAIN)
    process = demo.start(*demo.quick)
    assert process.stdout is not None
    assert process.stdout.readline()

    code, out, error = demo.run("--exit", *demo.quick)

    assert (code, out) == (1, "")
    assert error.startswith("Error: A demo runs in ")
    assert "IDLEHANDS_HOME" in error
    assert process.poll() is None


def test_a_folder_that_holds_something_else_is_left_alone(demo: Demo) -> None:
    demo.house.mkdir(parents=True)
    (demo.house / "thesis.txt").write_text("years of work")

    code, _, error = demo.run("--exit", *demo.quick)

    assert code == 1
    assert "something else is in it" in error
    assert (demo.house / "thesis.txt").read_text() == "years of work"


def test_a_house_that_a_person_began_in_the_demos_folder_is_left_alone(demo: Demo) -> None:
    with start_house(demo.house, AgentOptions(count=0)):
        code, _, error = demo.run("--exit", *demo.quick)

    assert code == 1
    assert "something else is in it" in error
    assert (demo.house / "mongodb" / "db").is_dir()


def test_missing_scripts_are_named_before_anything_starts(demo: Demo, tmp_path: Path) -> None:
    code, out, error = demo.run("--exit", "--scripts", str(tmp_path / "nowhere"))

    assert (code, out) == (1, "")
    assert "runs from a clone" in error
    assert not demo.house.exists()


def test_without_a_broker_the_ways_to_one_are_named(demo: Demo, tmp_path: Path) -> None:
    code, _, error = demo.run_on_bare_machine(tmp_path / "empty")

    assert code == 1
    assert error.startswith("Error: No MQTT broker was found")
    assert "apt install mosquitto" in error
    assert error.count("\n") == 1


def test_without_a_database_the_ways_to_one_are_named(demo: Demo, tmp_path: Path) -> None:
    mosquitto = find_mosquitto()
    assert mosquitto is not None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "mosquitto").symlink_to(mosquitto)

    code, _, error = demo.run_on_bare_machine(tmp_path / "bin")

    assert code == 1
    assert error.startswith("Error: No MongoDB server was found")
    assert "IDLEHANDS_MONGODB" in error
    assert error.count("\n") == 1


def test_a_database_that_is_not_there_is_named_without_its_password(demo: Demo) -> None:
    uri = "mongodb://u:sesame@127.0.0.1:1/idlehands?replicaSet=r&serverSelectionTimeoutMS=500"

    code, out, error = demo.run("--exit", *demo.quick, IDLEHANDS_MONGODB=uri)

    assert code == 1
    assert error.startswith("Error: The database of IDLEHANDS_MONGODB cannot be used")
    assert error.count("\n") == 1
    assert "127.0.0.1:1" in error
    assert "sesame" not in out + error
    assert demo.processes() == []


@pytest.mark.slow
def test_it_runs_on_a_database_of_ones_own(demo: Demo, mongodb_uri: str) -> None:
    for _ in range(2):
        code, out, error = demo.run("--epochs", "1", *demo.quick, IDLEHANDS_MONGODB=mongodb_uri)
        assert (code, error) == (0, ""), out

    kept = demo.house.with_name("idlehands-demo-external")
    assert (kept / "agents").is_dir(), (
        "an agent's count of boots must not fall behind what the database remembers"
    )
