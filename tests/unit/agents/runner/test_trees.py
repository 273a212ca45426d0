"""Whole trees die: forks, new sessions, daemons, cleared environments, a killed agent."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.runner import tree
from schemas.specs import Limits
from schemas.states import Outcome
from tests.unit.agents.runner.attempts import Bench, eventually, is_alive


@pytest.fixture(params=[False, pytest.param(True, marks=pytest.mark.slow)], ids=["started", "forked"])
def bench(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A bench whose scripts are started, or forked from a warm interpreter."""
    bench = Bench(tmp_path, upload_patience_seconds=0.3, is_warm=request.param)
    yield bench
    bench.close()


#: Each leaves a process behind that writes its pid to `pid` below the script's folder.
SLEEP = (
    "open(PID, 'w').write(str(os.getpid())); os.rename(PID, PID + '.ready')\n"
    "    time.sleep(300)\n    os._exit(0)\n"
)
BEGIN = "import os, sys, time\nPID = sys.argv[1]\n"
CHILD = BEGIN + "if os.fork() == 0:\n    " + SLEEP
NEW_SESSION = BEGIN + "if os.fork() == 0:\n    os.setsid()\n    " + SLEEP
DAEMON = (
    BEGIN + "if os.fork() == 0:\n    os.setsid()\n    if os.fork() != 0: os._exit(0)\n    "
    "for fd in (0, 1, 2): os.close(fd)\n    " + SLEEP
)
BARE_DAEMON = (
    BEGIN + "if os.fork() == 0:\n    os.setsid()\n    if os.fork() != 0: os._exit(0)\n"
    "    for fd in (1, 2): os.close(fd)\n    os.chdir('/')\n"
    "    code = 'import os, sys, time; p = sys.argv[1]; open(p, \"w\").write(str(os.getpid()));'\n"
    "    code += 'os.rename(p, p + \".ready\"); time.sleep(300)'\n"
    "    os.execve(sys.executable, [sys.executable, '-c', code, PID], {})\n"
)
STUBBORN = (
    BEGIN + "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "if os.fork() == 0:\n    os.setsid()\n    " + SLEEP
)
WAIT_READY = "while not os.path.exists(PID + '.ready'): time.sleep(0.01)\n"
STAY = WAIT_READY + "print('ready')\nwhile True: time.sleep(9)\n"
KINDS = {
    "child": CHILD,
    "new session": NEW_SESSION,
    "daemon": DAEMON,
    "bare daemon": BARE_DAEMON,
    "stubborn": STUBBORN,
}


@pytest.fixture
def pid_file(tmp_path: Path) -> Path:
    return tmp_path / "pid"


def start(bench: Bench, source: str, pid_file: Path, **spec: object) -> int:
    return bench.start(source, params={"pid": str(pid_file)}, arguments="positional", **spec)  # type: ignore[arg-type]


def read_pid(pid_file: Path) -> int:
    ready = pid_file.with_name("pid.ready")
    eventually(ready.exists, "the child is ready")
    return int(ready.read_text())


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_script_leaves_behind_dies_when_it_ends(bench: Bench, pid_file: Path, kind: str) -> None:
    token = start(bench, KINDS[kind] + WAIT_READY + "print('{\"a\": 1}')", pid_file)
    result = bench.wait_result(token)
    assert (result.outcome, result.result) == (Outcome.SUCCEEDED, {"a": 1})
    assert not is_alive(read_pid(pid_file))


@pytest.mark.parametrize("kind", KINDS)
def test_the_whole_tree_dies_when_it_is_stopped(bench: Bench, pid_file: Path, kind: str) -> None:
    token = start(bench, KINDS[kind] + STAY, pid_file)
    bench.wait_line(token, "ready")
    pid = read_pid(pid_file)
    assert is_alive(pid)
    bench.runner.stop("jaaaaaaaaaaaa", token, at_once=kind != "child")
    bench.wait_stopped(token)
    assert not is_alive(pid)


def test_the_whole_tree_dies_at_its_wall_time(bench: Bench, pid_file: Path) -> None:
    token = start(bench, NEW_SESSION + STAY, pid_file, limits=Limits(wall_seconds=3))
    bench.wait_result(token)
    assert not is_alive(read_pid(pid_file))


