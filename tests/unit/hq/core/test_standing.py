"""Claims that agents send ahead: what HQ grants on them, in which append, and when not."""

import pytest

from bus import topics
from hq.core.outputs import Answer, Publish
from hq.core.scheduler import AHEAD_SECONDS
from schemas import events as ev
from schemas.messages import Presence, StandingClaim
from schemas.requests import Cancel, Submit
from schemas.states import Phase
from tests.unit.hq.core.small_house import EPOCH, SmallHouse, spec, success

NONCE = "5" * 24


def ahead(number: int = 5, epoch: int = EPOCH, count: int = 100) -> StandingClaim:
    return StandingClaim(epoch, f"{number}" * 24, count)


@pytest.fixture
def house() -> SmallHouse:
    """A house whose one agent has claimed ahead, for two slots."""
    house = SmallHouse()
    house.boot("attic")
    house.heartbeat("attic", standing=ahead())
    return house


def kinds(house: SmallHouse) -> list[type]:
    return [type(event) for event in house.events]


def test_a_job_is_submitted_and_granted_by_one_append(house: SmallHouse) -> None:
    house.ask(Submit(jobs=(spec(),)), message_id="r")
    batch = house.decide()

    assert [[type(e) for e in d.events] for d in batch] == [
        [ev.JobSubmitted, ev.RequestAnswered],
        [ev.JobClaimed],
    ]
    assert house.replies("r") == house.grants() == []
    house.commit(batch)

    (grant,) = house.grants()
    (claimed,) = house.of(ev.JobClaimed)
    assert (grant.agent, grant.boot, grant.nonce) == ("attic", 1, f"{NONCE}00000000")
    assert (claimed.token, claimed.nonce, claimed.standing) == (grant.token, grant.nonce, True)
    assert house.replies("r")[0].result == {"jobs": [grant.job]}
    assert house.offers() == []


def test_a_result_frees_the_slot_for_the_next_job_in_the_same_append(house: SmallHouse) -> None:
    house.submit(spec(), spec(), spec())
    one, two = house.grants()
    third = next(job for job in house.authority.state.jobs if job not in (one.job, two.job))

    house.deliver(success((one.job, one.token), seconds=60))
    batch = house.decide()
    house.commit(batch)

    assert [[type(e) for e in d.events] for d in batch] == [[ev.JobSucceeded], [ev.JobClaimed]]
    assert house.grants()[-1].job == third


def test_no_more_is_granted_than_there_are_slots(house: SmallHouse) -> None:
    house.submit(*[spec()] * 5)

    assert len(house.grants()) == 2
    assert house.offers() == []


def test_each_nonce_is_granted_once_and_the_next_heartbeat_brings_others(house: SmallHouse) -> None:
    for number in range(3):
        house.submit(spec())
        grant = house.grants()[-1]
        house.deliver(success((grant.job, grant.token)))
        house.settle()
        if number == 1:
            house.heartbeat(standing=ahead(6))

    assert [g.nonce[:1] + g.nonce[-1:] for g in house.grants()] == ["50", "51", "60"]


def test_a_claim_for_one_job_is_used_up_by_one(house: SmallHouse) -> None:
    house.heartbeat(standing=ahead(count=1))

    house.submit(spec(), spec())

    assert len(house.grants()) == len(house.offers()) == 1


def test_after_twelve_seconds_an_agent_is_asked_again(house: SmallHouse) -> None:
    house.skip(12.0)
    house.submit(spec())
    assert len(house.grants()) == 1

    house.skip(0.1)
    house.submit(spec())

    assert len(house.grants()) == len(house.offers()) == 1


def test_a_late_copy_of_an_older_heartbeat_brings_nothing_back(house: SmallHouse) -> None:
    house.heartbeat(seq=7)

    house.heartbeat(seq=6, standing=ahead())
    house.submit(spec())

    assert (house.grants(), len(house.offers())) == ([], 1)


def test_what_was_claimed_from_the_hq_before_is_not_used(house: SmallHouse) -> None:
    house.restart()
    house.heartbeat(standing=ahead(epoch=EPOCH))

    house.submit(spec())

    assert (house.grants(), len(house.offers())) == ([], 1)


def test_who_takes_nothing_just_now_is_granted_nothing(house: SmallHouse) -> None:
    house.heartbeat(standing=ahead(), accepting=False)

    house.submit(spec())

    assert house.grants() == house.offers() == []


