"""Claims, results, hand-backs, interruptions, restarts and deaths: what each costs a job."""

import pytest

from bus import topics
from hq.core.timing import GUARD_SECONDS, LEASE_SECONDS, MAX_INTERRUPTIONS, backoff_seconds
from schemas.events import (
    AgentBooted,
    AttemptFailed,
    AttemptInterrupted,
    AttemptLost,
    AttemptResumed,
    AttemptReturned,
    JobClaimed,
    JobDied,
    JobFailed,
    JobSucceeded,
    ResultSuperseded,
)
from schemas.messages import Offer, ResultAck
from schemas.requests import Cancel, Hold, Release
from schemas.states import AttemptState, Command, JobStatus, Phase
from tests.unit.hq.core.small_house import NONCE, Key, SmallHouse, failure, success

HQ_LEASE = LEASE_SECONDS + GUARD_SECONDS


@pytest.fixture
def house() -> SmallHouse:
    return SmallHouse()


def verdicts(house: SmallHouse, agent: str = "attic") -> list[ResultAck]:
    return [ack for message in house.published_to(agent, topics.ACK) for ack in message.results]


def denials(house: SmallHouse, agent: str = "attic") -> list[str]:
    return [denial.why for message in house.published_to(agent, topics.GRANT) for denial in message.denials]


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


# --- claims ------------------------------------------------------------------------


def test_the_grant_names_agent_boot_token_and_the_claims_nonce(house: SmallHouse) -> None:
    job, token = house.start(priority=3)

    (grant,) = house.grants()

    assert (grant.job, grant.token, grant.agent, grant.boot, grant.nonce) == (job, token, "attic", 1, NONCE)
    assert grant.lease_seconds == LEASE_SECONDS
    assert grant.spec == house.job(job).spec
    assert house.of(JobClaimed) == [JobClaimed(job, token, "attic", 1, NONCE)]


def test_a_claim_that_comes_twice_gets_the_same_grant_twice(house: SmallHouse) -> None:
    house.start()

    house.claim(house.offers()[-1])
    house.settle()

    first, second = house.grants()
    assert first == second
    assert len(house.of(JobClaimed)) == 1


def test_two_copies_of_a_claim_in_one_batch_are_one_attempt(house: SmallHouse) -> None:
    house.boot()
    house.submit()
    for _ in range(3):
        house.claim(house.offers()[-1])
    house.settle()

    assert len(house.of(JobClaimed)) == 1
    assert not denials(house)


def test_a_second_claimer_is_denied_and_told_why(house: SmallHouse) -> None:
    house.boot("den")
    house.heartbeat("den", accepting=False)
    house.start("attic")

    house.claim(house.offers("attic")[-1], "den")
    house.settle()

    assert denials(house, "den") == ["the job is running"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"token": 1}, "another machine"),
        ({"token": -1}, "another machine"),
        ({"boot": 2}, "does not know this boot"),
        ({"agent": "den"}, "another machine"),
        ({"agent": "cellar"}, "does not know this boot"),
    ],
)
def test_a_claim_of_something_else_than_was_offered_is_denied(
    house: SmallHouse, change: dict[str, object], why: str
) -> None:
    house.boot("attic")
    house.boot("den")
    house.heartbeat("den", accepting=False)
    (job,) = house.submit()
    (offer,) = house.offers()
    agent = str(change.get("agent", "attic"))
    wrong = Offer(job, offer.token + int(str(change.get("token", 0))))

    house.claim(wrong, agent, int(str(change.get("boot", 1))))
    house.settle()

    (said,) = denials(house, agent)
    assert why in said
    assert not house.of(JobClaimed)


def test_claims_of_jobs_that_ended_or_never_were_say_so(house: SmallHouse) -> None:
    house.boot()
    house.submit()
    (offer,) = house.offers()
    house.request(Cancel(jobs=(offer.job,)))

    house.claim(offer)
    house.claim(Offer("j" + "z" * 12, 5))
    house.settle()

    assert denials(house) == ["the job is cancelled", "HQ knows no such job"]


