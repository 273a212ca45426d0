"""Requests of clients: every refusal and what it says, and one answer per idempotency key."""

import copy
from typing import Any

import msgspec
import pytest

from hq.core.decide.ids import Ids
from hq.core.decide.requests import MAX_RETRY_BYTES
from hq.core.decide.specs import MAX_SPEC_BYTES
from hq.core.state import IDEMPOTENCY_SECONDS
from schemas.events import JobCancelled, JobHeld, JobReleased, JobSubmitted
from schemas.messages import Reply
from schemas.names import JOB_PATTERN
from schemas.requests import Cancel, CancelSweep, Explain, Hold, Ping, Propose, Release, Retry, Submit
from schemas.specs import JobSpec, ScriptRef
from schemas.states import JobStatus
from tests.unit.hq.core.small_house import SmallHouse, replay, spec, success

NOBODY = "j" + "a" * 12
BUNDLE = "0" * 64


def snapshot(house: SmallHouse) -> Any:
    """Return everything that a refused request must leave alone."""
    state = house.authority.state
    tables = {name: copy.deepcopy(value) for name, value in vars(state).items()}
    return tables, len(house.decisions), len(house.authority.books.leases)


def code_of(reply: Reply) -> str:
    return reply.error.code if reply.error else ""


def spec_of(size: int) -> JobSpec:
    """Return a spec that has exactly so many bytes."""
    empty = len(msgspec.json.encode(spec(params={"text": ""})))
    return spec(params={"text": "a" * (size - empty)})


# --- refusals ---------------------------------------------------------------------


def test_every_refusal_says_why_and_changes_nothing(house: SmallHouse) -> None:
    running, _ = house.start()
    (held,) = house.submit()
    house.request(Hold(jobs=(held,)))
    (queued,) = house.submit(spec(needs=msgspec.convert({"gpus": 8}, type(spec().needs))))
    ended, token = house.start("den")
    house.deliver(success((ended, token)), agent="den")
    house.settle()
    house.request(Submit(jobs=(spec(),), key="used"))
    refusals: list[tuple[Any, str, str]] = [
        (Cancel(jobs=(NOBODY,)), "unknown_job", NOBODY),
        (Hold(jobs=(NOBODY,)), "unknown_job", NOBODY),
        (Release(jobs=(NOBODY,)), "unknown_job", NOBODY),
        (Cancel(jobs=(ended,)), "already_final", "succeeded"),
        (Hold(jobs=(ended,)), "already_final", "hold"),
        (Hold(jobs=(running,)), "not_queued", "running"),
        (Hold(jobs=(held,)), "not_queued", "held"),
        (Release(jobs=(running,)), "not_held", "running"),
        (Release(jobs=(queued,)), "not_held", "queued"),
        (Cancel(jobs=(queued, ended)), "already_final", ended),
        (Cancel(jobs=(queued,), key="used"), "key_reused", "'used'"),
        (Submit(jobs=(spec(), spec(priority=1)), key="used"), "key_reused", "new one"),
        (Submit(jobs=(spec(sweep="s" + "a" * 12),)), "bad_spec", "submit a sweep"),
        (Submit(jobs=(spec(trial=0),)), "bad_spec", "submit a sweep"),
        (Submit(jobs=(spec(), JobSpec(ScriptRef(BUNDLE, "/etc/passwd")))), "bad_spec", "/etc/passwd"),
        (Submit(jobs=(JobSpec(ScriptRef(BUNDLE, "a/../../b.py")),)), "bad_spec", "inside the bundle"),
        (Submit(jobs=(JobSpec(ScriptRef(BUNDLE, "a\\b.py")),)), "bad_spec", "inside the bundle"),
        *(
            (Submit(jobs=(JobSpec(ScriptRef(BUNDLE, entry)),)), "bad_spec", "inside the bundle")
            for entry in (
                "a\0.py",
                "/a.py",
                ".",
                "a/./b.py",
                "a//b.py",
                "a/",
                "C:a.py",
                "a\n.py",
                ".idlehands/a",
            )
        ),
        (Submit(jobs=(spec(), spec_of(MAX_SPEC_BYTES + 1))), "too_big", "blob"),
        (CancelSweep(sweep="s" + "a" * 12), "unknown_sweep", "no running sweep"),
        (Propose(sweep="s" + "a" * 12, first=0, trials=()), "not_allowed", "search process"),
        (Cancel(jobs=(queued,), on_behalf_of="anna"), "not_allowed", "on behalf of anna"),
    ]
    before = snapshot(house)

    for request, code, words in refusals:
        reply = house.request(request)
        assert code_of(reply) == code, request
        assert reply.error is not None
        assert words in reply.error.message

    assert snapshot(house) == before
    counted = house.authority.books.refused
    assert counted["already_final"] == 3
    assert sum(counted.values()) == len(refusals)


