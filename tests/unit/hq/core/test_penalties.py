"""How long a machine that goes down under its jobs is left alone."""

from schemas.states import Phase
from tests.unit.hq.core.small_house import Key, SmallHouse, spec, success


def left_alone(house: SmallHouse) -> float:
    """Return for how long `attic` gets no offers."""
    return house.authority.books.sightings["attic"].cool_until - house.now


def go_down(house: SmallHouse, jobs: int, boot: int) -> None:
    """Let `attic` in this boot begin jobs, and start again without having ended them."""
    keys = begin(house, jobs, boot)
    house.heartbeat("attic", *((key, Phase.RUNNING) for key in keys), boot=boot, slots=8)
    house.boot(boot=boot + 1, slots=8)


def begin(house: SmallHouse, jobs: int, boot: int) -> list[Key]:
    """Let `attic` claim new jobs, once it is offered some again."""
    house.wait(max(left_alone(house), 0) + 1)
    house.heartbeat(boot=boot, slots=8)
    return [house.take(job, boot=boot) for job in house.submit(*[spec(max_starts=100)] * jobs)]


def test_a_machine_that_went_down_is_left_alone_once_however_many_jobs_it_had() -> None:
    house = SmallHouse()
    house.boot(slots=8)

    go_down(house, 3, boot=1)

    assert left_alone(house) == 1


def test_a_machine_that_goes_down_again_and_again_is_left_alone_for_longer() -> None:
    house = SmallHouse()
    house.boot(slots=8)

    go_down(house, 1, boot=1)
    go_down(house, 1, boot=2)

    assert left_alone(house) == 2


def test_a_success_is_a_new_beginning() -> None:
    house = SmallHouse()
    house.boot(slots=8)
    go_down(house, 1, boot=1)
    go_down(house, 1, boot=2)

    house.deliver(success(begin(house, 1, boot=3)[0]), boot=3)
    house.settle()
    go_down(house, 1, boot=3)

    assert left_alone(house) == 1