# --- results ------------------------------------------------------------------------


def test_a_success_ends_the_job_and_is_acknowledged(house: SmallHouse) -> None:
    key = house.start()

    house.deliver(success(key))
    house.settle()

    assert verdicts(house) == [ResultAck(*key, "accepted")]
    assert house.authority.state.finished[key[0]].status is JobStatus.SUCCEEDED
    assert house.authority.state.finished[key[0]].token == key[1]


def test_a_repeated_result_is_acknowledged_again_and_stored_once(house: SmallHouse) -> None:
    key = house.start()
    for _ in range(2):
        house.deliver(success(key), success(key))
        house.settle()
    house.restart()
    house.deliver(success(key))
    house.settle()

    assert verdicts(house) == [ResultAck(*key, "accepted")] * 5
    assert len(house.of(JobSucceeded)) == 1
    assert not house.of(ResultSuperseded)


def test_an_older_attempts_success_wins_while_the_job_is_not_over(house: SmallHouse) -> None:
    old = house.start("attic")
    house.boot("den")
    give_up(house, "den")
    new = retake(house, old, "den")

    house.deliver(success(old), agent="attic")
    house.settle()
    house.deliver(success(new), agent="den")
    house.settle()

    assert [e.token for e in house.of(JobSucceeded)] == [old[1]]
    (superseded,) = house.of(ResultSuperseded)
    assert (superseded.token, superseded.agent) == (new[1], "den")
    assert verdicts(house, "den") == [ResultAck(*new, "superseded")]
    orders = [order for ack in house.published_to("den", topics.ACK) for order in ack.orders]
    assert [(o.job, o.token, o.command) for o in orders if o.command is Command.STOP] == [
        (*new, Command.STOP)
    ]


def test_an_older_attempts_failure_is_superseded(house: SmallHouse) -> None:
    old = house.start("attic")
    house.boot("den")
    give_up(house, "den")
    new = retake(house, old, "den")

    house.deliver(failure(old), agent="attic")
    house.settle()

    assert house.job(old[0]).token == new[1]
    assert house.job(old[0]).status is JobStatus.RUNNING
    (superseded,) = house.of(ResultSuperseded)
    assert superseded.why == "a later attempt holds the job"


def test_a_failure_ends_a_job_without_retries(house: SmallHouse) -> None:
    key = house.start()

    house.deliver(failure(key, "out of memory"))
    house.settle()

    (event,) = house.of(JobFailed)
    assert (event.why, event.token) == ("out of memory", key[1])
    assert verdicts(house) == [ResultAck(*key, "accepted")]


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_a_job_fails_after_its_last_retry_with_a_growing_wait(house: SmallHouse, retries: int) -> None:
    key = house.start(retry_on_failure=retries)

    for count in range(retries):
        house.deliver(failure(key))
        house.settle()
        assert house.job(key[0]).delay_seconds == backoff_seconds(count + 1)
        assert verdicts(house)[-1].verdict == "requeued"
        key = retake(house, key, "attic")
    house.deliver(failure(key))
    house.settle()

    assert len(house.of(AttemptFailed)) == retries
    assert len(house.of(JobFailed)) == 1


def test_a_result_of_a_job_that_hq_does_not_know_is_kept(house: SmallHouse) -> None:
    house.boot()
    key = ("j" + "z" * 12, 99)

    house.deliver(success(key))
    house.settle()

    (orphan,) = house.of(ResultSuperseded)
    assert orphan.result == success(key)
    assert verdicts(house) == [ResultAck(*key, "superseded")]


def test_a_result_of_a_cancelled_job_is_kept_as_superseded(house: SmallHouse) -> None:
    key = house.start()
    house.request(Cancel(jobs=(key[0],)))

    house.deliver(success(key))
    house.settle()

    assert house.authority.state.finished[key[0]].status is JobStatus.CANCELLED
    assert house.of(ResultSuperseded)[0].why == "the job was cancelled already"


