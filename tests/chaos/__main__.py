"""`python -m tests.chaos`: a chaos run as long as one likes, replayable by its seed as far as faults go."""

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

import msgspec

from tests.chaos.run import run_chaos


def main() -> int:
    """Run, print the report as JSON, and return 1 when something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31))
    parser.add_argument("--longest-stop", type=float, default=8.0, help="for how long a process stands still")
    parser.add_argument("--settle", type=float, default=180.0, help="seconds until all must have ended")
    parser.add_argument("--only", action="append", metavar="NAME", help="hit hq, agent-... and so on alone")
    parser.add_argument("--folder", type=Path, help="where everything is kept; a new one by default")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    report = run_chaos(
        folder,
        seconds=options.seconds,
        seed=options.seed,
        longest_stop=options.longest_stop,
        settle_seconds=options.settle,
        only=tuple(options.only or ("",)),
    )
    print(msgspec.json.format(msgspec.json.encode(report)).decode())
    print(f"kept in {folder}", file=sys.stderr)
    return 1 if report.troubles else 0


if __name__ == "__main__":
    sys.exit(main())
