"""Submitting in batches: from the first request to the last answer, which HQ gives after the commit."""

import time

from benchmarks.figures import Figure
from benchmarks.history import WrongHistory, read_history
from benchmarks.setting import Effort, connected, noop_specs, running_house

_JOBS = 10_000


def measure(effort: Effort) -> list[Figure]:
    """Return accepted jobs per second. No agent runs: nothing else is measured."""
    rates: list[float] = []
    jobs: list[str] = []
    with running_house(agents=0) as house, connected(house) as client:
        client.submit(noop_specs(effort.jobs(_JOBS)))
        for _ in range(effort.repeats):
            specs = noop_specs(effort.jobs(_JOBS))
            before = time.perf_counter()
            changed = client.submit(specs)
            rates.append(len(specs) / (time.perf_counter() - before))
            jobs += changed.jobs
        history = read_history(house.home)
    if not history.submitted.keys() >= set(jobs):
        raise WrongHistory("jobs were answered as accepted that are not in the log")
    return [Figure("batches: jobs submitted and accepted", "jobs/s", tuple(rates), ">= 5,000")]
