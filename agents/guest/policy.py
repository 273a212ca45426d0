"""The policy: `decide(settings, readings, now, memory) -> (decision, memory)`. Pure.

Everything that may hold jobs back is a gate. A gate shuts at once and opens
only after it could have been open for a while, so nothing flaps; where a
measure wavers, there is a band between shutting and opening as well. What
cannot be told never counts as "nobody there".
"""

import math
from collections.abc import Iterator

from msgspec.structs import replace

from agents.guest.calendar import is_inside
from agents.guest.conditions import describe, is_met, parse_condition
from agents.guest.decision import Action, Decision, Gate, Memory
from agents.guest.readings import Readings, Wish
from agents.guest.settings import Settings
from agents.guest.words import ago, span, until

#: How far a measure must fall below its limit before a shut gate opens.
CELSIUS_BAND = 8.0
BATTERY_BAND = 5.0
PERCENT_BAND = 5.0
DISK_BAND_GB = 0.5
#: Below so much free memory a job that stands still leaves: it holds what somebody needs.
PRESSURE_PERCENT = 5.0
#: Measures that waver stay quiet this long; so do conditions, which come from anywhere.
_CALM_SECONDS = 20.0
_CALM_TOPIC_SECONDS = 60.0
_WORST: dict[str, int] = {"hold": 0, "freeze": 1, "vacate": 2}


def decide(settings: Settings, readings: Readings, now: float, memory: Memory) -> tuple[Decision, Memory]:
    """Return what jobs may do now and what to remember for the next time.

    Args:
        settings: The owner's rules.
        readings: What the sensors see now.
        now: Seconds on a clock that is never set back.
        memory: Of the last time; `Memory()` at first.
    """
    wish = _strongest_wish(readings)
    if wish is not None and wish.command == "dedicate":
        settings = Settings(preset="dedicated", grace_seconds=settings.grace_seconds)
    gates = [*_wish_gates(wish, readings), *_gates(settings, readings, memory)]
    shut: dict[str, float | None] = {}
    blocking: list[Gate] = []
    for gate in gates:
        still = _still_shut(gate, now, memory)
        if still is not None:
            shut[gate.name] = still[0]
            blocking.append(gate if still[0] is None else _when_calm(gate))
    for_all = sorted((g for g in blocking if not g.only_gpu), key=lambda g: -_WORST[g.severity])
    for_gpu = [*for_all, *(g for g in blocking if g.only_gpu)]
    cpu = _action(for_all)
    frozen_since = memory.frozen_since
    if cpu == "run" or not readings.busy:
        frozen_since = None
    elif frozen_since is None:
        frozen_since = now
    if cpu == "freeze" and frozen_since is not None and _must_leave(settings, readings, now - frozen_since):
        cpu = "vacate"
    somebody = settings.preset != "dedicated" and not _is_away(settings, readings)
    decision = Decision(
        accepting=not for_all,
        accepting_gpu=not for_gpu,
        cpu=cpu,
        gpu="run" if _action(for_gpu) == "run" else "vacate",
        half_cores=somebody,
        # Before anybody comes, where somebody could: priority once lowered stays low.
        lowest_priority=settings.preset != "dedicated" and readings.input_seconds != math.inf,
        reason=_sentence(for_all) or (_half_words(readings) if somebody else ""),
        gpu_reason=_sentence(for_gpu),
        causes=tuple(gate.name for gate in blocking),
        grace_seconds=settings.grace_seconds,
    )
    known = frozenset(gate.name for gate in gates)
    return decision, Memory(shut, known, frozen_since, "presence" not in shut)


# --- gates -----------------------------------------------------------------------


def _gates(settings: Settings, readings: Readings, memory: Memory) -> Iterator[Gate]:
    yield from _presence_gates(settings, readings, memory)
    yield from _power_gates(settings, readings)
    yield from _heat_gates(settings, readings)
    yield from _load_gates(settings, readings)
    yield from _program_gates(settings, readings)
    yield from _store_gates(settings, readings)
    for text in settings.only_while:
        condition = parse_condition(text)
        met = is_met(condition, readings.topics)
        words = describe(condition, readings.topics)
        if condition.topic not in readings.topics:
            # No value that wavers, but none: as soon as there is one, it counts.
            yield Gate(f"unheard {condition.topic}", True, False, words, calm_seconds=0)
        else:
            yield Gate(
                f"condition {condition.topic}",
                not met,
                met,
                words,
                calm_seconds=_CALM_TOPIC_SECONDS,
                over=f"{condition} again",
            )