@pytest.mark.parametrize(("over", "accepted"), [(-1, True), (0, True), (1, False)])
def test_a_spec_must_fit_one_message(house: SmallHouse, over: int, accepted: bool) -> None:
    reply = house.request(Submit(jobs=(spec_of(MAX_SPEC_BYTES + over),)))

    assert (code_of(reply) == "") == accepted


def test_a_script_in_a_folder_of_its_bundle_is_accepted(house: SmallHouse) -> None:
    job = JobSpec(ScriptRef(BUNDLE, "src/train..final.py"))

    assert code_of(house.request(Submit(jobs=(job,)))) == ""


# --- what they do -----------------------------------------------------------------


def test_a_held_job_is_not_offered_until_it_is_released(house: SmallHouse) -> None:
    (job,) = house.submit()
    house.request(Hold(jobs=(job,)))
    house.boot()
    assert not house.offers()

    house.request(Release(jobs=(job,)))

    assert [offer.job for offer in house.offers()] == [job]
    assert house.of(JobHeld) == [JobHeld(job, "cli")]
    assert house.of(JobReleased) == [JobReleased(job, "cli")]


def test_an_offer_that_is_out_does_not_survive_a_hold(house: SmallHouse) -> None:
    house.boot()
    (job,) = house.submit()
    offer = house.offers()[-1]

    house.request(Hold(jobs=(job,)))
    house.claim(offer)
    house.settle()

    assert house.job(job).status is JobStatus.HELD
    assert not house.grants()


@pytest.mark.parametrize("status", ["queued", "held", "running"])
def test_a_job_is_cancelled_wherever_it_stands(house: SmallHouse, status: str) -> None:
    if status == "running":
        job, _ = house.start()
    else:
        (job,) = house.submit()
    if status == "held":
        house.request(Hold(jobs=(job,)))

    house.request(Cancel(jobs=(job, job)))

    assert house.of(JobCancelled) == [JobCancelled(job, "cli")]
    assert house.authority.state.finished[job].status is JobStatus.CANCELLED
    assert job not in house.authority.state.jobs
    assert len(house.authority.books.leases) == 0


def test_ids_are_unique_and_come_from_the_place_in_the_log() -> None:
    made = [Ids(epoch, position).make("j") for epoch in (1, 2) for position in range(50)]
    ids = Ids(1, 0)
    made += [ids.make("j") for _ in range(50)][1:]

    assert len(set(made)) == len(made)
    assert all(msgspec.convert(job, type=str) and len(job) == 13 for job in made)
    assert Ids(1, 0).make("j") == made[0]
    assert JOB_PATTERN.startswith("^j[a-z2-7]{12}")


# --- retries -----------------------------------------------------------------------


def retry(house: SmallHouse, request: Retry, specs: dict[str, JobSpec]) -> Reply:
    message_id = house.ask(request)
    for look_up in house.look_ups():
        if look_up.request.id == message_id:
            house.authority.retry(look_up.request, specs)
    house.settle()
    return house.replies(message_id)[-1]


def test_a_retry_makes_new_jobs_that_know_what_they_repeat(house: SmallHouse) -> None:
    old = spec(sweep="s" + "a" * 12, trial=3, not_before=5.0, expires=9.0, priority=2)

    reply = retry(house, Retry(jobs=(NOBODY, NOBODY)), {NOBODY: old})

    (job,) = reply.result["jobs"]
    assert house.job(job).spec == spec(retry_of=NOBODY, priority=2)


def test_a_retry_of_an_unknown_job_retries_nothing(house: SmallHouse) -> None:
    other = "j" + "b" * 12

    reply = retry(house, Retry(jobs=(NOBODY, other)), {NOBODY: spec()})

    assert code_of(reply) == "unknown_job"
    assert reply.error is not None
    assert other in reply.error.message
    assert not house.of(JobSubmitted)


def test_a_retry_that_is_repeated_makes_no_second_jobs(house: SmallHouse) -> None:
    request = Retry(jobs=(NOBODY,), key="again")

    first = retry(house, request, {NOBODY: spec()})
    second = retry(house, request, {NOBODY: spec()})
    other = retry(house, Retry(jobs=("j" + "b" * 12,), key="again"), {"j" + "b" * 12: spec()})

    assert first.result == second.result
    assert (first.position, second.position) == (2, 2)
    assert code_of(other) == "key_reused"
    assert len(house.of(JobSubmitted)) == 1