def test_a_bare_daemon_dies_with_its_script_though_another_script_goes_on(
    bench: Bench, pid_file: Path
) -> None:
    other = bench.start("import time; print('pid'); time.sleep(99)")
    bench.wait_line(other, "pid")
    source = BARE_DAEMON + WAIT_READY + "time.sleep(1.5)"
    # It was seen while its session's first process lived, or as a child of the script.
    seen = source.replace("if os.fork() != 0: os._exit(0)", "if os.fork() != 0: time.sleep(1); os._exit(0)")
    bench.wait_result(start(bench, seen, pid_file))
    assert not is_alive(read_pid(pid_file))
    assert not bench.find(type(bench.reports[-1]), other)


def test_a_grandchild_that_holds_the_pipe_delays_the_end_by_two_seconds(bench: Bench, pid_file: Path) -> None:
    began = time.monotonic()
    token = start(bench, CHILD + WAIT_READY + "print('{\"a\": 1}')", pid_file)
    result = bench.wait_result(token)
    assert result.result == {"a": 1}
    assert 2 <= time.monotonic() - began < 60
    assert not is_alive(read_pid(pid_file))


def test_what_a_grandchild_prints_after_the_script_is_still_read(bench: Bench) -> None:
    source = "import os, time\nif os.fork() == 0:\n    time.sleep(0.2)\n"
    source += "    print('late', flush=True)\n    os._exit(0)\n"
    assert bench.run(source).outcome is Outcome.SUCCEEDED
    assert bench.lines(1) == ["late"]


def test_dead_orphans_do_not_pile_up_while_a_script_runs(bench: Bench) -> None:
    before = _zombies()
    token = bench.start(
        "import os, time\nfor _ in range(20):\n    if os.fork() == 0:\n"
        "        if os.fork() == 0: os._exit(0)\n        os._exit(0)\n    os.wait()\n"
        "print('ready')\ntime.sleep(60)"
    )
    bench.wait_line(token, "ready")
    eventually(lambda: _zombies() <= before, "orphans are reaped")
    bench.runner.stop("jaaaaaaaaaaaa", token, at_once=True)
    bench.wait_stopped(token)
    eventually(lambda: _zombies() <= before, "the script is reaped")


def test_a_tree_that_grows_all_the_time_dies(bench: Bench) -> None:
    # Every 20 ms one more, each in a session of its own. One that doubled would take a busy machine along.
    token = bench.start(
        "import os, time\nprint('ready', flush=True)\nend = time.time() + 60\n"
        "while time.time() < end:\n    time.sleep(0.02)\n"
        "    if os.fork() == 0: os.setsid()\n    else: time.sleep(60)"
    )
    bench.wait_line(token, "ready")
    marker = bench.runner._site.marker  # type: ignore[union-attr]
    eventually(
        lambda: len(tree.find_marked(tree.ATTEMPT_VARIABLE, marker, is_prefix=True)) > 5, "the tree has grown"
    )
    bench.runner.stop("jaaaaaaaaaaaa", token, at_once=True)
    bench.wait_stopped(token)
    assert tree.find_marked(tree.ATTEMPT_VARIABLE, marker, is_prefix=True) == []


def test_a_child_of_the_agent_itself_is_left_alone(bench: Bench) -> None:
    own = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    try:
        bench.run("print(1)")
        assert own.poll() is None
    finally:
        own.kill()
        assert own.wait() == -signal.SIGKILL


AGENT = """
import os, sys, threading
from pathlib import Path
from agents.runner.subprocess_runner import SubprocessRunner
from schemas.specs import JobSpec, ScriptRef
from schemas.messages import Grant
home, bundle, entry, pid_file = sys.argv[1:]
runner = SubprocessRunner(Path(home), print, rest_url=lambda: "", token=lambda: "")
spec = JobSpec(ScriptRef(bundle, entry), params={"pid": pid_file}, arguments="positional")
runner.start(Grant("jaaaaaaaaaaaa", 1, "attic", 1, "0" * 32, 30.0, spec))
sys.stdin.read()
if "close" in os.environ: runner.close()
"""


