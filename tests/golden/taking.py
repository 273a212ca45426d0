"""What all scenes of the recorded house need: the script, and an agent that takes a job."""

from schemas.specs import ScriptRef
from tests.unit.hq.core.small_house import Key, SmallHouse

SCRIPT = ScriptRef("ab" * 32, "src/train.py", "train")


def take(house: SmallHouse, job: str, agent: str = "attic") -> Key:
    for _ in range(100):
        house.heartbeat(agent)
        house.settle()
        offer = house.authority.books.scheduler.offered.get(job)
        if offer is not None and offer[0] == agent:
            return house.take(job, agent)
        house.wait(1)
    raise AssertionError(f"{job} was never offered to {agent}")
