"""Leases at HQ: the guard, the limit of leadership for exclusive ones, and a start that renews all."""

import pytest

from hq.core.leases import Leases
from hq.core.timing import GUARD_SECONDS, LEADERSHIP_SECONDS, LEASE_SECONDS
from schemas.events import AttemptInterrupted
from schemas.states import JobStatus, Phase
from tests.unit.hq.core.small_house import SmallHouse

KEY = ("jaaaaaaaaaaaa", 1)
OTHER = ("jbbbbbbbbbbbb", 1)
FULL = LEASE_SECONDS + GUARD_SECONDS
START = 1000.0
#: Long after the take-over: its extra time for exclusive leases is over.
LATER = START + 1000


@pytest.mark.parametrize(("late", "ended"), [(-0.001, []), (0, []), (0.001, [KEY])])
def test_a_lease_ends_after_its_length_and_the_guard(late: float, ended: list[object]) -> None:
    leases = Leases(START)
    leases.begin(KEY, LATER, exclusive=False)

    assert leases.ended(LATER + FULL + late) == ended


def test_hq_counts_a_lease_longer_than_the_agent() -> None:
    from agents.core import timing as of_the_agent  # the test may look at both sides

    assert of_the_agent.LEASE_SECONDS + GUARD_SECONDS == FULL
    assert GUARD_SECONDS > FULL / 1000, "clock rates may differ by 1 in 1,000"


def test_a_renewed_lease_ends_later_and_only_once() -> None:
    leases = Leases(START)
    leases.begin(KEY, LATER, exclusive=False)
    leases.begin(OTHER, LATER, exclusive=False)

    assert leases.renew(KEY, LATER + 20, leader_until=0)

    assert leases.ended(LATER + FULL + 1) == [OTHER]
    leases.end(OTHER)
    assert leases.ended(LATER + FULL + 1) == []
    assert leases.ended(LATER + 20 + FULL + 1) == [KEY]


def test_a_lease_that_is_up_stays_up_until_it_is_ended() -> None:
    leases = Leases(START)
    leases.begin(KEY, LATER, exclusive=False)

    assert leases.ended(LATER + FULL + 1) == [KEY]
    assert leases.ended(LATER + FULL + 2) == [KEY]
    leases.end(KEY)
    leases.end(KEY)

    assert leases.ended(LATER + FULL + 3) == []
    assert len(leases) == 0
    assert leases.deadline(KEY) is None


def test_a_lease_that_ended_cannot_be_renewed() -> None:
    leases = Leases(START)

    assert not leases.renew(KEY, LATER, leader_until=LATER)
    assert KEY not in leases


@pytest.mark.parametrize(("late", "renewed"), [(-0.001, True), (0, True), (0.001, False)])
def test_an_exclusive_lease_is_renewed_only_while_leadership_is_proven(late: float, renewed: bool) -> None:
    leases = Leases(START)
    leases.begin(KEY, LATER, exclusive=True)
    leases.begin(OTHER, LATER, exclusive=False)

    assert leases.renew(KEY, LATER + 15 + late, leader_until=LATER + 15) == renewed
    assert leases.renew(OTHER, LATER + 15 + late, leader_until=LATER + 15)

    expected = LATER + 15 + late + FULL if renewed else LATER + FULL
    assert leases.deadline(KEY) == expected


@pytest.mark.parametrize(("late", "ended"), [(-0.001, []), (0, []), (0.001, [KEY])])
def test_a_new_leader_ends_no_exclusive_lease_that_the_old_one_may_have_renewed(
    late: float, ended: list[object]
) -> None:
    leases = Leases(START)
    leases.begin(KEY, START, exclusive=True)
    leases.begin(OTHER, START, exclusive=False)

    assert leases.ended(START + FULL + 0.001) == [OTHER]
    leases.end(OTHER)
    assert leases.ended(START + LEADERSHIP_SECONDS + FULL + late) == ended


