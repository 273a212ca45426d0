"""An agent on a computer that somebody uses: how soon it is out of the way, and what watching costs.

Real keys on a virtual display (Xvfb, xdotool), a real house and agent. A time
begins before the program that presses the key is started, so it has that
program's own 10 to 30 ms. Without Xvfb only the foreign process is measured.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.processes import read_cpu_seconds, read_pss_mb
from benchmarks.setting import Effort, agent_names, connected, running_house, wait_agents
from idlehands.bundle import build_bundle
from idlehands.client import Client
from idlehands.house.components import AgentOptions, agent_command
from idlehands.house.home import Home
from schemas.specs import JobSpec, Needs, ScriptRef

_PATIENCE_SECONDS = 120.0
_POLL_SECONDS = 0.002
#: The house is asked less often: what it answers with is a busy program, too.
_ASK_SECONDS = 0.5
_WORKING = """
import os, signal, sys, time
def leave(number, frame):
    open(os.path.join(os.environ["IDLEHANDS_CHECKPOINTS"], "model.pt"), "wb").write(bytes(5_000_000))
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
print("here", os.getpid(), flush=True)
while True:
    sum(range(20_000))
"""
#: Short times, so that much can be measured; what is measured does not depend on them.
_USUAL = {
    "preset": "when-idle", "start_after_seconds": 3, "resume_after_seconds": 3, "on_mains": False,
    "battery_over": 0, "free_disk_gb": 0, "vacate_after_seconds": 600,
}  # fmt: skip
_SPIN = [sys.executable, "-c", "while True: pass"]


def measure(effort: Effort) -> list[Figure]:
    """Return the seconds from a key or a busy program to a job that is out of the way, and the cost."""
    with (
        tempfile.TemporaryDirectory(prefix="idlehands-bench-") as folder,
        contextlib.ExitStack() as stack,
        running_house(agents=0) as house,
        connected(house) as client,
    ):
        name = agent_names(house.home)[0]
        script = Path(folder) / "work.py"
        script.write_text(_WORKING)
        bundle = build_bundle(script)
        client.put_blob(bundle.content)
        reference = ScriptRef(bundle.sha256, bundle.entry)
        figures = [*_watch_idle(house.home, client, name, effort)]
        if shutil.which("Xvfb") and shutil.which("xdotool"):
            press = stack.enter_context(_display())
            still, gone = _measure_input(house.home, client, name, reference, press, effort)
            figures += [
                Figure("guest: key to the processor handed back", "s", still, "< 1"),
                Figure("guest: key to a checkpointing script gone", "s", gone, "< 5"),
            ]
        others = _read_foreign_percent()
        if others < 50:
            # On a machine that is busy anyway nothing would change.
            foreign = _measure_foreign(house.home, client, name, reference, effort, others)
            figures.append(Figure("guest: busy program to the processor handed back", "s", foreign))
    return figures


def _watch_idle(home: Home, client: Client, name: str, effort: Effort) -> list[Figure]:
    """Measure an idle agent that looks whether somebody comes."""
    shares, memory = [], []
    with _agent(home, client, name, {"preset": "polite"}) as pid:
        time.sleep(min(3.0, effort.idle_seconds))
        for _ in range(min(3, effort.repeats)):
            used, began = read_cpu_seconds(pid), time.perf_counter()
            time.sleep(effort.idle_seconds)
            shares.append((read_cpu_seconds(pid) - used) / (time.perf_counter() - began) * 100)
            memory.append(read_pss_mb(pid))
    return [
        Figure("guest: idle agent that watches, processor time", "% of a core", tuple(shares), "< 0.1"),
        Figure("guest: idle agent that watches, memory (PSS)", "MB", tuple(memory), "< 30"),
    ]


def _measure_input(
    home: Home, client: Client, name: str, script: ScriptRef, press: Callable[[], None], effort: Effort
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    still, gone = [], []
    with _agent(home, client, name, _USUAL):
        for _ in range(effort.repeats):
            with _running(client, JobSpec(script, needs=Needs(agent=name))) as pid:
                still.append(_time(press, lambda pid=pid: _state(pid) == "T"))
                _wait(lambda pid=pid: _state(pid) != "T", "the job goes on")
    with _agent(home, client, name, _USUAL, "--gpus", "1"):
        for _ in range(effort.repeats):
            with _running(client, JobSpec(script, needs=Needs(agent=name, gpus=1))) as pid:
                gone.append(_time(press, lambda pid=pid: _state(pid) in ("", "Z", "X")))
    return tuple(still), tuple(gone)


def _measure_foreign(
    home: Home, client: Client, name: str, script: ScriptRef, effort: Effort, others: float
) -> tuple[float, ...]:
    found = []
    limit = others + 25.0
    rules = {"preset": "dedicated", "foreign_cpu": limit, "foreign_cpu_in_use": limit}
    with _agent(home, client, name, rules):
        for _ in range(effort.repeats):
            with (
                _running(client, JobSpec(script, needs=Needs(agent=name))) as pid,
                contextlib.ExitStack() as spinning,
            ):

                def begin(spinning: contextlib.ExitStack = spinning) -> None:
                    for _ in range(os.cpu_count() or 1):
                        process = subprocess.Popen(_SPIN)
                        spinning.callback(process.wait)
                        spinning.callback(process.kill)

                found.append(_time(begin, lambda pid=pid: _state(pid) == "T"))
    return tuple(found)


@contextlib.contextmanager
def _agent(home: Home, client: Client, name: str, rules: dict[str, object], *flags: str) -> Iterator[int]:
    """Hold an agent with these rules, and yield its process."""
    folder = home.agent(name) / "home"
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "guest.json").write_text(json.dumps(rules))
    command = agent_command(home, name, AgentOptions(runner="subprocess", slots=1, guest=None))
    with open(home.logs / f"{name}.log", "ab") as log:
        process = subprocess.Popen([*command, *flags], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        wait_agents(client, 1)
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


@contextlib.contextmanager
def _running(client: Client, spec: JobSpec) -> Iterator[int]:
    """Hold a job that runs, and yield its script's process."""
    job = client.submit([spec]).jobs[0]
    pids: list[int] = []

    def has_begun() -> bool:
        for page in client.logs(job):
            pids.extend(int(line.split()[1]) for line in page["lines"] if line.startswith("here "))
        return bool(pids) and _state(pids[-1]) not in ("", "T")

    try:
        _wait(has_begun, f"{job} runs", _ASK_SECONDS)
        yield pids[-1]
    finally:
        client.cancel([job])
        _wait(lambda: not pids or _state(pids[-1]) in ("", "Z", "X"), f"{job} is gone")