def _presence_gates(settings: Settings, readings: Readings, memory: Memory) -> Iterator[Gate]:
    idle = readings.input_seconds
    if settings.preset == "nights":
        inside = is_inside(settings.nights, readings.minute_of_week)
        words = f"it is not among the times when jobs may run here ({', '.join(settings.nights)})"
        yield Gate("calendar", not inside, inside, words, "vacate", calm_seconds=0)
    if settings.preset == "when-idle":
        # A job that stands still here goes on sooner than a new one begins.
        goes_on = memory.is_open or memory.frozen_since is not None
        wanted = settings.resume_after_seconds if goes_on else settings.start_after_seconds
        quiet = idle is not None and idle >= wanted
        words = _presence_words(readings, wanted)
        yield Gate("presence", not quiet, quiet, words, calm_seconds=0)
    elif settings.preset != "dedicated":
        away = _is_away(settings, readings)
        words = _presence_words(readings, settings.away_after_seconds)
        yield Gate("presence of GPU", not away, away, words, "vacate", calm_seconds=0, only_gpu=True)


def _power_gates(settings: Settings, readings: Readings) -> Iterator[Gate]:
    if settings.chosen("on_mains"):
        words = "it cannot be told whether this computer runs on battery"
        if readings.on_mains is False:
            words = "this computer runs on battery"
        # Limits that nobody chose let pass what cannot be told, or some machines would never run a job.
        fine = readings.on_mains is True or (readings.on_mains is None and settings.on_mains is None)
        yield Gate("mains", not fine, fine, words, over="this computer is not on battery any more")
    over = settings.chosen("battery_over")
    if over and readings.has_battery is not False and not readings.battery_rests:
        percent = readings.battery_percent
        words = "the charge of the battery cannot be told"
        if percent is not None:
            words = f"the battery is at {percent:.0f} %, and jobs run only over {over:g} %"
        passes = percent is None and settings.battery_over is None
        opens = passes if percent is None else percent > over
        shuts = not passes if percent is None else percent <= over - BATTERY_BAND
        over_words = words if percent is None else f"the battery is at {percent:.0f} %"
        yield Gate("battery", shuts, opens, words, over=over_words)
    if settings.lid_open:
        words = "the lid is closed" if readings.lid_closed else "it cannot be told whether the lid is closed"
        is_open = readings.lid_closed is False
        yield Gate("lid", not is_open, is_open, words, over="the lid is open again")


def _heat_gates(settings: Settings, readings: Readings) -> Iterator[Gate]:
    for name, part, cap, celsius in (
        ("heat of CPU", "processor", settings.cpu_celsius, readings.cpu_celsius),
        ("heat of GPU", "graphics card", settings.gpu_celsius, readings.gpu_celsius),
    ):
        if cap is None:
            continue
        words = f"the temperature of the {part} cannot be told, and jobs run only below {cap:g} °C"
        if celsius is not None:
            words = f"the {part} is at {celsius:.0f} °C, and jobs run again at {cap - CELSIUS_BAND:g} °C"
        shuts = celsius is None or celsius >= cap
        opens = celsius is not None and celsius <= cap - CELSIUS_BAND
        over = f"the {part} is at {celsius or 0:.0f} °C"
        yield Gate(name, shuts, opens, words, only_gpu=name == "heat of GPU", over=over)


def _load_gates(settings: Settings, readings: Readings) -> Iterator[Gate]:
    is_away = _is_away(settings, readings)
    limit = settings.foreign_cpu if is_away else settings.foreign_cpu_in_use
    if limit is not None:
        load = readings.foreign_cpu
        words = "it cannot be told yet what other programs take of the processor"
        if load is not None:
            words = f"other programs take {load:.0f} % of the processor, and jobs run only up to {limit:g} %"
        opens = load is not None and load <= limit
        over = f"other programs take {load or 0:.0f} % of the processor"
        yield Gate("foreign load", load is None or load > limit, opens, words, over=over)
    share = settings.memory if is_away else settings.memory_in_use
    if share is not None:
        used = readings.job_memory
        words = "it cannot be told how much memory jobs take"
        if used is not None:
            words = f"jobs take {used:.0f} % of the memory, and may take up to {share:g} %"
        # What stands still keeps its memory.
        opens = used is not None and used <= max(0.0, share - PERCENT_BAND)
        over = f"jobs take {used or 0:.0f} % of the memory"
        yield Gate("memory", used is None or used > share, opens, words, "vacate", over=over)


def _program_gates(settings: Settings, readings: Readings) -> Iterator[Gate]:
    # Desktops that do not tell would else never run a job: this one limit lets the unknown pass.
    if settings.chosen("full_screen"):
        full = readings.full_screen is True
        over = "no program fills the whole screen any more"
        yield Gate("full screen", full, not full, "a program fills the whole screen", over=over)
    if settings.exclusive_programs:
        # The kernel keeps fifteen bytes of a name.
        wanted = {name.casefold()[:15] for name in settings.exclusive_programs}
        running = readings.programs
        found = sorted(wanted & {name.casefold() for name in running or ()})
        words = f"{' and '.join(found)} runs" if found else "it cannot be told which programs run"
        is_free = running is not None and not found
        over = f"no {' or '.join(sorted(settings.exclusive_programs))} runs any more"
        yield Gate("program", not is_free, is_free, words, over=over)
    if settings.chosen("gpu_alone"):
        others = readings.gpu_programs or ()
        words = f"{others[0] if others else 'another program'} uses the graphics card"
        over = "no other program uses the graphics card any more"
        yield Gate("use of GPU", bool(others), not others, words, "vacate", only_gpu=True, over=over)


