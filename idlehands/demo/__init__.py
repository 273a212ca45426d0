"""`./run demo`: the main job on this machine, from nothing to a table of results.

    place     the folder of its house, and the house on a leash
    board     what is known of each trial; pure
    following the sweep as it happens: from the bus, with REST as the truth
    screens   live bars on a terminal, plain lines elsewhere
    show      one after the other, and the exit code

An ordinary client of an ordinary house: it can do nothing that a person at the
command line cannot.
"""

from idlehands.demo.show import Plan, run_demo

__all__ = ["Plan", "run_demo"]
