"""Scripts forked from warm interpreters beside `python script.py`: the same scripts, in turn, two at a time.

Then the same scripts as jobs of a real house with one agent of two slots,
from the first submit to the last result in the log.
"""

import itertools
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from agents.runner.isolation import Isolations, find_isolations
from agents.runner.sandbox import Sandbox
from agents.runner.workspace import INJECTED
from agents.warm.launcher import INSIDE, Request, WarmLauncher
from benchmarks.figures import Figure
from benchmarks.history import check_all_succeeded, read_history
from benchmarks.setting import Effort, agent_names, connected, running_house, wait_agents, wait_all_ended
from idlehands.bundle import build_bundle
from idlehands.client import Client
from idlehands.house.components import AgentOptions, agent_command
from idlehands.house.home import Home
from schemas.isolation import Isolation
from schemas.specs import JobSpec, Needs, ScriptRef

_AT_ONCE = 2
#: For each script: its source, how many are forked and started in one round, and what is asked for.
_SCRIPTS = {
    "one JSON line": ("import json\nprint(json.dumps({'x': 1}))\n", 400, 60, ">= 4.5", ">= 200"),
    "pandas": (
        "import json\nimport pandas as pd\nprint(json.dumps({'x': int(pd.DataFrame({'a': [1]}).a.sum())}))\n",
        *(200, 6, ">= 40", ">= 120"),
    ),
    "scikit-learn": (
        "import json\nfrom sklearn.linear_model import LinearRegression\n"
        "print(json.dumps({'x': float(LinearRegression().fit([[1], [2]], [1, 2]).coef_[0])}))\n",
        *(120, 4, ">= 80", ">= 90"),
    ),
    "torch": (
        "import json\nimport torch\nprint(json.dumps({'x': float(torch.ones(3).sum())}))\n",
        *(120, 4, ">= 80", ">= 90"),
    ),
}


def measure(effort: Effort) -> list[Figure]:
    """Return scripts per second, forked and started, their ratio, and jobs per second of a house."""
    figures: list[Figure] = []
    levels: list[Isolation] = ["basic", *(["strict"] if "strict" in find_isolations().levels else [])]  # type: ignore[list-item]
    # Not below /tmp: a sandbox has a /tmp of its own.
    with tempfile.TemporaryDirectory(prefix="idlehands-bench-", dir=Path.home()) as folder:
        for level in levels:
            for name in _SCRIPTS:
                figures += _compare(Path(folder) / level / name.replace(" ", "-"), name, level, effort)
    return [*figures, *_measure_house(effort, levels)]


def _compare(home: Path, name: str, level: Isolation, effort: Effort) -> list[Figure]:
    source, forks, starts, floor, _ = _SCRIPTS[name]
    (home / "checkpoints").mkdir(parents=True)
    (home / "attempts" / "started").mkdir(parents=True)
    (home / "attempts" / "started" / "script.py").write_text(source)
    isolations = find_isolations() if level == "strict" else Isolations()
    launcher = WarmLauncher(
        home=home,
        interpreter=sys.executable,
        sandbox=Sandbox(isolations, sys.executable, [home], [INJECTED, INSIDE]),
        marker="bench",
        spawn=lambda start: start(),
    )
    forked, started = [], []
    try:
        _fork(launcher, home, 0, source, level)
        for repeat in range(effort.repeats):
            numbers = itertools.count(1 + repeat * forks)
            forked.append(
                _rate(effort.jobs(forks), lambda n=numbers: _fork(launcher, home, next(n), source, level))  # type: ignore[misc]
            )
            started.append(_rate(effort.jobs(starts), lambda: _start(home)))
    finally:
        launcher.close()
    ratios = tuple(one / other for one, other in zip(forked, started, strict=True))
    what = f"warm, {name}, {level}"
    return [
        Figure(f"{what}: forked", "scripts/s", tuple(forked)),
        Figure(f"{what}: python script.py", "scripts/s", tuple(started)),
        Figure(f"{what}: forked to started", "times", ratios, floor),
    ]


def _rate(count: int, run: Callable[[], None]) -> float:
    """Return how many runs a second there are, so many at a time."""
    shares = [count // _AT_ONCE + (number < count % _AT_ONCE) for number in range(_AT_ONCE)]
    began = time.perf_counter()
    threads = [threading.Thread(target=_repeat, args=(run, share)) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return count / (time.perf_counter() - began)


def _repeat(run: Callable[[], None], count: int) -> None:
    for _ in range(count):
        run()


def _environment(folder: Path) -> dict[str, str]:
    passed = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**passed, "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1", "TMPDIR": str(folder)}


def _start(home: Path) -> None:
    folder = home / "attempts" / "started"
    environment = _environment(folder)
    done = subprocess.run([sys.executable, "script.py"], cwd=folder, env=environment, capture_output=True)
    assert (done.returncode, done.stdout[:1]) == (0, b"{"), done.stderr


def _fork(launcher: WarmLauncher, home: Path, number: int, source: str, level: Isolation) -> None:
    folder = home / "attempts" / f"forked.{number}"
    (folder / ".idlehands" / "tmp").mkdir(parents=True)
    (folder / "script.py").write_text(source)
    with open("/dev/null", "rb") as nothing:
        request = Request(
            bundle=str(home),
            entry="script.py",
            folder=folder,
            argv=["script.py"],
            environment=_environment(folder),
            stdin=nothing.fileno(),
            is_strict=level == "strict",
            network=False,
            places=[str(folder)],
            temporary=str(folder / ".idlehands" / "tmp"),
        )
        started = launcher.fork(request, lambda: False)
    assert started is not None
    process = started.process
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout as stdout, process.stderr as stderr:
        said = stdout.read()
        assert said[:1] == b"{", (said, stderr.read())
    assert process.wait() == 0
    os.close(started.report)
    started.lent.give_back()


def _measure_house(effort: Effort, levels: list[Isolation]) -> list[Figure]:
    figures = []
    with (
        tempfile.TemporaryDirectory(prefix="idlehands-bench-") as folder,
        running_house(agents=0) as house,
        connected(house) as client,
    ):
        name = agent_names(house.home)[0]
        options = AgentOptions(slots=_AT_ONCE, runner="subprocess")
        with open(house.home.logs / f"{name}.log", "ab") as log:
            agent = subprocess.Popen(agent_command(house.home, name, options), stdout=log, stderr=log)
        try:
            wait_agents(client, 1)
            for level in levels:
                for what, (source, count, *_, floor) in _SCRIPTS.items():
                    script = Path(folder) / "script.py"
                    script.write_text(source)
                    bundle = build_bundle(script)
                    client.put_blob(bundle.content)
                    spec = JobSpec(ScriptRef(bundle.sha256, bundle.entry), needs=Needs(isolation=level))
                    rates = _run_jobs(house.home, client, spec, count, effort)
                    figures.append(Figure(f"warm, {what}, {level}: jobs end to end", "jobs/s", rates, floor))
        finally:
            agent.terminate()
            agent.wait(30)
    return figures


def _run_jobs(home: Home, client: Client, spec: JobSpec, count: int, effort: Effort) -> tuple[float, ...]:
    client.submit([spec])
    wait_all_ended(client)
    rates = []
    for _ in range(effort.repeats):
        position, began = client.ping(), time.time()
        changed = client.submit([spec] * effort.jobs(count))
        wait_all_ended(client)
        history = read_history(home, position)
        check_all_succeeded(history, changed.jobs)
        rates.append(len(changed.jobs) / (max(history.succeeded.values()) - began))
    return tuple(rates)
