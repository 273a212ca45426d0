"""Warm calls over REST on loopback: of a function with and without the log, and of a script."""

import tempfile
import time
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.history import WrongHistory
from benchmarks.setting import Effort, connected, running_house
from idlehands.bundle import build_bundle
from idlehands.client import Client
from schemas.requests import DeployService, ReadServices
from schemas.specs import JobSpec, ScriptRef, ServiceSpec

_WARM_UP = 20
_CALLS = 200
_READY_SECONDS = 60.0
_FUNCTION = "def double(x: float):\n    return 2 * x\n"
_SCRIPT = "import argparse\np = argparse.ArgumentParser()\np.add_argument('--x')\nprint(p.parse_args().x)\n"


def measure(effort: Effort) -> list[Figure]:
    """Return the latencies of calls, in milliseconds."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_house(agents=2, runner="subprocess") as house,
        connected(house) as client,
    ):
        function, script = Path(folder) / "double.py", Path(folder) / "script.py"
        function.write_text(_FUNCTION)
        script.write_text(_SCRIPT)
        services = (
            (
                "function",
                "a function, through the log",
                _deploy(client, function, "double", log=True),
                "p50 < 15",
            ),
            ("pure", "a function, --no-log", _deploy(client, function, "double", log=False), "p50 < 8"),
            ("script", "a script, through the log", _deploy(client, script, None, log=True), ""),
        )
        for name, _, spec, _ in services:
            client.ask(DeployService(service=ServiceSpec(name, **spec)))
        _wait_ready(client, len(services))
        count = effort.jobs(_CALLS) * effort.repeats
        return [_figure(client, name, title, count, floor) for name, title, _, floor in services]


def _deploy(client: Client, file: Path, function: str | None, *, log: bool) -> dict[str, object]:
    bundle = build_bundle(file)
    script = ScriptRef(client.put_blob(bundle.content), bundle.entry, file.stem)
    return {"job": JobSpec(script), "function": function, "log": log}


def _wait_ready(client: Client, count: int) -> None:
    end = time.monotonic() + _READY_SECONDS
    while True:
        found = client.ask(ReadServices()).result["services"]
        if sum(one["is_healthy"] for one in found) == count:
            return
        if time.monotonic() > end:
            raise WrongHistory(f"not all services are ready: {found}")
        time.sleep(0.1)


def _figure(client: Client, name: str, title: str, count: int, floor: str) -> Figure:
    seconds: list[float] = []
    for _ in range(_WARM_UP + count):
        before = time.perf_counter()
        client.rest.send("POST", f"/services/{name}", b'{"x":1}', "application/json")
        seconds.append(time.perf_counter() - before)
    return Figure(f"call: {title}", "ms", tuple(value * 1000 for value in seconds[_WARM_UP:]), floor)
