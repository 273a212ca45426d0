"""`python -m benchmarks [NAME...]`: run benchmarks, print a table, keep all values as JSON."""

import argparse
import importlib
import os
import signal
import sys
from pathlib import Path

from benchmarks.figures import Figure, format_table, measure_step, read_machine, to_json
from benchmarks.setting import TINY, Effort

#: Each is a module with `measure(effort) -> list[Figure]`.
NAMES = (
    *("latency", "throughput", "batches", "idle_agent", "append", "drain", "signatures", "reconnect"),
    *("guest", "warm", "optuna_storage", "services", "search_overhead", "search_quality", "early_stopping"),
    *("search_parallel", "results_page", "jobs_page"),
)


def run(name: str, effort: Effort) -> list[Figure]:
    """Run one benchmark and return its figures.

    Raises:
        KeyError: If there is no such benchmark.
    """
    if name not in NAMES:
        raise KeyError(name)
    measured: list[Figure] = importlib.import_module(f"benchmarks.{name}").measure(effort)
    return measured


def main(argv: list[str] | None = None) -> int:
    """Run what was asked for and return the exit code."""
    options = _parse(argv)
    # So that the houses are stopped and their folders removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    effort = TINY if options.tiny else Effort(repeats=options.repeats, queued=options.queued)
    figures: list[Figure] = []
    machine = read_machine()
    for name in options.name or NAMES:
        now = f"load {os.getloadavg()[0]:.1f}, {measure_step():.0f} ns a step"
        print(f"{name} (before: {now}) ...", file=sys.stderr, flush=True)
        measured = run(name, effort)
        print(format_table(measured), file=sys.stderr, flush=True)
        figures += measured
    print(format_table(figures))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_bytes(to_json(figures, machine))
    print(f"All values: {options.out}", file=sys.stderr)
    return 0


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run bench", description="The figures of this house.")
    parser.add_argument("name", nargs="*", choices=[*NAMES, []], help=f"default: all of {', '.join(NAMES)}")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--queued", type=int, default=20_000, help="jobs in the long queue of `drain`")
    parser.add_argument("--tiny", action="store_true", help="everything once and small: only to see it run")
    parser.add_argument("--out", type=Path, default=Path("build/benchmarks.json"), help="where the JSON goes")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
