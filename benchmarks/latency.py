"""One no-op job at a time: how long until it starts, and until its result is known.

Submit to start ends when the agent's runner begins; submit to result when the
client hears of the success, which HQ publishes after the commit.
"""

import time

from benchmarks.figures import Figure
from benchmarks.history import WrongHistory, check_all_succeeded, read_history
from benchmarks.setting import Effort, connected, noop_specs, running_house
from bus.port import Inbound
from bus.topics import JOB_EVENT
from idlehands.client import Client, Feed
from schemas.events import JobSucceeded

_WARM_UP = 20
_JOBS = 200


def measure(effort: Effort) -> list[Figure]:
    """Return the latencies of single jobs, in milliseconds."""
    began: dict[str, float] = {}
    accepted: list[float] = []
    result: list[float] = []
    with running_house(agents=2) as house, connected(house) as client:
        with client.watch((JOB_EVENT, {})) as feed:
            client.ping()
            for spec in noop_specs(_WARM_UP + effort.jobs(_JOBS) * effort.repeats):
                wall, before = time.time(), time.perf_counter()
                job = client.submit([spec]).jobs[0]
                accepted.append(time.perf_counter() - before)
                _wait_succeeded(client, feed, job)
                result.append(time.perf_counter() - before)
                began[job] = wall
        history = read_history(house.home)
    check_all_succeeded(history, tuple(began))
    start = [history.started[job] - wall for job, wall in began.items()]
    return [
        _figure("submit to accepted", accepted),
        _figure("submit to start", start, "p50 < 10"),
        _figure("submit to result", result, "p50 < 15"),
    ]


def _wait_succeeded(client: Client, feed: Feed, job: str) -> None:
    while True:
        what = feed.get(10)
        if what is None:
            raise WrongHistory(f"no news of job {job}: {client.explain(job)}")
        if (
            isinstance(what, Inbound)
            and what.names["job"] == job
            and isinstance(what.data.event, JobSucceeded)
        ):
            return


def _figure(name: str, seconds: list[float], floor: str = "") -> Figure:
    return Figure(f"latency: {name}", "ms", tuple(value * 1000 for value in seconds[_WARM_UP:]), floor)
