"""`python -m idlehands.house up`: the house without the command line's own dependencies."""

import argparse
import os
import signal
import sys
import threading

import msgspec

from idlehands.house.components import AgentOptions
from idlehands.house.home import HouseError, open_home, read_home
from idlehands.house.status import describe, read_status
from idlehands.house.up import up


def main() -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m idlehands.house")
    commands = parser.add_subparsers(dest="command", required=True)
    starting = commands.add_parser("up")
    starting.add_argument("--agents", type=int, default=1)
    starting.add_argument("--slots", type=int)
    starting.add_argument("--runner")
    starting.add_argument(
        "--guests",
        action="store_true",
        help="the agents are guests: jobs run when the owner's rules let them",
    )
    starting.add_argument("--tied", action="store_true", help="stop when standard input ends")
    asking = commands.add_parser("status")
    asking.add_argument("--json", action="store_true")
    given = parser.parse_args()
    try:
        if given.command == "up":
            if given.tied:
                threading.Thread(target=_await_end_of_input, name="tie", daemon=True).start()
            guest = None if given.guests else "dedicated"
            return up(open_home(), AgentOptions(given.agents, given.slots, given.runner, guest=guest))
        status = read_status(read_home())
    except HouseError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    print(msgspec.json.encode(status).decode() if given.json else describe(status))
    return 0 if status.up else 3


def _await_end_of_input() -> None:
    """Stop the house when whoever started it is gone."""
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