def _store_gates(settings: Settings, readings: Readings) -> Iterator[Gate]:
    # A job that runs changes nothing about a full disk or a dear network by standing still.
    least = settings.chosen("free_disk_gb")
    if least:
        free = readings.free_disk_gb
        words = "it cannot be told how much of the disk is free"
        if free is not None:
            words = f"only {free:.1f} GB of the disk are free, and jobs begin only with {least:g} GB"
        opens = free is not None and free >= least + DISK_BAND_GB
        over = f"{free or 0:.1f} GB of the disk are free"
        yield Gate("disk", free is None or free < least, opens, words, "hold", over=over)
    if settings.unmetered:
        words = (
            "the network is metered"
            if readings.metered
            else "it cannot be told whether the network is metered"
        )
        is_free = readings.metered is False
        over = "the network is not metered any more"
        yield Gate("metered", not is_free, is_free, words, "hold", over=over)


def _wish_gates(wish: Wish | None, readings: Readings) -> Iterator[Gate]:
    if wish is None or wish.command == "dedicate":
        return
    is_own = wish == readings.own_wish
    end = until(wish.until, readings.unix)
    if wish.command == "pause":
        words = f"its owner wants to be left alone {end}" if is_own else f"paused from the house {end}"
        yield Gate("pause", True, False, words, calm_seconds=0)
    else:
        who = "its owner" if is_own else "the house"
        words = f"{who} lets it finish what it has and take nothing new {end}"
        yield Gate("drain", True, False, words, "hold", calm_seconds=0)


# --- details ---------------------------------------------------------------------


def _strongest_wish(readings: Readings) -> Wish | None:
    """Return what counts: a pause before a drain, either before `dedicate`, which is the owner's alone."""
    wishes = [w for w in (readings.own_wish, readings.house_wish) if w is not None]
    valid = [wish for wish in wishes if wish.holds(readings.unix)]
    for command in ("pause", "drain"):
        for wish in valid:
            if wish.command == command:
                return wish
    own = readings.own_wish
    return own if own in valid else None


def _still_shut(gate: Gate, now: float, memory: Memory) -> tuple[float | None] | None:
    """Return since when a shut gate could open, in a tuple; None when it is open."""
    if gate.shuts:
        return (None,)
    if gate.name not in memory.shut:
        # In the band: as it was. One that is looked at for the first time was not open.
        return None if gate.opens or gate.name in memory.known else (None,)
    if not gate.opens:
        return (None,)
    calm_since = memory.shut[gate.name]
    if calm_since is None:
        calm_since = now
    return None if now - calm_since >= gate.calm_seconds else (calm_since,)


def _when_calm(gate: Gate) -> Gate:
    """Return a gate that could open and waits, in words that are true by now."""
    return replace(gate, words=f"{gate.over}, and jobs run when that has lasted {span(gate.calm_seconds)}")


def _action(gates: list[Gate]) -> Action:
    worst = max((_WORST[gate.severity] for gate in gates), default=0)
    return "vacate" if worst == 2 else "freeze" if worst == 1 else "run"


def _must_leave(settings: Settings, readings: Readings, frozen_seconds: float) -> bool:
    free = readings.available_memory
    return frozen_seconds >= settings.vacate_after_seconds or (free is not None and free < PRESSURE_PERCENT)


def _is_away(settings: Settings, readings: Readings) -> bool:
    idle = readings.input_seconds
    return idle is not None and idle >= settings.away_after_seconds


def _presence_words(readings: Readings, wanted: float) -> str:
    idle = readings.input_seconds
    if idle is None:
        why = f" ({readings.input_unknown})" if readings.input_unknown else ""
        return f"it cannot be told whether somebody is there{why}"
    if idle < 60:
        return f"somebody is at this computer (last input {ago(idle)}); jobs run after {span(wanted)} without"
    return f"somebody was at this computer {ago(idle)}; jobs run after {span(wanted)} without input"


def _half_words(readings: Readings) -> str:
    idle = readings.input_seconds
    if idle is None:
        return "on half of the cores, as it cannot be told whether somebody is there"
    return f"on half of the cores, as somebody is at this computer (last input {ago(idle)})"


def _sentence(gates: list[Gate]) -> str:
    if not gates:
        return ""
    more = f" (and {len(gates) - 1} more)" if len(gates) > 1 else ""
    return f"{gates[0].words}{more}"
