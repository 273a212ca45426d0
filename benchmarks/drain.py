"""Whether a long queue makes HQ slower: the rate of results with 1,000 and with many jobs queued.

The queue is filled while no agent runs; then two agents start. The rate counts
from the first success to the last, over the log. The ramp is left out. The
processor time of HQ and mongod per job tells the same on a machine that is
busy with other things.
"""

import contextlib
import statistics

from benchmarks.figures import Figure
from benchmarks.history import WrongHistory, read_history
from benchmarks.processes import read_cpu_seconds, read_pss_mb
from benchmarks.setting import (
    Effort,
    agent_names,
    connected,
    noop_specs,
    own_agent,
    running_house,
    wait_agents,
    wait_all_ended,
)
from idlehands.client import Client
from idlehands.house.running import RunningHouse

_FEW = 1_000


def measure(effort: Effort) -> list[Figure]:
    """Return drain rates and their ratio, and HQ's memory per queued job."""
    few, many = min(_FEW, effort.queued), effort.queued
    rates: dict[int, list[float]] = {few: [], many: []}
    costs: dict[int, list[float]] = {few: [], many: []}
    bytes_each: list[float] = []
    for _ in range(max(1, effort.repeats // 2)):
        with running_house(agents=0) as house, connected(house) as client:
            for queued in (few, few, few, many):
                rate, cost, each = _drain(house, client, queued)
                rates[queued].append(rate)
                costs[queued].append(cost)
            bytes_each.append(each)
    ratio = statistics.median(rates[many]) / statistics.median(rates[few])
    return [
        Figure(f"drain: {few:,} queued", "jobs/s", tuple(rates[few])),
        Figure(f"drain: {many:,} queued", "jobs/s", tuple(rates[many])),
        Figure(f"drain: rate at {many:,} to rate at {few:,}", "ratio", (ratio,)),
        Figure(f"drain: HQ and mongod, {few:,} queued", "us/job", tuple(costs[few])),
        Figure(f"drain: HQ and mongod, {many:,} queued", "us/job", tuple(costs[many])),
        Figure(f"drain: HQ's memory per job, {many:,} queued", "bytes", tuple(bytes_each)),
    ]


def _drain(house: RunningHouse, client: Client, count: int) -> tuple[float, float, float]:
    """Return jobs per second, microseconds of processor time per job, and bytes per queued job."""
    hq, mongod = house.component("hq").pid, house.component("mongod").pid
    if hq is None or mongod is None:
        raise WrongHistory("HQ or mongod has ended")
    before = read_pss_mb(hq)
    submitted = client.submit(noop_specs(count))
    each = (read_pss_mb(hq) - before) * 1e6 / count
    with contextlib.ExitStack() as stack:
        for name in agent_names(house.home):
            stack.enter_context(own_agent(house.home, name))
        wait_agents(client, 2)
        used = read_cpu_seconds(hq) + read_cpu_seconds(mongod)
        running = client.status()["jobs"]
        wait_all_ended(client)
        used = read_cpu_seconds(hq) + read_cpu_seconds(mongod) - used
    history = read_history(house.home, submitted.position)
    moments = sorted(history.succeeded.values())
    if len(moments) != count:
        raise WrongHistory(f"{len(moments)} of {count} jobs succeeded")
    # The first tenth is the ramp: agents start, HQ learns how short the jobs are.
    skipped = count // 10
    if moments[skipped] == moments[-1]:
        # So few that one decision took them all: count from the first claim.
        skipped, moments = 0, [min(history.claimed.values()), *moments]
    rate = (len(moments) - skipped - 1) / (moments[-1] - moments[skipped])
    return rate, used / max(1, sum(running.values())) * 1e6, each
