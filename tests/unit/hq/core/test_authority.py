"""The authority's order: nothing is published before its commit, and silence of HQ harms nobody."""

import pytest

from bus import topics
from bus.port import Inbound, Refusal
from hq.core.authority import LOG_SILENT_SECONDS, MAX_BATCH
from hq.core.bookkeeping import FORWARDED_PER_SECOND, LONGEST_SLEEP
from hq.core.outputs import Answer, Publish, RecordProgress
from hq.core.timing import GUARD_SECONDS, LEASE_SECONDS, LOOP_GAP_SECONDS, OFFER_SECONDS
from hq.core.waiting import MAX_WAITING
from schemas.events import AgentBooted, AttemptInterrupted, JobCancelled, JobSucceeded
from schemas.facts import MachineFacts
from schemas.messages import LogBatch, LogLines, Presence, Progress, ProgressBatch
from schemas.requests import Cancel, Explain, Ping, ReadStatus, ReadSweeps, Submit
from schemas.states import Command, Phase
from tests.unit.hq.core.small_house import SmallHouse, spec, success

HQ_LEASE = LEASE_SECONDS + GUARD_SECONDS


def commands(ack: object) -> list[Command]:
    return [order.command for order in ack.orders]  # type: ignore[attr-defined]


# --- nothing before its commit ------------------------------------------------------


def test_nothing_that_a_decision_brings_is_published_before_its_commit(house: SmallHouse) -> None:
    house.boot()
    submit = house.ask(Submit(jobs=(spec(),)))
    before = len(house.outputs)

    batch = house.decide()

    assert batch
    assert len(house.outputs) == before
    house.commit(batch)
    assert house.replies(submit)
    assert house.published(topics.JOB_EVENT)
    assert house.offers()


@pytest.mark.parametrize("what", ["claim", "result", "cancel"])
def test_no_grant_acknowledgement_or_answer_leaves_before_its_commit(house: SmallHouse, what: str) -> None:
    house.boot()
    if what == "claim":
        house.submit()
        house.claim(house.offers()[-1])
    elif what == "result":
        house.deliver(success(house.start()))
    else:
        house.ask(Cancel(jobs=(house.start()[0],)))
    before = len(house.outputs)

    batch = house.decide()
    assert len(house.outputs) == before

    house.commit(batch)
    assert len(house.outputs) > before


def test_a_heartbeat_during_an_append_says_keep_for_what_is_being_ended(house: SmallHouse) -> None:
    key = house.start(exclusive=False)
    house.ask(Cancel(jobs=(key[0],)))
    batch = house.decide()
    # Applied already, and not committed: it must not leak.
    assert key[0] not in house.authority.state.jobs

    during = house.heartbeat("attic", (key, Phase.RUNNING))
    house.commit(batch)
    after = house.heartbeat("attic", (key, Phase.RUNNING))

    assert during is not None
    assert after is not None
    assert Command.STOP not in commands(during)
    assert commands(after) == [Command.STOP]


def test_a_new_boot_is_not_answered_before_it_is_in_the_log(house: SmallHouse) -> None:
    house.heartbeat(facts=MachineFacts(cores=8))
    batch = house.decide()

    during = house.heartbeat(facts=MachineFacts(cores=8))
    house.commit(batch)

    assert during is None, "the agent would forget to send its facts again, and this HQ may yet lose them"
    assert [ack.seq for ack in house.published(topics.ACK)] == [0]
    assert house.heartbeat() is not None


def test_an_answer_at_once_tells_no_position_that_may_never_be(house: SmallHouse) -> None:
    house.ask(Submit(jobs=(spec(),)))
    batch = house.decide()

    during = house.replies(house.ask(Ping()))[-1]
    house.commit(batch)
    after = house.replies(house.ask(Ping()))[-1]

    assert (during.position, after.position) == (1, 2)


def test_one_append_is_in_flight_at_a_time(house: SmallHouse) -> None:
    house.ask(Submit(jobs=(spec(),)))
    batch = house.decide()
    house.ask(Submit(jobs=(spec(),)))

    assert house.decide() == ()
    house.commit(batch)

    assert [d.position for d in house.decide()] == [batch[-1].position + 1]


