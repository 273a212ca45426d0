"""Run seeds of the simulation: `./run simulate --seeds 20000`, or replay one with `--seed 4711`."""

import argparse
import os
import sys
import time
import traceback

from tests.simulation.runner import run_mutants, run_seeds
from tests.simulation.scenario import run_seed


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000, help="how many seeds")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--seed", type=int, help="replay this one seed and show the traceback")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--mutants", type=int, metavar="SEEDS", help="plant each known bug, try so many seeds"
    )
    options = parser.parse_args()
    if options.mutants is not None:
        return 0 if all(run_mutants(options.mutants, options.processes).values()) else 1
    if options.seed is not None:
        try:
            house = run_seed(options.seed)
        except Exception:
            traceback.print_exc()
            return 1
        print(f"seed {options.seed}: {house.store.tail} decisions, every invariant held")
        return 0
    began = time.monotonic()
    failed = 0
    seeds = range(options.first, options.first + options.seeds)
    for seed, why in run_seeds(seeds, options.processes):
        if why:
            failed += 1
            print(f"seed {seed} failed: {why}\n  replay: ./run simulate --seed {seed}", flush=True)
    took = time.monotonic() - began
    print(f"{len(seeds)} seeds in {took:.1f} s ({len(seeds) / took * 60:.0f} a minute), {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