class Agent:
    """A process that is an agent as far as the runner goes."""

    def __init__(self, folder: Path, source: str, pid_file: Path, *, close: bool = False) -> None:
        from tests.unit.agents.runner.attempts import store

        self.home = folder / "agent"
        script = folder / "script.py"
        script.write_text(source)
        reference = store(self.home, script)
        command = [
            sys.executable,
            "-c",
            AGENT,
            str(self.home),
            reference.bundle,
            reference.entry,
            str(pid_file),
        ]
        environment = {**os.environ, **({"close": "1"} if close else {})}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=environment
        )
        self.child = read_pid(pid_file)
        # A process that only forks the child may not have gone yet.
        eventually(lambda: len(self.find()) == 2, "the script and its child are all there is")
        self.marked = {process.pid for process in self.find()}

    def find(self) -> list[tree.Process]:
        return tree.find_marked(tree.AGENT_VARIABLE, tree.home_marker(self.home) + ".", is_prefix=True)

    def find_warden(self) -> int:
        for process in tree.read_processes().values():
            if process.parent == self.process.pid:
                words = Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0")
                if any(word.endswith(b"warden.py") for word in words):
                    return process.pid
        raise AssertionError("no warden")

    def end(self) -> None:
        if self.process.stdin:
            self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        tree.kill_orphans(self.home)


@pytest.fixture
def agents() -> Iterator[list[Agent]]:
    started: list[Agent] = []
    yield started
    for agent in started:
        agent.end()


@pytest.mark.parametrize("kind", ["child", "new session", "daemon", "stubborn"])
def test_a_killed_agent_takes_its_scripts_along(
    tmp_path: Path, pid_file: Path, agents: list[Agent], kind: str
) -> None:
    agents.append(agent := Agent(tmp_path, KINDS[kind] + STAY, pid_file))
    warden = agent.find_warden()
    assert len(agent.marked) == 2
    assert agent.child in agent.marked
    os.kill(agent.process.pid, signal.SIGKILL)
    agent.process.wait()
    eventually(lambda: not any(map(is_alive, agent.marked)), "the scripts die")
    eventually(lambda: not is_alive(warden), "the warden goes")


def test_the_warden_goes_with_an_agent_that_closes(
    tmp_path: Path, pid_file: Path, agents: list[Agent]
) -> None:
    agents.append(agent := Agent(tmp_path, CHILD + STAY, pid_file, close=True))
    warden = agent.find_warden()
    assert agent.process.stdin
    agent.process.stdin.close()
    assert agent.process.wait(60) == 0
    assert not any(map(is_alive, agent.marked))
    assert not is_alive(warden)


def test_the_warden_survives_the_agents_signals_and_is_replaced_if_it_dies(bench: Bench) -> None:
    bench.run("print(1)")
    warden = bench.runner._site.warden  # type: ignore[union-attr]
    first = warden.pid
    assert first is not None
    assert os.getsid(first) == first
    os.kill(first, signal.SIGKILL)
    eventually(lambda: not is_alive(first), "the warden dies")
    assert bench.run("print(1)").outcome is Outcome.SUCCEEDED
    assert warden.pid is not None
    assert warden.pid != first


def test_orphans_of_an_earlier_agent_are_killed_and_nothing_else(
    tmp_path: Path, pid_file: Path, agents: list[Agent], bench: Bench
) -> None:
    agents.append(agent := Agent(tmp_path, DAEMON + STAY, pid_file))
    running = bench.start("import os, time; print('pid', os.getpid()); time.sleep(99)")
    other = int(bench.wait_line(running, "pid").split()[1])
    os.kill(agent.find_warden(), signal.SIGKILL)
    os.kill(agent.process.pid, signal.SIGKILL)
    agent.process.wait()
    assert all(map(is_alive, agent.marked))
    assert tree.kill_orphans(agent.home) == 2
    assert not any(map(is_alive, agent.marked))
    assert tree.kill_orphans(agent.home) == 0
    assert is_alive(other)


def test_kill_orphans_spares_the_agent_though_its_own_environment_bears_the_mark(tmp_path: Path) -> None:
    marker = tree.home_marker(tmp_path)
    code = f"from agents.runner import tree; print(tree.kill_orphans({str(tmp_path)!r}))"
    environment = {**os.environ, tree.AGENT_VARIABLE: f"{marker}.0"}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    assert run.stdout == b"0\n"


def _zombies() -> set[tuple[int, int]]:
    me = os.getpid()
    return {p.identity for p in tree.read_processes().values() if p.parent == me and p.is_zombie}


def test_attempts_that_are_stopped_at_once_leave_nothing(bench: Bench) -> None:
    before = _zombies()
    tokens = []
    for _ in range(5):
        tokens.append(bench.start("import time; time.sleep(30)"))
        bench.runner.stop("jaaaaaaaaaaaa", tokens[-1], at_once=True)
    for token in tokens:
        bench.wait_stopped(token)
    eventually(lambda: _zombies() <= before, "all are reaped")