@pytest.mark.parametrize(("count", "appends"), [(MAX_BATCH, 1), (MAX_BATCH + 1, 2)])
def test_one_append_carries_a_bounded_number_of_decisions(
    house: SmallHouse, count: int, appends: int
) -> None:
    for _ in range(count):
        house.ask(Submit(jobs=(spec(),)))

    sizes = []
    while batch := house.step():
        sizes.append(len(batch))

    assert len(sizes) == appends
    assert sum(sizes) == count


def test_positions_are_gapless_also_over_refused_requests(house: SmallHouse) -> None:
    for job in ("j" + "a" * 12, None, None, "j" + "b" * 12, None):
        house.ask(Cancel(jobs=(job,)) if job else Submit(jobs=(spec(),)))
    house.settle()

    assert [d.position for d in house.decisions] == list(range(1, 5))
    assert len({d.op for d in house.decisions}) == 4


# --- a silent database --------------------------------------------------------------


@pytest.mark.parametrize(("late", "refused"), [(-1, False), (0, False), (1, True)])
def test_changes_are_refused_when_the_log_is_silent_for_long(
    house: SmallHouse, late: int, refused: bool
) -> None:
    house.ask(Submit(jobs=(spec(),)))
    batch = house.decide()
    house.skip(LOG_SILENT_SECONDS + late)
    assert house.decide() == ()

    asked = house.ask(Submit(jobs=(spec(),)))

    assert [r.error and r.error.code for r in house.replies(asked)] == (["unavailable"] if refused else [])
    house.commit(batch)
    house.settle()
    assert len(house.authority.state.jobs) == (1 if refused else 2)


def test_heartbeats_and_questions_about_hq_are_answered_while_the_log_is_silent(house: SmallHouse) -> None:
    key = house.start()
    house.ask(Submit(jobs=(spec(),)))
    batch = house.decide()
    house.skip(LOG_SILENT_SECONDS + 1)
    house.decide()

    ack = house.heartbeat("attic", (key, Phase.RUNNING))
    status = house.replies(house.ask(ReadStatus()))[-1]

    assert ack is not None
    assert commands(ack) == [Command.KEEP]
    assert house.authority.books.leases.deadline(key) == house.now + HQ_LEASE
    assert status.result["database"] == "silent"
    house.commit(batch)
    house.decide()
    assert house.replies(house.ask(ReadStatus()))[-1].result["database"] == "ok"


def test_a_result_that_comes_again_while_the_database_is_away_waits_once(house: SmallHouse) -> None:
    first, second = house.start(), house.start()
    house.ask(Submit(jobs=(spec(),)))
    batch = house.decide()
    for _ in range(1000):
        house.deliver(success(first))
        house.deliver(success(first), success(second))
        house.deliver(success(second))

    assert len(house.authority._waiting) == 2
    house.commit(batch)
    house.settle()

    assert len(house.of(JobSucceeded)) == 2
    assert not house.authority._waiting._results
    house.deliver(success(first))
    house.settle()
    acks = [ack for message in house.published(topics.ACK) for ack in message.results]
    assert [ack.job for ack in acks].count(first[0]) == 3


def test_what_is_due_during_an_append_does_not_keep_the_loop_busy(house: SmallHouse) -> None:
    house.boot()
    house.submit()
    assert house.offers()
    house.ask(Submit(jobs=(spec(),)))
    batch = house.decide()
    house.skip(OFFER_SECONDS + 1)
    assert house.authority.books.next_wake(house.now) == 0, "the offer has expired"

    assert house.authority.next_wake(house.now) == LONGEST_SLEEP
    house.commit(batch)
    assert house.authority.next_wake(house.now) <= LONGEST_SLEEP


@pytest.mark.parametrize(
    "request_", [Explain(job="j" + "a" * 12), ReadSweeps(), Cancel(jobs=("j" + "a" * 12,))]
)
def test_what_waits_for_a_silent_database_is_bounded(house: SmallHouse, request_: object) -> None:
    house.ask(Submit(jobs=(spec(),)))
    batch = house.decide()
    message = Inbound(topics.REQUEST, {"client": "cli"}, "again", request_)
    for _ in range(MAX_WAITING):
        house.authority.receive(message, house.now)

    asked = house.ask(request_)

    assert [r.error and r.error.code for r in house.replies(asked)] == ["unavailable"]
    house.commit(batch)