def test_who_said_goodbye_is_granted_nothing_before_it_is_heard_again(house: SmallHouse) -> None:
    house.send(topics.PRESENCE, Presence(False, 1))
    house.submit(spec())
    assert house.grants() == house.offers() == []

    house.heartbeat(standing=ahead(6))
    house.wait(1)

    assert len(house.grants()) == 1


def test_what_waits_comes_before_what_is_submitted_now(house: SmallHouse) -> None:
    jobs = house.submit(*[spec()] * 4)
    (new,) = house.submit(spec())
    (urgent,) = house.submit(spec(priority=5))
    granted = [grant.job for grant in house.grants()]
    assert granted == jobs[:2]

    for job in (*granted, urgent, *jobs[2:], new):
        grant = next(g for g in house.grants() if g.job == job)
        house.deliver(success((job, grant.token), seconds=60))
        house.settle()

    assert [grant.job for grant in house.grants()] == [*jobs[:2], urgent, *jobs[2:], new]


def test_a_machine_that_has_less_to_do_is_asked_before_one_that_claimed_ahead(house: SmallHouse) -> None:
    house.submit(spec())
    house.boot("cellar")

    (job,) = house.submit(spec())

    assert [offer.job for offer in house.offers("cellar")] == [job]
    assert len(house.grants("attic")) == 1


def test_in_a_mixed_house_all_slots_fill_in_one_round(house: SmallHouse) -> None:
    house.boot("cellar")

    house.submit(*[spec()] * 6)

    assert len(house.grants("attic")) == len(house.offers("cellar")) == 2


def test_what_was_cancelled_before_its_turn_is_not_granted(house: SmallHouse) -> None:
    first, second, third = house.submit(*[spec()] * 3)
    house.request(Cancel(jobs=(first, third)))

    assert [grant.job for grant in house.grants()] == [first, second]


@pytest.mark.parametrize(("phase", "event"), [(None, ev.AttemptInterrupted), (Phase.RUNNING, ev.AttemptLost)])
def test_only_what_an_agent_said_it_began_counts_as_a_start(
    house: SmallHouse, phase: Phase | None, event: type
) -> None:
    house.submit(spec(max_starts=2))
    (grant,) = house.grants()
    if phase:
        house.heartbeat("attic", ((grant.job, grant.token), phase))

    house.boot("attic", boot=2)

    assert [e.token for e in house.of(event)] == [grant.token]
    assert house.job(grant.job).starts == (1 if phase else 0)


def test_a_grant_that_nobody_knows_of_is_given_up_after_the_lease(house: SmallHouse) -> None:
    house.submit(spec())
    for _ in range(4):
        house.wait(9)
        house.heartbeat("attic")

    (event,) = house.of(ev.AttemptInterrupted)
    assert "knows nothing of it" in event.why


@pytest.mark.parametrize(
    ("seconds", "exclusive", "ahead_of_asking"),
    [(0.05, False, True), (0.051, False, False), (0.01, True, False), (None, False, False)],
)
def test_by_default_only_what_is_short_by_experience_is_granted_without_an_offer(
    seconds: float | None, exclusive: bool, ahead_of_asking: bool
) -> None:
    class Careful(SmallHouse):
        ahead_seconds = AHEAD_SECONDS

    house = Careful()
    house.boot("attic")
    house.heartbeat("attic", standing=ahead())
    if seconds is not None:
        house.authority.books.scheduler.note_duration(spec().script.bundle, seconds)

    house.submit(spec(exclusive=exclusive))

    assert len(house.grants()) == ahead_of_asking
    assert len(house.offers()) == 1 - ahead_of_asking


def test_short_jobs_and_others_keep_their_order(house: SmallHouse) -> None:
    jobs = house.submit(spec(exclusive=True), spec(), spec(exclusive=True), spec())

    assert [offer.job for offer in house.offers()] == [jobs[0]]
    assert [grant.job for grant in house.grants()] == [jobs[1]]


def test_what_follows_from_a_commit_can_be_made_ready_before_and_the_grant_goes_first(
    house: SmallHouse,
) -> None:
    house.ask(Submit(jobs=(spec(),)), message_id="r")
    batch = house.decide()

    ready = house.authority.take_held_back()
    house.commit(batch)

    first, second, *rest = ready
    assert isinstance(first, Publish)
    assert first.topic is topics.GRANT
    assert isinstance(second, Answer)
    assert [o.data.event for o in rest if isinstance(o, Publish)] == [
        *house.of(ev.JobSubmitted),
        *house.of(ev.JobClaimed),
    ]
    assert house.grants() == house.replies("r") == []
