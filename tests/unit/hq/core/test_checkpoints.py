"""Which checkpoint the next attempt of a job goes on from."""

from bus import topics
from hq.core.outputs import Publish
from schemas.events import CheckpointStored, JobClaimed
from schemas.facts import AttemptResult, Checkpoint
from schemas.messages import Decline, Declines, Grant, Grants
from schemas.specs import JobSpec, Needs, ScriptRef
from schemas.states import JobStatus, Outcome, Phase
from tests.unit.hq.core.small_house import Key, SmallHouse, success

SCRIPT = ScriptRef("ab" * 32, "train.py")


def checkpoint(key: Key, letter: str = "a") -> Checkpoint:
    return Checkpoint(key[1], letter * 64, 10_240)


def begin(house: SmallHouse, **spec: object) -> Key:
    house.boot("attic")
    house.boot("den")
    (job,) = house.submit(JobSpec(SCRIPT, **spec))  # type: ignore[arg-type]
    return take(house, job)


def take(house: SmallHouse, job: str) -> Key:
    """Let whoever is offered the job take it."""
    for _ in range(100):
        for agent in ("attic", "den"):
            house.heartbeat(agent)
        house.settle()
        offer = house.authority.books.scheduler.offered.get(job)
        if offer is not None:
            return house.take(job, offer[0])
        house.wait(1)
    raise AssertionError(f"{job} was never offered")


def holder(house: SmallHouse, job: str) -> str:
    return house.of(JobClaimed)[-1].agent


def last_grant(house: SmallHouse) -> Grant:
    said = [one.data for one in house.outputs if isinstance(one, Publish) and one.topic is topics.GRANT]
    grants: Grants = said[-1]
    return grants.grants[-1]


def interrupt(house: SmallHouse, key: Key, stored: Checkpoint | None = None) -> None:
    agent = holder(house, key[0])
    decline = Decline(*key, "the owner is back", interrupted=True, checkpoint=stored)
    house.send(topics.DECLINE, Declines(1, (decline,)), agent)
    house.settle()


def test_the_next_grant_names_the_checkpoint_that_a_heartbeat_told() -> None:
    house = SmallHouse()
    key = begin(house)
    house.heartbeat(holder(house, key[0]), (key, Phase.RUNNING), checkpoint=checkpoint(key))
    house.settle()
    interrupt(house, key)

    again = take(house, key[0])

    assert again != key
    assert last_grant(house).checkpoint == checkpoint(key)


def test_the_checkpoint_in_a_hand_back_counts_before_the_job_is_queued_again() -> None:
    house = SmallHouse()
    key = begin(house)
    interrupt(house, key, checkpoint(key, "b"))

    take(house, key[0])

    assert last_grant(house).checkpoint == checkpoint(key, "b")


def test_a_failure_that_is_tried_again_brings_its_checkpoint() -> None:
    house = SmallHouse()
    key = begin(house, retry_on_failure=1)
    house.deliver(
        AttemptResult(*key, Outcome.FAILED, 1, checkpoint=checkpoint(key)), agent=holder(house, key[0])
    )
    house.settle()

    take(house, key[0])

    assert last_grant(house).checkpoint == checkpoint(key)


def test_a_repeated_checkpoint_is_recorded_once() -> None:
    house = SmallHouse()
    key = begin(house)
    for _ in range(3):
        house.heartbeat(holder(house, key[0]), (key, Phase.RUNNING), checkpoint=checkpoint(key))
        house.settle()

    assert house.of(CheckpointStored) == [CheckpointStored(key[0], checkpoint(key))]


def test_an_attempt_that_was_replaced_cannot_put_the_job_back() -> None:
    house = SmallHouse()
    old = begin(house)
    late = holder(house, old[0])
    house.wait(40)
    new = take(house, old[0])
    house.heartbeat(holder(house, new[0]), (new, Phase.RUNNING), checkpoint=checkpoint(new, "c"))
    house.settle()

    house.heartbeat(late, (old, Phase.RUNNING), checkpoint=checkpoint(old))
    house.send(topics.DECLINE, Declines(1, (Decline(*old, "late", True, checkpoint=checkpoint(old)),)), late)
    house.deliver(AttemptResult(*old, Outcome.FAILED, 1, checkpoint=checkpoint(old)), agent=late)
    house.settle()

    assert house.authority.state.jobs[new[0]].checkpoint == checkpoint(new, "c")


def test_only_the_holder_of_the_token_tells_of_a_checkpoint() -> None:
    house = SmallHouse()
    key = begin(house)
    other = "den" if holder(house, key[0]) == "attic" else "attic"
    house.heartbeat(other, (key, Phase.RUNNING), checkpoint=checkpoint(key))
    house.heartbeat(
        holder(house, key[0]), (key, Phase.RUNNING), checkpoint=Checkpoint(key[1] + 1, "d" * 64, 1)
    )
    house.settle()

    assert house.of(CheckpointStored) == []


def test_an_attempt_that_was_not_heard_from_still_tells_while_nobody_else_holds_the_job() -> None:
    house = SmallHouse()
    key = begin(house, needs=Needs(agent="attic"))
    house.wait(40)
    house.heartbeat("attic", (key, Phase.RUNNING), checkpoint=checkpoint(key))
    house.settle()

    assert house.authority.state.jobs[key[0]].status is JobStatus.RUNNING
    assert house.authority.state.jobs[key[0]].checkpoint == checkpoint(key)


def test_a_job_that_succeeded_refers_to_no_checkpoint_any_more() -> None:
    house = SmallHouse()
    key = begin(house)
    house.heartbeat(holder(house, key[0]), (key, Phase.RUNNING), checkpoint=checkpoint(key))
    house.deliver(success(key), agent=holder(house, key[0]))
    house.settle()

    ended = [change for change in house.changes if getattr(change, "id", "") == key[0]]
    assert ended[-1].status is JobStatus.SUCCEEDED  # type: ignore[union-attr]
    assert ended[-1].checkpoint is None  # type: ignore[union-attr]