# --- silence of HQ itself -----------------------------------------------------------


@pytest.mark.parametrize(("gap", "ended"), [(-1.0, True), (0.0, True), (0.1, False), (1.0, False)])
def test_a_gap_in_the_loop_renews_every_lease(house: SmallHouse, gap: float, ended: bool) -> None:
    key = house.start()
    # The loop ran until 2 s before the lease's end, then stood still.
    house.wait(HQ_LEASE - 2)

    house.skip(LOOP_GAP_SECONDS + gap)
    house.step()

    assert bool(house.of(AttemptInterrupted)) == ended
    if not ended:
        assert house.authority.books.leases.deadline(key) == house.now + HQ_LEASE


def test_messages_that_were_shed_renew_every_lease(house: SmallHouse) -> None:
    key = house.start()
    house.wait(HQ_LEASE - 1)

    house.authority.shed("shed_heartbeat", 3, house.now)
    house.wait(5)

    assert not house.of(AttemptInterrupted)
    assert house.authority.books.leases.deadline(key) == house.now - 5 + HQ_LEASE
    assert house.authority.books.refused["shed_heartbeat"] == 3


def test_a_lease_ends_only_after_the_inbox_is_drained(house: SmallHouse) -> None:
    key = house.start()
    house.wait(HQ_LEASE)
    house.skip(1)

    house.heartbeat("attic", (key, Phase.RUNNING))
    house.settle()

    assert not house.of(AttemptInterrupted)


def test_a_start_renews_every_lease_in_full(house: SmallHouse) -> None:
    key = house.start()
    house.skip(3600)

    house.restart()
    house.settle()

    assert house.authority.books.leases.deadline(key) == house.now + HQ_LEASE
    assert not house.of(AttemptInterrupted)


# --- what is said again and again -----------------------------------------------------


def test_the_leader_says_so_every_three_seconds(house: SmallHouse) -> None:
    before = len(house.published(topics.HQ_STATE))
    house.wait(9)

    said = house.published(topics.HQ_STATE)[before:]

    assert len(said) == 3
    assert all(state.online and state.epoch == 7 for state in said)


def test_a_broker_that_forgot_who_leads_is_told_at_once(house: SmallHouse) -> None:
    before = len(house.published(topics.HQ_STATE))

    house.authority.greet(house.now)
    house.step()

    assert len(house.published(topics.HQ_STATE)) == before + 1


# --- what waits for a time -------------------------------------------------------------


@pytest.mark.parametrize(("late", "cancelled"), [(-1, False), (0, True), (1, True)])
def test_a_job_that_waits_beyond_its_expiry_is_cancelled(
    house: SmallHouse, late: int, cancelled: bool
) -> None:
    (job,) = house.submit(spec(expires=house.wall + 100))

    house.wall += 100 + late
    house.settle()

    assert (
        house.of(JobCancelled) == [JobCancelled(job, "hq", "it waited beyond its `expires`")]
    ) == cancelled


def test_a_running_job_does_not_expire_but_does_when_it_has_to_wait_again(house: SmallHouse) -> None:
    key = house.start(expires=house.wall + 100)

    house.wall += 101
    house.settle()
    assert not house.of(JobCancelled)
    house.decline(key, interrupted=True)
    house.settle()

    assert [event.job for event in house.of(JobCancelled)] == [key[0]]


# --- what agents and clients say besides -------------------------------------------------


