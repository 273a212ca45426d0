"""Why is it not running? A sentence for every situation that a job can be in."""

import pytest

from schemas.facts import MachineFacts
from schemas.requests import Cancel, Explain, Hold
from schemas.specs import Needs
from schemas.states import Phase
from tests.unit.hq.core.small_house import SmallHouse, failure, spec

OTHER = "2" * 32


def why(house: SmallHouse, job: str) -> str:
    return str(house.request(Explain(job=job)).result["why"])


def test_a_running_job_names_its_machine(house: SmallHouse) -> None:
    job, _ = house.start()

    assert why(house, job) == "it is running on attic"


def test_a_held_job_names_who_held_it(house: SmallHouse) -> None:
    (job,) = house.submit()
    house.request(Hold(jobs=(job,)), client="anna")

    assert why(house, job) == "held by anna: release it to let it run"


def test_a_job_that_ended_says_how(house: SmallHouse) -> None:
    (job,) = house.submit()
    house.request(Cancel(jobs=(job,)))

    assert why(house, job) == "it is cancelled"


def test_an_unknown_job_is_unknown(house: SmallHouse) -> None:
    assert "no such live job" in why(house, "j" + "a" * 12)


def test_a_job_that_waits_for_its_time_says_so(house: SmallHouse) -> None:
    (job,) = house.submit(spec(not_before=house.wall + 60))

    assert why(house, job) == "it waits for its time: not_before has not come"


def test_a_job_that_backs_off_says_after_what(house: SmallHouse) -> None:
    key = house.start(retry_on_failure=1)
    house.deliver(failure(key, "no such column"))
    house.settle()

    assert why(house, key[0]) == "it waits for its time: no such column"


def test_an_offered_job_names_to_whom(house: SmallHouse) -> None:
    house.boot()
    (job,) = house.submit()

    assert why(house, job) == "it is offered to attic right now"


def test_without_any_agent_it_says_how_to_start_one(house: SmallHouse) -> None:
    (job,) = house.submit()

    assert why(house, job) == "no agent has been heard from: start one with `idlehands agent`"


@pytest.mark.parametrize(
    ("needs", "words"),
    [
        (Needs(gpus=2), "attic: it has 1 GPUs, the job needs 2"),
        (Needs(memory_mb=2000), "attic: it has 1000 MB of memory, the job needs 2000"),
        (Needs(labels=("cuda", "tpu")), "attic: it lacks the label cuda, tpu"),
        (Needs(agent="den"), "attic: the job asks for den"),
        (Needs(isolation="strict"), "attic: its isolation is basic, the job asks for strict"),
        (Needs(environment="python3.12"), "attic: it has no interpreter python3.12"),
        (
            Needs(environment="script"),
            "attic: it cannot build the environment that the script asks for: uv is not installed there",
        ),
    ],
)
def test_when_nobody_fits_it_names_the_need_of_each_machine(
    house: SmallHouse, needs: Needs, words: str
) -> None:
    house.boot(facts=MachineFacts(memory_mb=1000, gpus=1))

    (job,) = house.submit(spec(needs=needs))

    assert why(house, job) == f"no agent can run this, because {words}"


def test_each_machine_that_fits_says_what_is_in_the_way(house: SmallHouse) -> None:
    (gone, busy, owner, broken, copied, empty, shy) = (
        "gone", "busy", "owner", "broken", "copied", "empty", "shy",
    )  # fmt: skip
    house.boot(gone)
    house.skip(31)
    house.boot(busy, slots=1)
    house.start(busy)
    house.boot(owner, accepting=False)
    house.boot(broken, degraded="the spool cannot be used")
    house.boot(copied)
    house.heartbeat(copied, instance=OTHER, seq=0)
    house.boot(empty, slots=0)
    (job,) = house.submit()

    reasons = why(house, job).split("; ")

    assert reasons == [
        "broken: the spool cannot be used",
        "busy: all 1 slots are busy",
        "copied: two machines use its certificate",
        "empty: it has no slots",
        "gone: not heard from for 31 s",
    ]
    house.boot(shy)
    offer = house.offers(shy)[-1]
    house.decline((offer.job, offer.token), shy)
    house.settle()
    assert "it is offered" not in why(house, job)


def test_a_machine_that_declined_says_how_long_it_is_left_alone(house: SmallHouse) -> None:
    house.boot()
    (job,) = house.submit()
    house.decline((job, house.offers()[-1].token))
    house.settle()

    assert why(house, job) == "attic: left alone for 2 s after it declined or went down"


def test_the_owners_policy_is_named(house: SmallHouse) -> None:
    house.boot(accepting=False)
    (job,) = house.submit()

    assert why(house, job) == "attic: the owner is at the keyboard"


def test_a_job_behind_others_is_told_that_the_slots_are_busy(house: SmallHouse) -> None:
    keys = [house.start(), house.start()]
    (job,) = house.submit()
    house.heartbeat("attic", *[(key, Phase.RUNNING) for key in keys])

    assert why(house, job) == "attic: all 2 slots are busy"
