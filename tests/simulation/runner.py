"""Run many seeds, or many planted bugs, on all cores."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from tests.simulation.mutants import MUTANTS, plant
from tests.simulation.scenario import run_seed


def _seeds_that_find(name: str, seeds: int, enough: int) -> tuple[str, int, int | None, str]:
    """Plant a bug in this process and return how many seeds found it, and the first."""
    plant(name)
    found, first, why = 0, None, ""
    for seed in range(seeds):
        outcome = _try_seed(seed)[1]
        if outcome:
            found += 1
            if first is None:
                first, why = seed, outcome
            if found >= enough:
                break
    return name, found, first, why


def run_mutants(seeds: int, processes: int, enough: int = 2**30) -> dict[str, int]:
    """Return how many of `seeds` seeds found each planted bug, stopping after `enough`.

    Each bug is planted in a process of its own.
    """
    found: dict[str, int] = {}
    # One task per process: a planted bug must not outlive its turn.
    with ProcessPoolExecutor(processes, max_tasks_per_child=1, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(_seeds_that_find, name, seeds, enough) for name in MUTANTS]
        for future in waiting:
            name, count, first, why = future.result()
            found[name] = count
            print(f"{name:42} {count:4} of {seeds} seeds, first {first}: {why[:90]}", flush=True)
    return found


def _try_seed(seed: int) -> tuple[int, str]:
    try:
        run_seed(seed)
    except Exception as error:
        return seed, f"{type(error).__name__}: {error}"
    return seed, ""


def run_seeds(seeds: Iterable[int], processes: int) -> Iterator[tuple[int, str]]:
    """Yield each seed with why it failed, or "" when every invariant held."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_try_seed, seeds, chunksize=20)
