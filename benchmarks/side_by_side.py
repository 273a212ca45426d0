"""Latencies of two versions, measured in the same minutes: `python -m benchmarks.side_by_side TREE TREE`.

Each TREE is a folder with a version of this repository (`git archive REV | tar -x -C TREE`). Each gets a
house with two agents and a client, in processes of its own; they take turns in random order, some jobs each,
because a machine that others share is several times slower in one minute than in the next. `--preferred`
puts them all before other work (SCHED_FIFO, as root), so that only the disk is shared.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.figures import percentile

_NAMES = ("submit to accepted", "submit to start", "submit to result")


def main(argv: list[str] | None = None) -> int:
    """Measure and print a table, or play the house of one tree; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.side_by_side", description=__doc__)
    parser.add_argument("trees", nargs="*", type=Path)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=25, help="of each tree in each round")
    parser.add_argument("--preferred", action="store_true", help="before all other work, as root on Linux")
    parser.add_argument("--play", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.play:
        _play(preferred=options.preferred)
        return 0
    print(f"load {os.getloadavg()[0]:.1f}", file=sys.stderr)
    figures = _compare(options.trees, options.rounds, options.jobs, preferred=options.preferred)
    for number, tree in enumerate(options.trees):
        for name, values in zip(_NAMES, figures[number], strict=True):
            middle, high = statistics.median(values), percentile(values, 95)
            print(f"{tree!s:30} {name:20} median {middle:6.2f} ms, p95 {high:6.2f} ms, {len(values)} jobs")
    return 0


def _compare(trees: list[Path], rounds: int, jobs: int, *, preferred: bool) -> list[list[list[float]]]:
    """Return, for each tree and each of the three figures, all values in milliseconds."""
    command = [
        sys.executable,
        str(Path(__file__).resolve()),
        "--play",
        *(["--preferred"] if preferred else []),
    ]
    players = [
        subprocess.Popen(
            command,
            cwd=tree,
            env=os.environ | {"PYTHONPATH": str(tree.resolve())},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for tree in trees
    ]
    found: list[list[list[float]]] = [[[], [], []] for _ in trees]
    try:
        for turn in range(rounds + 1):
            for number in random.sample(range(len(trees)), len(trees)):
                measured = _ask(players[number], jobs)
                if turn:  # the first is for warming up
                    for values, more in zip(found[number], measured, strict=True):
                        values += more
    finally:
        for player in players:
            player.communicate(timeout=60)
    return found


def _ask(player: "subprocess.Popen[str]", jobs: int) -> list[list[float]]:
    assert player.stdin is not None
    assert player.stdout is not None
    print(jobs, file=player.stdin, flush=True)
    answer: list[list[float]] = json.loads(player.stdout.readline())
    return answer


def _play(*, preferred: bool) -> None:
    """Hold a house of the version in PYTHONPATH; for each number read, print how long so many jobs took."""
    from benchmarks.history import read_history
    from benchmarks.latency import _wait_succeeded
    from benchmarks.setting import connected, noop_specs, running_house
    from bus.topics import JOB_EVENT

    with running_house(agents=2) as house, connected(house) as client, client.watch((JOB_EVENT, {})) as feed:
        client.ping()
        if preferred:
            _prefer([os.getpid(), *(part.pid for part in house.status().components if part.pid)])
        for line in sys.stdin:
            accepted, result, began = [], [], {}
            position = client.ping()
            for spec in noop_specs(int(line)):
                wall, before = time.time(), time.perf_counter()
                (job,) = client.submit([spec]).jobs
                accepted.append((time.perf_counter() - before) * 1000)
                _wait_succeeded(client, feed, job)
                result.append((time.perf_counter() - before) * 1000)
                began[job] = wall
            started = read_history(house.home, position).started
            start = [(started[job] - wall) * 1000 for job, wall in began.items()]
            print(json.dumps([accepted, start, result]), flush=True)


def _prefer(pids: list[int]) -> None:
    for pid in pids:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setscheduler(int(thread.name), os.SCHED_FIFO, os.sched_param(10))


if __name__ == "__main__":
    sys.exit(main())
