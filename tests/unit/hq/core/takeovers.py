"""How a job gets from a machine that fell silent to another one, with all the time that it takes."""

from tests.unit.hq.core.small_house import Key, SmallHouse


def give_up(house: SmallHouse, *others: str) -> None:
    """Let the lease end in silence, while the others go on calling."""
    for _ in range(5):
        house.wait(8)
        for other in others:
            house.heartbeat(other)
    house.settle()


def retake(house: SmallHouse, key: Key, agent: str, boot: int = 1) -> Key:
    """Let an agent claim the job again as soon as it is offered to it."""
    for _ in range(200):
        house.heartbeat(agent, boot=boot)
        house.settle()
        offer = house.authority.books.scheduler.offered.get(key[0])
        if offer is not None and offer[0] == agent:
            return house.take(key[0], agent, boot)
        house.wait(1)
    raise AssertionError(f"never offered to {agent}")
