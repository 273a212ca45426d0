"""How much of a machine's energy is an attempt's: by time and by its share of the processor. Pure.

| source | what it is |
| --- | --- |
| plug | of the whole machine, by its smart plug |
| measured | of processor and graphics cards, by their own counters |
| estimated | from watts that the owner, or nobody, has named |

Of what is measured an attempt has the part that its processor time is of all that was used
meanwhile; of the cards, the part that it asked for. A sum is called by the weakest of its sources.
"""

from typing import Literal

from msgspec import Struct

from agents.energy.settings import EnergySettings

Source = Literal["plug", "measured", "estimated"]
JOULES_PER_KWH = 3.6e6


class Reading(Struct, frozen=True):
    """All counters at one moment: joules since some beginning, None where there is no such counter."""

    plug: float | None = None
    processor: float | None = None
    graphics: float | None = None
    #: Processor seconds that all programs together have used.
    busy_seconds: float | None = None


class Use(Struct, frozen=True):
    """What an attempt had. `seconds` are those in which it did not stand still."""

    seconds: float
    cpu_seconds: float
    gpus: int = 0


class Machine(Struct, frozen=True):
    """What it had that of."""

    slots: int = 1
    gpus: int = 0


def attribute(
    before: Reading, after: Reading, use: Use, machine: Machine, settings: EnergySettings
) -> tuple[float, Source]:
    """Return an attempt's joules between two readings, and where the number is from."""
    share = _share(before, after, use)
    of_cards = min(1.0, use.gpus / max(1, machine.gpus))
    plug = _between(before.plug, after.plug)
    if plug is not None and (share is not None or use.gpus):
        return plug * max(share or 0.0, of_cards), "plug"
    measured = _between(before.processor, after.processor)
    source: Source = "measured"
    if measured is not None and share is not None:
        joules = measured * share
    else:
        joules = estimate_processor(use, machine, settings)
        source = "estimated"
    if use.gpus:
        cards = _between(before.graphics, after.graphics)
        if cards is None:
            source = "estimated"
        joules += use.gpus * settings.watts_per_gpu * use.seconds if cards is None else cards * of_cards
    return joules, source


def estimate_processor(use: Use, machine: Machine, settings: EnergySettings) -> float:
    """Return joules from watts: a slot's part of the idle machine, and what busy cores draw beyond that."""
    idle = settings.watts_idle / max(1, machine.slots)
    return idle * use.seconds + settings.watts_per_core * use.cpu_seconds


def _share(before: Reading, after: Reading, use: Use) -> float | None:
    busy = _between(before.busy_seconds, after.busy_seconds)
    if busy is None:
        return None
    # Counted in ticks of 10 ms, and not all at the same moment: never more than all.
    return min(1.0, use.cpu_seconds / max(busy, use.cpu_seconds, 0.01))


def _between(before: float | None, after: float | None) -> float | None:
    if before is None or after is None:
        return None
    return max(0.0, after - before)
