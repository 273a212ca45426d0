"""Run seeds of the simulation: `./run simulate --seeds 20000`, or replay one with `--seed 4711`."""

import argparse
import os
import sys
import time
import traceback
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.scenario import run_seed


def _try_seed(seed: int) -> tuple[int, str]:
    try:
        run_seed(seed)
    except Exception as error:
        return seed, f"{type(error).__name__}: {error}"
    return seed, ""


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000, help="how many seeds")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--seed", type=int, help="replay this one seed and show the traceback")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
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
    with ProcessPoolExecutor(options.processes) as pool:
        for seed, why in pool.map(_try_seed, seeds, chunksize=20):
            if why:
                failed += 1
                print(f"seed {seed} failed: {why}\n  replay: ./run simulate --seed {seed}", flush=True)
    took = time.monotonic() - began
    print(f"{len(seeds)} seeds in {took:.1f} s ({len(seeds) / took * 60:.0f} a minute), {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
