"""An HQ without its broker: nobody can call in, so no lease ends; each is whole when the broker is back."""

from hq.core.timing import GUARD_SECONDS, LEASE_SECONDS
from schemas.events import AttemptInterrupted
from tests.unit.hq.core.small_house import SmallHouse, success

FULL = LEASE_SECONDS + GUARD_SECONDS


def test_no_lease_ends_while_the_broker_is_away() -> None:
    house = SmallHouse()
    house.start()

    house.authority.note_cut_off()
    house.wait(10 * FULL)

    assert house.of(AttemptInterrupted) == []


def test_agents_have_a_whole_lease_to_come_back_after_the_broker() -> None:
    house = SmallHouse()
    house.start()
    house.authority.note_cut_off()
    house.wait(10 * FULL)

    house.authority.greet(house.now)
    house.wait(FULL)
    assert house.of(AttemptInterrupted) == []

    house.wait(2)
    assert len(house.of(AttemptInterrupted)) == 1


def test_a_result_that_waited_for_the_broker_counts_and_nothing_runs_twice() -> None:
    house = SmallHouse()
    key = house.start()
    house.boot("cellar")
    house.authority.note_cut_off()
    house.wait(2 * FULL)

    house.authority.greet(house.now)
    house.heartbeat("cellar")
    house.wait(1)
    house.deliver(success(key))
    house.settle()

    assert house.offers("cellar") == []
    assert key[0] in house.authority.state.finished
