"""What the policy decides at each edge, and that it never flaps."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from agents.guest.decision import Decision, Memory
from agents.guest.policy import decide
from agents.guest.readings import Readings, Wish
from agents.guest.settings import Preset, Settings

#: A desktop that nobody has used for a day, on mains, with everything at rest.
QUIET = Readings(
    input_seconds=86_400.0,
    on_mains=True,
    has_battery=False,
    lid_closed=False,
    cpu_celsius=40.0,
    gpu_celsius=40.0,
    foreign_cpu=0.0,
    full_screen=False,
    programs=frozenset(),
    gpu_programs=(),
    job_memory=0.0,
    available_memory=80.0,
    free_disk_gb=100.0,
    metered=False,
    unix=1_000_000.0,
)


class Machine:
    """The policy over time: one look a second."""

    def __init__(self, **settings: Any) -> None:
        self.settings = Settings(**settings)
        self.now = 0.0
        self.memory = Memory()
        self.readings = QUIET

    def look(self, seconds: float = 0.0, **changes: Any) -> Decision:
        """Let time pass, change what is seen, and return the decision."""
        self.now += seconds
        self.readings = replace(self.readings, **changes, unix=self.readings.unix + seconds)
        decision, self.memory = decide(self.settings, self.readings, self.now, self.memory)
        return decision


# --- presets ---------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "half"), [(179.0, True), (180.0, False), (181.0, False)])
def test_polite_takes_half_of_the_cores_until_nobody_has_come_for_three_minutes(
    seconds: float, half: bool
) -> None:
    decision = Machine().look(input_seconds=seconds)

    assert (decision.accepting, decision.cpu, decision.half_cores) == (True, "run", half)
    assert (decision.accepting_gpu, decision.gpu) == ((False, "vacate") if half else (True, "run"))
    assert decision.lowest_priority


def test_polite_says_who_takes_half_of_the_cores() -> None:
    assert Machine().look(input_seconds=12.0).reason == (
        "on half of the cores, as somebody is at this computer (last input 12 s ago)"
    )


def test_polite_on_a_machine_where_nobody_is_logged_in_takes_it_whole() -> None:
    decision = Machine().look(input_seconds=math.inf)

    assert decision == Decision(grace_seconds=60.0)


@pytest.mark.parametrize("preset", ["polite", "when-idle", "nights"])
def test_what_cannot_be_told_is_never_taken_for_nobody(preset: Preset) -> None:
    decision = Machine(preset=preset, nights=("mon-sun 00:00-24:00",)).look(input_seconds=None)

    assert decision.half_cores
    assert not decision.accepting_gpu
    assert decision.accepting == (preset != "when-idle")
    assert "cannot be told" in decision.reason


@pytest.mark.parametrize(("seconds", "accepting"), [(899.0, False), (900.0, True), (901.0, True)])
def test_when_idle_begins_after_fifteen_minutes(seconds: float, accepting: bool) -> None:
    assert Machine(preset="when-idle").look(input_seconds=seconds).accepting == accepting


def test_when_idle_freezes_at_the_first_key_and_goes_on_after_five_minutes() -> None:
    machine = Machine(preset="when-idle")
    assert machine.look(input_seconds=900.0, busy=True).cpu == "run"

    touched = machine.look(1, input_seconds=0.2)
    assert (touched.cpu, touched.accepting) == ("freeze", False)
    assert "last input 0 s ago" in touched.reason
    assert machine.look(299, input_seconds=299.0).cpu == "freeze"
    assert machine.look(1, input_seconds=300.0).cpu == "run"


def test_when_idle_waits_fifteen_minutes_again_when_nothing_stands_still() -> None:
    machine = Machine(preset="when-idle")
    machine.look(input_seconds=900.0, busy=False)

    machine.look(1, input_seconds=0.0)

    assert not machine.look(300, input_seconds=300.0).accepting
    assert machine.look(600, input_seconds=900.0).accepting


@pytest.mark.parametrize(("minute", "accepting"), [(1319, False), (1320, True), (1321, True)])
def test_nights_begin_with_their_window(minute: int, accepting: bool) -> None:
    assert Machine(preset="nights").look(minute_of_week=minute).accepting == accepting


@pytest.mark.parametrize(("minute", "cpu"), [(1859, "run"), (1860, "vacate"), (1861, "vacate")])
def test_nights_end_with_their_window_and_jobs_leave(minute: int, cpu: str) -> None:
    machine = Machine(preset="nights")
    machine.look(minute_of_week=1500, busy=True)

    assert machine.look(1, minute_of_week=minute).cpu == cpu


def test_dedicated_asks_nothing() -> None:
    unknown = Readings(unix=1.0)

    assert decide(Settings(preset="dedicated"), unknown, 0.0, Memory())[0] == Decision()


# --- leaving ---------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "cpu"), [(599.0, "freeze"), (600.0, "vacate"), (601.0, "vacate")])
def test_a_job_that_stands_still_for_ten_minutes_leaves(seconds: float, cpu: str) -> None:
    machine = Machine(preset="when-idle")
    machine.look(input_seconds=1000.0, busy=True)
    machine.look(1, input_seconds=0.0)

    assert machine.look(seconds, input_seconds=0.0).cpu == cpu


@pytest.mark.parametrize(("free", "cpu"), [(4.9, "vacate"), (5.0, "freeze"), (5.1, "freeze")])
def test_a_job_that_stands_still_leaves_when_memory_is_short(free: float, cpu: str) -> None:
    machine = Machine(preset="when-idle")
    machine.look(input_seconds=1000.0, busy=True)

    assert machine.look(1, input_seconds=0.0, available_memory=free).cpu == cpu


def test_a_gpu_job_never_stands_still() -> None:
    machine = Machine(preset="when-idle")
    machine.look(input_seconds=1000.0, busy=True)

    assert machine.look(1, input_seconds=0.0).gpu == "vacate"


# --- what narrows ------------------------------------------------------------------

#: Settings, a reading, a value that is fine, the edge itself, and what that does; the band's end.
EDGES: list[tuple[dict[str, Any], str, list[tuple[Any, bool]]]] = [
    ({}, "on_mains", [(True, True), (False, False), (None, True)]),
    ({"on_mains": True}, "on_mains", [(True, True), (False, False), (None, False)]),
    ({"lid_open": True}, "lid_closed", [(False, True), (True, False), (None, False)]),
    ({"unmetered": True}, "metered", [(False, True), (True, False), (None, False)]),
    ({}, "full_screen", [(False, True), (True, False), (None, True)]),
    ({"cpu_celsius": 80}, "cpu_celsius", [(79.0, True), (80.0, False), (81.0, False), (None, False)]),
    ({"foreign_cpu": 50}, "foreign_cpu", [(49.0, True), (50.0, True), (51.0, False), (None, False)]),
    ({"memory": 90}, "job_memory", [(89.0, True), (90.0, True), (91.0, False), (None, False)]),
    ({}, "free_disk_gb", [(1.1, True), (1.0, True), (0.9, False), (None, False)]),
    ({"exclusive_programs": ("Steam",)}, "programs", [
        (frozenset({"bash"}), True), (frozenset({"steam", "bash"}), False), (None, False)]),
    ({"only_while": ("home/sun > 300",)}, "topics", [
        ({"home/sun": "301"}, True), ({"home/sun": "300"}, False), ({"home/sun": "299"}, False),
        ({}, False)]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "name", "value", "accepting"),
    [(settings, name, value, ok) for settings, name, cases in EDGES for value, ok in cases],
)
def test_each_limit_at_its_edge(settings: dict[str, Any], name: str, value: Any, accepting: bool) -> None:
    machine = Machine(**settings)
    fine = {"topics": {"home/sun": "999"}} if name == "topics" else {}
    assert machine.look(**fine).accepting

    decision = machine.look(1, **{name: value})

    assert decision.accepting == accepting
    assert bool(decision.reason) != accepting


@pytest.mark.parametrize(("percent", "accepting"), [(79.0, False), (80.0, False), (81.0, True)])
def test_a_battery_must_be_charged_before_the_first_job(percent: float, accepting: bool) -> None:
    assert Machine().look(has_battery=True, battery_percent=percent).accepting == accepting


@pytest.mark.parametrize(("percent", "accepting"), [(76.0, True), (75.0, False), (74.0, False)])
def test_a_battery_that_was_charged_may_lose_a_little(percent: float, accepting: bool) -> None:
    machine = Machine()
    machine.look(has_battery=True, battery_percent=100.0)

    assert machine.look(1, battery_percent=percent).accepting == accepting


def test_a_battery_that_its_owner_holds_below_the_limit_is_no_reason() -> None:
    assert Machine().look(has_battery=True, battery_percent=60.0, battery_rests=True).accepting


@pytest.mark.parametrize(("celsius", "accepting"), [(71.0, True), (72.0, True), (73.0, False)])
def test_heat_must_go_well_below_its_cap(celsius: float, accepting: bool) -> None:
    machine = Machine(cpu_celsius=80)
    machine.look(cpu_celsius=85.0)
    machine.look(1, cpu_celsius=celsius)

    assert machine.look(20, cpu_celsius=celsius).accepting == accepting


@pytest.mark.parametrize(
    ("settings", "shut", "over", "told"),
    [
        ({}, {"on_mains": False}, {"on_mains": True}, "this computer is not on battery any more"),
        ({}, {"full_screen": True}, {"full_screen": False}, "no program fills the whole screen any more"),
        ({"lid_open": True}, {"lid_closed": True}, {"lid_closed": False}, "the lid is open again"),
        ({"unmetered": True}, {"metered": True}, {"metered": False}, "the network is not metered any more"),
        ({"cpu_celsius": 80}, {"cpu_celsius": 90}, {"cpu_celsius": 60}, "the processor is at 60 °C"),
        ({"foreign_cpu": 50}, {"foreign_cpu": 80.0}, {"foreign_cpu": 9.0}, "other programs take 9 % of"),
        ({"memory": 90}, {"job_memory": 95.0}, {"job_memory": 1.0}, "jobs take 1 % of the memory"),
        ({}, {"free_disk_gb": 0.5}, {"free_disk_gb": 9.0}, "9.0 GB of the disk are free"),
        (
            {"exclusive_programs": ("obs", "steam")},
            {"programs": frozenset({"obs"})},
            {"programs": frozenset()},
            "no obs or steam runs any more",
        ),
        (
            {"only_while": ("home/film == off",)},
            {"topics": {"home/film": "on"}},
            {"topics": {"home/film": "off"}},
            "home/film == off again",
        ),
    ],
)
def test_while_it_waits_for_calm_the_reason_says_what_is_true_by_now(
    settings: dict[str, Any], shut: dict[str, Any], over: dict[str, Any], told: str
) -> None:
    machine = Machine(**settings)
    assert machine.look(**shut).reason

    waiting = machine.look(3.0, **over)

    assert not waiting.accepting
    assert waiting.reason.startswith(told)
    assert " when that has lasted " in waiting.reason
    assert machine.look(61.0).reason == ""


@pytest.mark.parametrize(("seconds", "accepting"), [(19.0, False), (20.0, True), (21.0, True)])
def test_a_load_must_be_gone_for_twenty_seconds(seconds: float, accepting: bool) -> None:
    machine = Machine(foreign_cpu=50)
    machine.look(foreign_cpu=90.0)
    machine.look(1, foreign_cpu=10.0)

    assert machine.look(seconds).accepting == accepting


@pytest.mark.parametrize(("load", "accepting"), [(24.0, True), (25.0, True), (26.0, False)])
def test_while_somebody_is_there_less_foreign_load_is_enough(load: float, accepting: bool) -> None:
    machine = Machine(foreign_cpu=50, foreign_cpu_in_use=25)

    assert machine.look(foreign_cpu=load, input_seconds=5.0).accepting == accepting


def test_somebody_elses_program_on_the_gpu_stops_gpu_jobs_only() -> None:
    decision = Machine().look(gpu_programs=("blender",))

    assert (decision.accepting, decision.accepting_gpu, decision.gpu) == (True, False, "vacate")
    assert decision.gpu_reason == "blender uses the graphics card"


def test_the_worst_is_said_first_and_the_others_are_counted() -> None:
    decision = Machine().look(free_disk_gb=0.1, on_mains=False)

    assert decision.reason == "this computer runs on battery (and 1 more)"
    assert decision.causes == ("mains", "disk")


# --- wishes ------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "cpu"), [(3599, "freeze"), (3600, "run"), (3601, "run")])
def test_a_pause_ends_with_its_time(seconds: int, cpu: str) -> None:
    machine = Machine(preset="dedicated", vacate_after_seconds=86_400)

    machine.look(own_wish=Wish("pause", QUIET.unix + 3600), busy=True)

    assert machine.look(seconds).cpu == cpu


def test_a_drain_lets_go_on_what_runs() -> None:
    decision = Machine(preset="dedicated").look(own_wish=Wish("drain"), busy=True)

    assert (decision.accepting, decision.cpu, decision.gpu) == (False, "run", "run")


def test_the_owner_may_dedicate_and_the_house_may_not() -> None:
    machine = Machine(preset="when-idle")

    assert not machine.look(input_seconds=1.0, house_wish=Wish("dedicate")).accepting
    assert machine.look(own_wish=Wish("dedicate")).accepting


def test_a_pause_of_the_house_holds_on_a_dedicated_machine_too() -> None:
    decision = Machine().look(own_wish=Wish("dedicate"), house_wish=Wish("pause"), busy=True)

    assert decision.cpu == "freeze"
    assert decision.reason == "paused from the house until told otherwise"


# --- flapping ------------------------------------------------------------------------

wavering = st.fixed_dictionaries(
    {
        "foreign_cpu": st.floats(0, 100),
        "cpu_celsius": st.one_of(st.none(), st.floats(60, 100)),
        "on_mains": st.sampled_from([True, True, True, False, None]),
        "topics": st.sampled_from([{"home/sun": "301"}, {"home/sun": "299"}]),
        "free_disk_gb": st.floats(0.8, 1.8),
    }
)


@given(st.lists(st.tuples(st.floats(0.1, 15), wavering), min_size=2, max_size=60))
def test_after_each_stop_there_are_at_least_twenty_seconds_without(
    looks: list[tuple[float, dict[str, Any]]],
) -> None:
    machine = Machine(foreign_cpu=50, cpu_celsius=85, only_while=("home/sun > 300",))
    stopped_at: float | None = None
    before = machine.look(topics={"home/sun": "999"}, busy=True).cpu
    for seconds, seen in looks:
        decision = machine.look(seconds, **seen)
        if decision.cpu != "run" and before == "run":
            stopped_at = machine.now
        elif decision.cpu == "run" and before != "run":
            assert stopped_at is not None
            assert machine.now - stopped_at >= 20
        before = decision.cpu


@given(st.lists(st.floats(72.01, 79.99), max_size=40), st.booleans())
def test_within_its_band_a_temperature_changes_nothing(celsius: list[float], hot: bool) -> None:
    machine = Machine(cpu_celsius=80)
    machine.look(cpu_celsius=90.0 if hot else 60.0)

    assert all(machine.look(30, cpu_celsius=c).accepting is not hot for c in celsius)


@given(st.lists(st.tuples(st.floats(0.1, 400), st.booleans()), max_size=40))
def test_when_idle_never_goes_on_before_five_quiet_minutes(looks: list[tuple[float, bool]]) -> None:
    machine = Machine(preset="when-idle")
    quiet = 0.0
    for seconds, touched in looks:
        quiet = 0.0 if touched else quiet + seconds
        decision = machine.look(seconds, input_seconds=quiet, busy=True)
        assert decision.cpu != "run" or quiet >= 300


@given(
    st.builds(
        Readings, input_seconds=st.one_of(st.none(), st.floats(0, 1e6)), busy=st.booleans(), unix=st.just(0.0)
    )
)
def test_whatever_holds_jobs_back_has_a_reason_in_words(readings: Readings) -> None:
    for preset in ("polite", "when-idle", "nights", "dedicated"):
        decision, _ = decide(Settings(preset=preset), readings, 0.0, Memory())
        assert decision.accepting or decision.reason
        assert decision.accepting_gpu or decision.gpu_reason
        assert decision.cpu == "run" or not decision.accepting
        assert decision.gpu != "freeze"
