"""RELIABILITY, layers 1 and 2: the production core in hundreds of houses in trouble, and with known bugs.

IDLEHANDS_SEEDS says how many; `./run test-slow` tries thousands, and `./run simulate` what is asked for.
"""

import os

import pytest

from tests.simulation.mutants import MUTANTS
from tests.simulation.runner import run_mutants, run_seeds

SEEDS = int(os.environ.get("IDLEHANDS_SEEDS", "400"))
PROCESSES = os.cpu_count() or 1


@pytest.mark.parametrize("seeds", [SEEDS, pytest.param(4000, marks=pytest.mark.slow)])
def test_every_invariant_holds_in_many_houses_in_trouble(seeds: int) -> None:
    failed = [
        f"{why}\n  replay: ./run simulate --seed {seed}"
        for seed, why in run_seeds(range(seeds), PROCESSES)
        if why
    ]
    assert not failed, "\n".join(failed)


@pytest.fixture(scope="module")
def found() -> dict[str, int]:
    return run_mutants(400, PROCESSES, enough=1)


@pytest.mark.parametrize("name", MUTANTS)
def test_the_simulation_finds_the_planted_bug(name: str, found: dict[str, int]) -> None:
    assert found[name], f"no seed of 400 found {name}: an invariant or a fault is missing"