@contextlib.contextmanager
def _display() -> Iterator[Callable[[], None]]:
    """Hold a display; yields what presses a key on it."""
    reader, writer = os.pipe()
    command = ["Xvfb", "-displayfd", str(writer), "-screen", "0", "320x240x8", "-nolisten", "tcp", "-noreset"]
    with subprocess.Popen(
        command, pass_fds=(writer,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        os.close(writer)
        try:
            with os.fdopen(reader) as answer:
                environment = os.environ | {"DISPLAY": f":{int(answer.readline())}"}
            xdotool = shutil.which("xdotool") or "xdotool"
            yield lambda: subprocess.run([xdotool, "key", "a"], env=environment, check=True) and None
        finally:
            server.terminate()


def _time(act: Callable[[], None], is_so: Callable[[], bool]) -> float:
    began = time.perf_counter()
    act()
    _wait(is_so, "the job is out of the way")
    return time.perf_counter() - began


def _wait(is_so: Callable[[], bool], what: str, poll_seconds: float = _POLL_SECONDS) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {_PATIENCE_SECONDS:.0f} s: {what}")
        time.sleep(poll_seconds)


def _state(pid: int) -> str:
    """Return the letter of a process's state, "" when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[0]


def _read_foreign_percent() -> float:
    def read() -> tuple[int, int]:
        fields = [int(field) for field in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
        return sum(fields) - fields[3] - fields[4], sum(fields)

    busy, total = read()
    time.sleep(2.0)
    busy2, total2 = read()
    return 100 * (busy2 - busy) / max(1, total2 - total)