def test_another_machine_cannot_report_for_the_holder(house: SmallHouse) -> None:
    key = house.start("attic")
    house.boot("den")

    house.deliver(success(key), agent="den")
    house.settle()
    assert verdicts(house, "den") == [ResultAck(*key, "refused")]
    assert house.authority.books.refused["foreign_result"] == 1
    house.deliver(success(key), agent="attic")
    house.settle()

    assert verdicts(house, "attic") == [ResultAck(*key, "accepted")]


def test_a_result_for_a_token_that_was_never_granted_cannot_stand_for_a_later_attempt(
    house: SmallHouse,
) -> None:
    house.boot("attic")
    house.boot("den")
    (job,) = house.submit()
    token = house.authority.books.scheduler.offered[job][1]
    agent = house.authority.books.scheduler.offered[job][0]
    other = "den" if agent == "attic" else "attic"

    house.deliver(success((job, token)), agent=other)
    house.settle()
    key = house.take(job, agent)
    house.deliver(success(key), agent=agent)
    house.settle()

    assert verdicts(house, agent) == [ResultAck(*key, "accepted")]
    assert house.authority.state.finished[job].status is JobStatus.SUCCEEDED


# --- hand-backs and interruptions -------------------------------------------------------


def test_a_grant_that_is_handed_back_costs_nothing(house: SmallHouse) -> None:
    key = house.start()

    house.decline(key)
    house.settle()

    job = house.job(key[0])
    assert house.of(AttemptReturned) == [AttemptReturned(*key, "no room")]
    assert (job.status, job.starts, job.interruptions, job.attempts) == (JobStatus.QUEUED, 0, 0, ())
    assert key not in house.authority.books.leases


def test_a_hand_back_that_comes_twice_or_from_elsewhere_means_nothing(house: SmallHouse) -> None:
    key = house.start("attic")
    house.boot("den")

    house.decline(key, "den")
    house.settle()
    assert house.job(key[0]).status is JobStatus.RUNNING
    house.decline(key)
    house.decline(key)
    house.settle()

    assert len(house.of(AttemptReturned)) == 1


def test_an_old_attempts_hand_back_does_not_take_the_job_from_its_holder(house: SmallHouse) -> None:
    old = house.start("attic")
    house.boot("den")
    give_up(house, "den")
    new = retake(house, old, "den")

    house.decline(old, "attic", interrupted=True)
    house.settle()

    assert house.job(old[0]).token == new[1]
    assert house.job(old[0]).status is JobStatus.RUNNING


def test_an_interruption_queues_again_with_a_growing_wait_and_costs_no_start(house: SmallHouse) -> None:
    key = house.start()
    waits = []
    for _ in range(8):
        house.decline(key, interrupted=True)
        house.settle()
        waits.append(house.job(key[0]).delay_seconds)
        key = retake(house, key, "attic")

    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert house.job(key[0]).starts == 0


@pytest.mark.parametrize(("count", "failed"), [(MAX_INTERRUPTIONS, False), (MAX_INTERRUPTIONS + 1, True)])
def test_a_job_fails_after_fifty_interruptions(house: SmallHouse, count: int, failed: bool) -> None:
    key = house.start()
    for done in range(count):
        house.decline(key, interrupted=True)
        house.settle()
        if done + 1 < count:
            key = retake(house, key, "attic")

    assert len(house.of(AttemptInterrupted)) == min(count, MAX_INTERRUPTIONS)
    assert bool(house.of(JobFailed)) == failed
    if failed:
        assert house.of(JobFailed)[0].why == "interrupted 50 times, last: no room"
        assert house.authority.books.leases.deadline(key) is None


# --- resuming -----------------------------------------------------------------------