def test_progress_and_log_are_forwarded_from_the_holder_of_the_lease_only(house: SmallHouse) -> None:
    key = house.start()
    house.boot("den")
    progress = ProgressBatch(1, (Progress(*key, percent=50.0),))
    lines = LogBatch(1, (LogLines(*key, 0, ("epoch 1",)),))

    house.send(topics.PROGRESS, progress)
    house.send(topics.LOG, lines)
    house.send(topics.PROGRESS, progress, agent="den")
    house.send(topics.PROGRESS, ProgressBatch(1, (Progress(key[0], key[1] + 1),)))

    assert [p.agent for p in house.published(topics.JOB_PROGRESS)] == ["attic"]
    assert [p.log for p in house.published(topics.JOB_LOG)] == list(lines.items)
    assert sum(isinstance(o, RecordProgress) for o in house.outputs) == 2
    assert house.authority.books.refused["not_the_lease_holder"] == 2


@pytest.mark.parametrize(("more", "refused"), [(-1, 0), (0, 0), (1, 1)])
def test_a_script_that_reports_without_end_is_cut_to_a_rate(
    house: SmallHouse, more: int, refused: int
) -> None:
    key = house.start()
    batch = ProgressBatch(1, tuple(Progress(*key) for _ in range(FORWARDED_PER_SECOND + more)))

    house.send(topics.PROGRESS, batch)
    assert house.authority.books.refused["over_rate"] == refused
    house.skip(1)
    house.send(topics.PROGRESS, ProgressBatch(1, (Progress(*key),)))

    assert len(house.published(topics.JOB_PROGRESS)) == FORWARDED_PER_SECOND + min(more, 0) + 1


def test_an_agent_whose_will_was_published_gets_no_offers_for_a_moment(house: SmallHouse) -> None:
    house.boot()

    house.send(topics.PRESENCE, Presence(False, 1))
    house.submit()
    assert not house.offers()
    house.skip(1)
    house.settle()

    assert house.offers()


def test_a_will_of_an_older_boot_means_nothing(house: SmallHouse) -> None:
    house.boot()
    house.boot(boot=2)

    house.send(topics.PRESENCE, Presence(False, 1))
    house.submit()

    assert house.offers()


def test_a_malformed_request_is_answered_and_counted(house: SmallHouse) -> None:
    refusal = Refusal(topics.REQUEST, {"client": "cli"}, "bad_data", "Object missing field `jobs`", "r1")

    house.authority.receive(refusal, house.now)
    house.authority.receive(Refusal(None, {}, "unknown_topic", "x"), house.now)
    house.settle()

    (answer,) = [o for o in house.authority.take_outputs() + house.outputs if isinstance(o, Answer)]
    assert answer.reply.error is not None
    assert answer.reply.error.code == "bad_data"
    assert "missing field `jobs`" in answer.reply.error.message
    assert house.authority.books.refused == {"bad_data": 1, "unknown_topic": 1}


def test_the_state_of_the_house_is_told_on_request(house: SmallHouse) -> None:
    house.start()
    house.submit(spec(priority=-1), spec())

    status = house.replies(house.ask(ReadStatus()))[-1].result

    assert status["jobs"] == {"running": 1, "queued": 2}
    assert (status["epoch"], status["position"], status["leases"]) == (7, len(house.decisions), 1)
    (agent,) = status["agents"]
    assert (agent["agent"], agent["slots"], agent["fresh"]) == ("attic", 2, True)


def test_answers_carry_the_position_that_they_reflect(house: SmallHouse) -> None:
    reply = house.request(Submit(jobs=(spec(),)))

    assert reply.position == len(house.decisions)
    assert house.request(Explain(job=reply.result["jobs"][0])).position == len(house.decisions)


def test_each_event_of_a_job_is_told_to_everybody_with_its_place_in_the_log(house: SmallHouse) -> None:
    key = house.start()
    house.deliver(success(key))
    house.settle()

    notices = [o.data for o in house.outputs if isinstance(o, Publish) and o.topic is topics.JOB_EVENT]

    assert [n.revision for n in notices] == [1, 2, 3]
    assert [house.decisions[n.position - 1].events[n.index] for n in notices] == [n.event for n in notices]
    assert isinstance(notices[-1].event, JobSucceeded)


def test_the_changes_of_a_commit_are_handed_on_once(house: SmallHouse) -> None:
    house.boot()
    house.submit()

    assert len(house.of(AgentBooted)) == 1
    assert [type(change).__name__ for change in house.changes] == ["AgentRecord", "Job", "Answer"]