@pytest.mark.parametrize(("more", "accepted"), [(0, True), (1, False)])
def test_a_retry_of_more_than_fits_one_decision_is_refused(
    house: SmallHouse, more: int, accepted: bool
) -> None:
    jobs = [f"j{'abcdefgh'[i]}{'a' * 11}" for i in range(8)]
    # Eight such specs and the commas between them, with `retry_of` in each.
    each = (MAX_RETRY_BYTES - 9) // 8 - len(',"retry_of":"jaaaaaaaaaaaa"')
    specs = {job: spec_of(each) for job in jobs}
    specs[jobs[0]] = spec_of(each + (MAX_RETRY_BYTES - 9) % 8 + more)

    reply = retry(house, Retry(jobs=tuple(jobs)), specs)

    assert code_of(reply) == ("" if accepted else "too_big")


# --- idempotency --------------------------------------------------------------------


def test_a_repeated_request_gets_the_stored_answer_and_does_nothing(house: SmallHouse) -> None:
    request = Submit(jobs=(spec(),), key="k")

    first = house.request(request)
    decisions = len(house.decisions)
    second = house.request(request)

    assert (first.result, first.position) == (second.result, second.position)
    assert len(house.decisions) == decisions


def test_without_a_key_the_messages_id_serves(house: SmallHouse) -> None:
    first = house.request(Submit(jobs=(spec(),)), message_id="m-1")
    second = house.request(Submit(jobs=(spec(),)), message_id="m-1")
    third = house.request(Submit(jobs=(spec(),)), message_id="m-2")

    assert first.result == second.result
    assert first.result != third.result


def test_two_copies_of_a_request_in_one_batch_are_one_job(house: SmallHouse) -> None:
    asked = [house.ask(Submit(jobs=(spec(),), key="k")) for _ in range(3)]

    house.settle()

    assert len({str(house.replies(a)[-1].result) for a in asked}) == 1
    assert len(house.of(JobSubmitted)) == 1


def test_the_same_key_of_another_submitter_is_another_request(house: SmallHouse) -> None:
    request = Submit(jobs=(spec(),), key="k")

    results = {str(house.request(request, client).result) for client in ("cli", "anna", "search")}

    assert len(results) == 3


def test_a_refused_request_may_be_asked_again_under_its_key(house: SmallHouse) -> None:
    (job,) = house.submit()
    assert code_of(house.request(Release(jobs=(job,), key="k"))) == "not_held"
    house.request(Hold(jobs=(job,)))

    assert code_of(house.request(Release(jobs=(job,), key="k"))) == ""


def test_answers_are_remembered_over_a_restart(house: SmallHouse) -> None:
    request = Submit(jobs=(spec(),), key="k")
    first = house.request(request)

    house.restart()

    assert house.request(request).result == first.result


@pytest.mark.parametrize(("late", "forgotten"), [(-1, False), (0, False), (1, True)])
def test_an_answer_is_kept_for_seven_days(house: SmallHouse, late: int, forgotten: bool) -> None:
    request = Submit(jobs=(spec(),), key="k")
    first = house.request(request)
    house.wall += IDEMPOTENCY_SECONDS + late
    # Answers are forgotten when the next one is stored.
    house.request(Submit(jobs=(spec(),), key="other"))

    again = house.request(request)

    assert (again.result != first.result) == forgotten
    assert (("cli", "k") in replay(house.decisions).answers) is True


def test_only_the_web_process_may_act_on_behalf_of_others(house: SmallHouse) -> None:
    request = Submit(jobs=(spec(),), on_behalf_of="anna", key="k")

    (job,) = house.request(request, "web").result["jobs"]
    refused = {code_of(house.request(request, client)) for client in ("cli", "search", "anna")}

    assert house.job(job).submitter == "anna"
    assert refused == {"not_allowed"}


def test_what_the_web_submits_for_somebody_is_that_persons_request(house: SmallHouse) -> None:
    by_web = house.request(Submit(jobs=(spec(),), on_behalf_of="anna", key="k"), "web")
    other = house.request(Submit(jobs=(spec(),), on_behalf_of="bert", key="k"), "web")

    assert by_web.result != other.result


def test_questions_need_no_key_and_leave_no_trace(house: SmallHouse) -> None:
    before = snapshot(house)

    for _ in range(2):
        assert house.request(Explain(job=NOBODY), message_id="q").error is None
        assert house.request(Ping(), message_id="q").error is None

    assert snapshot(house) == before