def test_renewing_all_gives_every_lease_its_full_length_again() -> None:
    leases = Leases(START)
    leases.begin(KEY, LATER, exclusive=True)
    leases.begin(OTHER, LATER + 5, exclusive=False)

    leases.renew_all(LATER + 30)

    assert {leases.deadline(key) for key in (KEY, OTHER)} == {LATER + 30 + FULL}


def test_nothing_ends_before_the_time_that_it_names() -> None:
    leases = Leases(START)
    assert leases.next_end() is None
    leases.begin(KEY, LATER, exclusive=False)
    leases.renew(KEY, LATER + 10, leader_until=0)

    while not leases.ended(LATER + 10 + FULL):
        soonest = leases.next_end()
        assert soonest is not None
        if soonest >= LATER + 10 + FULL:
            break
    assert leases.ended(LATER + 10 + FULL + 0.001) == [KEY]


def test_many_renewals_leave_no_rubbish_behind() -> None:
    leases = Leases(START)
    for second in range(5000):
        leases.begin(KEY, LATER + second, exclusive=False)
        leases.ended(LATER + second)
        leases.end(KEY)
        leases.ended(LATER + second + FULL + 1)

    assert len(leases._heap) <= 2


# --- in the whole authority -----------------------------------------------------------


@pytest.mark.parametrize(("late", "ended"), [(-1, False), (0, False), (1, True)])
def test_a_silent_machine_loses_its_job_after_lease_and_guard(late: float, ended: bool) -> None:
    house = SmallHouse()
    job, token = house.start()

    house.wait(FULL + late)

    assert (house.job(job).status is JobStatus.QUEUED) == ended
    if ended:
        (event,) = house.of(AttemptInterrupted)
        assert (event.token, event.unheard) == (token, True)
        assert "attic was not heard from" in event.why


def test_each_heartbeat_that_lists_an_attempt_renews_its_lease() -> None:
    house = SmallHouse()
    key = house.start()

    for _ in range(20):
        house.wait(10)
        house.heartbeat("attic", (key, Phase.RUNNING))

    assert not house.of(AttemptInterrupted)
    assert house.authority.books.leases.deadline(key) == house.now + FULL


def test_a_heartbeat_that_does_not_list_an_attempt_lets_its_lease_run_on() -> None:
    house = SmallHouse()
    first = house.start()
    second = house.start()

    for _ in range(4):
        house.wait(10)
        house.heartbeat("attic", (first, Phase.RUNNING))

    (event,) = house.of(AttemptInterrupted)
    assert (event.job, event.token) == second
    assert event.why == "attic knows nothing of it"
    assert not event.unheard


def test_a_late_heartbeat_from_before_the_grant_does_not_prove_that_it_was_dropped() -> None:
    house = SmallHouse()
    house.boot()
    house.heartbeat(seq=9)
    house.start()
    house.wait(20)

    house.heartbeat(seq=5)
    house.wait(20)

    (event,) = house.of(AttemptInterrupted)
    assert event.unheard


def test_without_proof_of_leadership_an_exclusive_attempt_is_told_nothing() -> None:
    house = SmallHouse()
    exclusive = house.start(exclusive=True)
    ordinary = house.start()
    for second in range(16):
        house.skip(1)
        house.authority.tick(house.now)
        deadline = house.authority.books.leases.deadline(exclusive)
        ack = house.heartbeat("attic", (exclusive, Phase.RUNNING), (ordinary, Phase.RUNNING))

        assert ack is not None
        told = {(order.job, order.token) for order in ack.orders}
        renewed = second + 1 <= LEADERSHIP_SECONDS
        assert told == ({exclusive, ordinary} if renewed else {ordinary})
        assert (house.authority.books.leases.deadline(exclusive) != deadline) == renewed


def test_an_older_proof_of_leadership_takes_nothing_back() -> None:
    house = SmallHouse()
    house.authority.note_log_alive(house.now + 10)
    house.authority.note_log_alive(house.now + 2)

    assert house.authority.books.leader_until == house.now + 10 + LEADERSHIP_SECONDS