def test_an_attempt_that_was_given_up_and_reports_again_is_resumed(house: SmallHouse) -> None:
    key = house.start()
    give_up(house)
    assert house.job(key[0]).attempts[0].state is AttemptState.UNHEARD

    house.heartbeat("attic", (key, Phase.RUNNING))
    house.settle()

    assert house.of(AttemptResumed) == [AttemptResumed(*key)]
    job = house.job(key[0])
    assert (job.status, job.agent, job.attempts[0].state) == (JobStatus.RUNNING, "attic", AttemptState.LIVE)
    assert house.authority.books.leases.deadline(key) == house.now + HQ_LEASE


def test_an_attempt_is_not_resumed_once_another_holds_the_job(house: SmallHouse) -> None:
    old = house.start("attic")
    house.boot("den")
    give_up(house, "den")
    retake(house, old, "den")

    ack = house.heartbeat("attic", (old, Phase.RUNNING))
    house.settle()

    assert not house.of(AttemptResumed)
    assert ack is not None
    # It may go on and deliver late: an ordinary job may overlap.
    assert [order.command for order in ack.orders] == [Command.KEEP]


def test_an_exclusive_attempt_is_never_resumed_but_told_to_stop(house: SmallHouse) -> None:
    key = house.start(exclusive=True)
    give_up(house)
    house.wait(20)

    ack = house.heartbeat("attic", (key, Phase.RUNNING))
    house.settle()

    assert house.job(key[0]).status is JobStatus.QUEUED
    assert not house.of(AttemptResumed)
    assert ack is not None
    assert [order.command for order in ack.orders] == [Command.STOP]


def test_a_held_job_is_not_resumed(house: SmallHouse) -> None:
    key = house.start()
    give_up(house)
    house.request(Hold(jobs=(key[0],)))

    house.heartbeat("attic", (key, Phase.RUNNING))
    house.settle()
    assert house.job(key[0]).status is JobStatus.HELD

    house.deliver(success(key))
    house.settle()
    assert house.authority.state.finished[key[0]].status is JobStatus.SUCCEEDED


# --- restarts of agents ------------------------------------------------------------------


def test_a_new_boot_ends_the_attempts_that_it_does_not_list(house: SmallHouse) -> None:
    key = house.start()
    house.heartbeat("attic", (key, Phase.RUNNING))

    house.boot(boot=2)

    (lost,) = house.of(AttemptLost)
    assert (lost.token, lost.agent, lost.delay_seconds) == (key[1], "attic", 1)
    assert house.job(key[0]).starts == 1
    assert [booted.boot for booted in house.of(AgentBooted)] == [1, 2]


@pytest.mark.parametrize(
    ("phase", "event", "starts"),
    [
        (None, "AttemptLost", 1),
        (Phase.RUNNING, "AttemptLost", 1),
        (Phase.HELD, "AttemptInterrupted", 0),
        (Phase.SPOOLED, "AttemptInterrupted", 0),
    ],
)
def test_a_restart_uses_a_start_up_only_if_the_attempt_may_have_run(
    house: SmallHouse, phase: Phase | None, event: str, starts: int
) -> None:
    key = house.start()
    if phase:
        house.heartbeat("attic", (key, phase))

    house.boot(boot=2)

    assert type(house.events[-1]).__name__ == event
    assert house.job(key[0]).starts == starts


def test_a_spooled_attempt_that_a_new_boot_lists_lives_on(house: SmallHouse) -> None:
    key = house.start()
    house.heartbeat("attic", (key, Phase.RUNNING))

    house.heartbeat("attic", (key, Phase.SPOOLED), boot=2)
    house.settle()
    assert house.job(key[0]).status is JobStatus.RUNNING
    house.deliver(success(key), boot=2)
    house.settle()

    assert not house.of(AttemptLost)
    assert house.authority.state.finished[key[0]].status is JobStatus.SUCCEEDED


