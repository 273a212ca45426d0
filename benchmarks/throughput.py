"""Many no-op jobs at once, from the first submit to the last result in the log.

Also each process's processor time per job: unlike the rate it hardly depends
on what else the machine does, and it says what limits the rate.
"""

import os
import time

from benchmarks.figures import Figure
from benchmarks.history import check_all_succeeded, read_history
from benchmarks.processes import read_cpu_seconds
from benchmarks.setting import Effort, connected, noop_specs, running_house, wait_all_ended
from idlehands.house.running import RunningHouse

_WARM_UP = 200
_JOBS = 5_000


def measure(effort: Effort) -> list[Figure]:
    """Return no-op jobs per second, end to end: submitted, granted, run, stored, journaled."""
    rates: list[float] = []
    costs: dict[str, list[float]] = {}
    with running_house(agents=2) as house, connected(house) as client:
        client.submit(noop_specs(_WARM_UP))
        wait_all_ended(client)
        for _ in range(effort.repeats):
            specs = noop_specs(effort.jobs(_JOBS))
            position, used, began = client.ping(), _read_used(house), time.time()
            changed = client.submit(specs)
            wait_all_ended(client)
            for who, seconds in _read_used(house).items():
                costs.setdefault(who, []).append((seconds - used[who]) / len(specs) * 1e6)
            history = read_history(house.home, position)
            check_all_succeeded(history, changed.jobs)
            rates.append(len(changed.jobs) / (max(history.succeeded.values()) - began))
    return [
        Figure("throughput: no-op jobs, two agents", "jobs/s", tuple(rates), ">= 500"),
        *(Figure(f"throughput: processor time, {who}", "us/job", tuple(costs[who])) for who in sorted(costs)),
    ]


def _read_used(house: RunningHouse) -> dict[str, float]:
    """Return the processor time of every process so far, that of the agents together."""
    used: dict[str, float] = {"client": read_cpu_seconds(os.getpid(), family=False)}
    for part in house.status().components:
        if part.pid is not None:
            who = "agents" if part.name.startswith("agent-") else part.name
            used[who] = used.get(who, 0.0) + read_cpu_seconds(part.pid)
    used["in all"] = sum(used.values())
    return used
