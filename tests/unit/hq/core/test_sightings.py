"""One certificate, one machine: copies are noticed, late messages and restarts are not copies."""

import pytest

from hq.core.sightings import CONFLICT_SECONDS, Sighting
from schemas.facts import MachineFacts
from schemas.messages import Heartbeat
from schemas.states import Phase
from tests.unit.hq.core.small_house import SmallHouse, instance_of

ONE, OTHER, THIRD = "1" * 32, "2" * 32, "3" * 32


def beat(boot: int, instance: str, seq: int) -> Heartbeat:
    return Heartbeat(boot, instance, seq, 2, 2)


@pytest.fixture
def sighting() -> Sighting:
    return Sighting("attic", 1, ONE)


# --- who is a copy ------------------------------------------------------------------


def test_one_machine_that_goes_on_counting_is_alone(sighting: Sighting) -> None:
    assert [sighting.note_instance(beat(1, ONE, seq), seq * 10.0) for seq in range(50)] == [""] * 50


def test_two_machines_of_one_boot_are_refused_both(sighting: Sighting) -> None:
    assert sighting.note_instance(beat(1, ONE, 0), 0) == ""

    refused = sighting.note_instance(beat(1, OTHER, 0), 1)

    assert "two machines use the certificate 'attic'" in refused
    assert "cert issue" in refused
    assert sighting.note_instance(beat(1, ONE, 1), 2) == refused


def test_a_restart_is_no_copy(sighting: Sighting) -> None:
    sighting.note_instance(beat(1, ONE, 0), 0)

    assert sighting.note_instance(beat(2, OTHER, 0), 1) == ""
    assert sighting.note_instance(beat(2, OTHER, 1), 11) == ""


@pytest.mark.parametrize(("late", "conflict"), [(0, False), (1, False), (2, True)])
def test_one_late_heartbeat_of_the_boot_before_is_no_copy_but_going_on_counting_is(
    sighting: Sighting, late: int, conflict: bool
) -> None:
    sighting.note_instance(beat(1, ONE, 0), 0)
    sighting.note_instance(beat(2, OTHER, 0), 1)

    for seq in range(late):
        sighting.note_instance(beat(1, ONE, 1 + seq), 2 + seq)

    assert bool(sighting.note_instance(beat(2, OTHER, 1), 10)) == conflict


def test_a_repeated_heartbeat_of_the_boot_before_is_no_copy(sighting: Sighting) -> None:
    sighting.note_instance(beat(1, ONE, 5), 0)
    sighting.note_instance(beat(2, OTHER, 0), 1)

    for _ in range(5):
        sighting.note_instance(beat(1, ONE, 5), 2)

    assert sighting.note_instance(beat(2, OTHER, 1), 3) == ""


@pytest.mark.parametrize(("late", "free"), [(-0.1, False), (0, True), (0.1, True)])
def test_a_conflict_is_over_when_one_of_them_was_silent_for_long(
    sighting: Sighting, late: float, free: bool
) -> None:
    sighting.note_instance(beat(1, ONE, 0), 0)
    sighting.note_instance(beat(1, OTHER, 0), 0)

    # Its own heartbeats must not keep the conflict alive once the other is gone.
    for seq in range(1, 4):
        assert sighting.note_instance(beat(1, ONE, seq), seq * 10)

    assert (sighting.note_instance(beat(1, ONE, 4), CONFLICT_SECONDS + late) == "") == free


def test_many_restarts_leave_no_instances_behind(sighting: Sighting) -> None:
    for boot in range(1, 500):
        sighting.note_instance(beat(boot, f"{boot:032x}", 0), boot * 10.0)

    assert len(sighting.instances) <= CONFLICT_SECONDS / 10 + 1


# --- what a heartbeat tells ----------------------------------------------------------


def test_a_late_heartbeat_does_not_take_back_what_a_later_one_said(sighting: Sighting) -> None:
    sighting.note_heartbeat(Heartbeat(1, ONE, 5, 4, 4), 10)
    sighting.note_heartbeat(Heartbeat(1, ONE, 4, 1, 1, facts=MachineFacts(gpus=1)), 12)

    assert (sighting.slots, sighting.seq, sighting.seen_at) == (4, 5, 12)
    assert sighting.facts.gpus == 1


@pytest.mark.parametrize(("losses", "seconds"), [(1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (500, 300)])
def test_the_penalty_doubles_up_to_five_minutes(sighting: Sighting, losses: int, seconds: float) -> None:
    for _ in range(losses):
        sighting.cool_until = 0
        sighting.penalise(0)

    assert sighting.cool_until == seconds


# --- in the whole authority ------------------------------------------------------------


def test_copies_get_no_work_and_their_leases_run_out() -> None:
    house = SmallHouse()
    key = house.start()
    deadline = house.authority.books.leases.deadline(key)

    house.skip(1)
    copy = house.heartbeat("attic", (key, Phase.RUNNING), instance=OTHER, seq=0)
    original = house.heartbeat("attic", (key, Phase.RUNNING))

    assert copy is not None
    assert original is not None
    assert "two machines" in copy.refused
    assert copy.refused == original.refused
    assert not copy.orders
    assert house.authority.books.leases.deadline(key) == deadline
    assert house.authority.books.refused["two_machines_one_name"] == 2
    offers = len(house.offers())
    house.submit()
    assert len(house.offers()) == offers


def test_the_conflict_heals_when_one_of_the_copies_stops() -> None:
    house = SmallHouse()
    house.boot()
    house.heartbeat(instance=OTHER, seq=0)
    for _ in range(4):
        house.wait(10)
        house.heartbeat(accepting=False)

    ack = house.heartbeat()
    house.settle()
    house.submit()

    assert ack is not None
    assert not ack.refused
    assert house.offers()


def test_an_older_boot_is_told_to_start_again() -> None:
    house = SmallHouse()
    house.boot(boot=5)

    ack = house.heartbeat(boot=4)

    assert ack is not None
    assert "knows a later start of 'attic' (boot 5)" in ack.refused
    assert "started again" in ack.refused
    assert ack.boot == 4
    assert house.authority.books.refused["old_boot"] == 1


def test_another_process_that_gives_itself_the_same_boot_number_gets_no_work() -> None:
    house = SmallHouse()
    house.boot()
    house.wait(CONFLICT_SECONDS + 1)

    # Long after the first was last heard from: no conflict, and still not the one that booted.
    ack = house.heartbeat(instance=OTHER, seq=0)

    assert ack is not None
    assert "started again" in ack.refused


def test_a_boot_is_recorded_once_however_often_it_is_told() -> None:
    house = SmallHouse()
    for _ in range(3):
        house.heartbeat()
    house.settle()
    house.heartbeat()
    house.settle()

    assert [type(e).__name__ for e in house.events].count("AgentBooted") == 1
    assert house.authority.state.agents["attic"].instance == instance_of(1)