def test_a_lost_unheard_attempt_counts_too(house: SmallHouse) -> None:
    key = house.start(max_starts=1)
    house.heartbeat("attic", (key, Phase.RUNNING))
    give_up(house)

    house.boot(boot=2)

    assert house.of(JobDied)[0].why.startswith("all 1 starts are used up")


def test_a_machine_that_goes_down_under_jobs_is_left_alone_longer_each_time(house: SmallHouse) -> None:
    key = house.start(max_starts=9)
    waits = []
    for boot in range(2, 6):
        house.heartbeat("attic", (key, Phase.RUNNING), boot=boot - 1)
        house.boot(boot=boot)
        waits.append(house.authority.books.sightings["attic"].cool_until - house.now)
        key = retake(house, key, "attic", boot)

    assert waits == [1, 2, 4, 8]


def test_a_machine_that_gets_something_done_is_forgiven(house: SmallHouse) -> None:
    key = house.start(max_starts=9)
    for boot in (2, 3):
        house.heartbeat("attic", (key, Phase.RUNNING), boot=boot - 1)
        house.boot(boot=boot)
        key = retake(house, key, "attic", boot)
    house.deliver(success(key), boot=3)
    house.settle()
    (job,) = house.submit()
    key = retake(house, (job, 0), "attic", 3)
    house.heartbeat("attic", (key, Phase.RUNNING), boot=3)

    house.boot(boot=4)

    assert house.authority.books.sightings["attic"].cool_until - house.now == 1


# --- death -------------------------------------------------------------------------------


@pytest.mark.parametrize("starts", [1, 2])
def test_a_job_is_dead_when_its_starts_are_used_up(house: SmallHouse, starts: int) -> None:
    key = house.start(max_starts=starts)
    for boot in range(2, 2 + starts):
        assert not house.of(JobDied)
        house.heartbeat("attic", (key, Phase.RUNNING), boot=boot - 1)
        house.boot(boot=boot)
        if boot < 1 + starts:
            key = retake(house, key, "attic", boot)

    (died,) = house.of(JobDied)
    assert died.why == f"all {starts} starts are used up, last: attic went down while it ran"
    assert house.authority.state.finished[key[0]].status is JobStatus.DEAD


def test_a_job_under_which_two_machines_went_down_is_dead(house: SmallHouse) -> None:
    key = house.start("attic", max_starts=9)
    house.boot("den")
    house.heartbeat("attic", (key, Phase.RUNNING))
    house.boot("attic", boot=2)
    key = retake(house, key, "den")
    assert not house.of(JobDied)
    house.heartbeat("den", (key, Phase.RUNNING))

    house.boot("den", boot=2)

    assert house.of(JobDied) == [
        JobDied(key[0], "attic and den went down while running it: it may be the cause")
    ]


def test_the_same_machine_going_down_twice_is_not_two_machines(house: SmallHouse) -> None:
    key = house.start(max_starts=9)
    for boot in (2, 3, 4):
        house.heartbeat("attic", (key, Phase.RUNNING), boot=boot - 1)
        house.boot(boot=boot)
        key = retake(house, key, "attic", boot)

    assert not house.of(JobDied)
    assert house.job(key[0]).lost_agents == ("attic",)


def test_a_held_job_whose_starts_are_used_up_dies_when_it_is_released(house: SmallHouse) -> None:
    key = house.start(max_starts=1)
    house.heartbeat("attic", (key, Phase.RUNNING))
    give_up(house)
    house.request(Hold(jobs=(key[0],)))
    house.boot(boot=2)
    assert not house.of(JobDied)

    house.request(Release(jobs=(key[0],)))

    assert len(house.of(JobDied)) == 1


@pytest.mark.parametrize(
    ("count", "seconds"), [(-1, 0), (0, 0), (1, 1), (2, 2), (6, 32), (7, 60), (8, 60), (10_000, 60)]
)
def test_the_wait_doubles_up_to_a_minute(count: int, seconds: float) -> None:
    assert backoff_seconds(count) == seconds
