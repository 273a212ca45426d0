"""How well a script is kept from the machine that runs it, and which level it gets.

    none    nothing: where the operating system gives nothing
    basic   a session, a folder and an environment of its own; its tree of processes dies with it
    strict  also its own process table, a read-only system, a private home, no network unless asked for

A job asks for a minimum, a machine names the levels that it runs jobs at. Pure.
"""

from collections.abc import Iterable
from typing import Literal

Isolation = Literal["none", "basic", "strict"]

#: From the weakest to the strongest.
LEVELS: tuple[Isolation, ...] = ("none", "basic", "strict")


def is_at_least(level: Isolation, wanted: Isolation) -> bool:
    """Tell whether a level holds all that another one holds."""
    return LEVELS.index(level) >= LEVELS.index(wanted)


def choose_level(wanted: Isolation, offered: Iterable[Isolation]) -> Isolation | None:
    """Return the weakest of the offered levels that is at least `wanted`, None when there is none.

    Never a weaker one: a job whose minimum cannot be had does not run.
    """
    fitting = [level for level in offered if is_at_least(level, wanted)]
    return min(fitting, key=LEVELS.index) if fitting else None


def strongest(offered: Iterable[Isolation]) -> Isolation:
    """Return the strongest of the offered levels, "none" when there are none."""
    return max(offered, key=LEVELS.index, default="none")
