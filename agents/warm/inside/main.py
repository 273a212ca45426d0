"""Begins a warm interpreter: `python main.py CONTROL LEVEL USERNS ROOM`, in the environment of its scripts.

CONTROL is the number of a socket to the agent, LEVEL is strict or basic, and
USERNS tells whether this process is in a user namespace of its own; ROOM is
where the command lines of its scripts will be seen.
"""

import sys
from importlib import import_module
from os.path import abspath, dirname


def main() -> None:
    """Serve the agent; never returns."""
    # As a script's interpreter has it, but for the script's own folder.
    sys.path[0] = dirname(dirname(abspath(__file__)))
    starting = import_module("inside.starting")
    sys.path.pop(0)
    starting.start(int(sys.argv[1]), sys.argv[2] == "strict", sys.argv[3] == "1")


main()
