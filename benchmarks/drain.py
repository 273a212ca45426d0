"""Whether a long queue makes HQ slower: the rate of results with 1,000 and with many jobs queued.

The queue is filled while no agent runs; then two agents start. The rate counts
from the first success to the last, over the log. The ramp is left out.
"""

import contextlib

from benchmarks.figures import Figure
from benchmarks.history import WrongHistory, read_history
from benchmarks.processes import read_pss_mb
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
    bytes_each: list[float] = []
    for _ in range(max(1, effort.repeats // 2)):
        with running_house(agents=0) as house, connected(house) as client:
            for queued in (few, few, few, many):
                rate, each = _drain(house, client, queued)
                rates[queued].append(rate)
            bytes_each.append(each)
    best = {queued: sorted(found) for queued, found in rates.items()}
    ratio = best[many][len(best[many]) // 2] / best[few][len(best[few]) // 2]
    return [
        Figure(f"drain: {few:,} queued", "jobs/s", tuple(rates[few])),
        Figure(f"drain: {many:,} queued", "jobs/s", tuple(rates[many])),
        Figure(f"drain: rate at {many:,} to rate at {few:,}", "ratio", (ratio,)),
        Figure(f"drain: HQ's memory per job, {many:,} queued", "bytes", tuple(bytes_each)),
    ]


def _drain(house: RunningHouse, client: Client, count: int) -> tuple[float, float]:
    hq = house.component("hq").pid
    if hq is None:
        raise WrongHistory("HQ has ended")
    before = read_pss_mb(hq)
    submitted = client.submit(noop_specs(count))
    each = (read_pss_mb(hq) - before) * 1e6 / count
    with contextlib.ExitStack() as stack:
        for name in agent_names(house.home):
            stack.enter_context(own_agent(house.home, name))
        wait_agents(client, 2)
        wait_all_ended(client)
    history = read_history(house.home, submitted.position)
    moments = sorted(history.succeeded.values())
    if len(moments) != count:
        raise WrongHistory(f"{len(moments)} of {count} jobs succeeded")
    # The first tenth is the ramp: agents start, HQ learns how short the jobs are.
    skipped = count // 10
    return (count - skipped - 1) / (moments[-1] - moments[skipped]), each
