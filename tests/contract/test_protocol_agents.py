"""docs/protocol.md, being an agent: what HQ answers to what agents say, and what an agent owes."""

import math
from itertools import count, pairwise
from typing import Any

import pytest

from agents.core.agent import AgentCore
from agents.core.effects import Send, Spool, Start, Stop, Unspool
from bus import topics
from schemas.events import (
    AgentBooted,
    AttemptInterrupted,
    AttemptLost,
    AttemptResumed,
    AttemptReturned,
    JobClaimed,
    JobFailed,
    JobSucceeded,
    ResultSuperseded,
)
from schemas.facts import AttemptResult, GuestState, MachineFacts
from schemas.states import Outcome
from tests.contract.protocol_house import WireAgent, WireHq, inbound, job_spec, proves

NONCE = "c" * 32


@pytest.fixture
def hq() -> WireHq:
    return WireHq()


@pytest.fixture
def agent(hq: WireHq) -> WireAgent:
    return WireAgent(hq)


# --- boots ---------------------------------------------------------------------------


@proves("P36")
def test_a_boot_is_committed_before_it_is_answered(hq: WireHq, agent: WireAgent) -> None:
    hq.submit()
    hq.holds_commits = True

    assert agent.beat() == {}
    assert agent.hear("offer") == []
    hq.holds_commits = False
    hq.commit()
    hq.step()

    assert len(hq.events(AgentBooted)) == 1
    assert agent.hear("ack")[0]["seq"] == 0
    assert len(agent.hear("offer")) == 1


@proves("P37")
@pytest.mark.parametrize(
    ("phase", "event"),
    [
        ("running", AttemptLost),
        (None, AttemptLost),
        ("held", AttemptInterrupted),
        ("spooled", AttemptInterrupted),
    ],
)
def test_a_new_boot_settles_what_it_does_not_list(
    hq: WireHq, agent: WireAgent, phase: str | None, event: type
) -> None:
    job, token = agent.begin()
    if phase:
        agent.beat((job, token, phase))

    WireAgent(hq, boot=2, letter="d").beat()

    assert [e.token for e in hq.events(event)] == [token]  # type: ignore[union-attr]


@proves("P37")
def test_a_new_boot_keeps_what_it_lists(hq: WireHq, agent: WireAgent) -> None:
    job, token = agent.begin()
    again = WireAgent(hq, boot=2, letter="d")

    again.beat((job, token, "spooled"))

    assert hq.events(AttemptLost) == hq.events(AttemptInterrupted) == []
    assert again.result(job, token) == {"job": job, "token": token, "verdict": "accepted"}


@proves("P38")
def test_a_lower_boot_is_refused_in_words(hq: WireHq) -> None:
    WireAgent(hq, boot=5).beat()

    answer = WireAgent(hq, boot=4, letter="d").beat()

    assert "later start" in answer["refused"]
    assert hq.refused()["old_boot"] == 1


@proves("P38")
def test_two_machines_with_one_certificate_are_both_refused_until_one_is_silent(hq: WireHq) -> None:
    one, other = WireAgent(hq), WireAgent(hq, letter="d")
    one.beat()
    assert "refused" in other.beat()
    assert "two machines" in one.beat()["refused"]

    one.keep_alive(34)
    assert "refused" in one.beat()
    hq.later(2)
    assert "refused" not in one.beat()


# --- heartbeats and leases -------------------------------------------------------------


@proves("P39")
def test_an_answer_names_its_heartbeat_and_speaks_only_of_what_that_listed(
    hq: WireHq, agent: WireAgent
) -> None:
    agent.slots = 2
    one, two = agent.begin(), agent.begin()

    answer = agent.beat((*one, "running"))

    assert answer["seq"] == agent.seq
    assert [order["job"] for order in answer["orders"]] == [one[0]]
    assert [order["job"] for order in agent.beat((*two, "held"))["orders"]] == [two[0]]


@proves("P47", "P48")
def test_hqs_lease_ends_35_seconds_after_it_handled_the_last_heartbeat(hq: WireHq, agent: WireAgent) -> None:
    job, token = agent.begin()
    hq.later(20)
    agent.beat((job, token, "running"))

    hq.later(35)
    assert hq.events(AttemptInterrupted) == []
    hq.later(0.5)

    (event,) = hq.events(AttemptInterrupted)
    assert (event.token, event.unheard) == (token, True)  # type: ignore[union-attr]


@proves("P47")
def test_no_wall_clock_decides_a_lease(hq: WireHq, agent: WireAgent) -> None:
    job, token = agent.begin()
    for jump in (3600, -7200):
        hq.wall += jump
        agent.keep_alive(30, (job, token, "running"))

    assert hq.events(AttemptInterrupted) == []


@proves("P49")
def test_a_given_up_attempt_resumes_when_it_is_heard_again(hq: WireHq, agent: WireAgent) -> None:
    job, token = agent.begin()
    agent.beat((job, token, "running"))
    hq.later(36)
    hq.take(f"job/{job}/event")

    agent.beat((job, token, "running"))

    assert len(hq.events(AttemptResumed)) == 1
    assert [notice["status"] for notice in hq.take(f"job/{job}/event")] == ["running"]
    assert agent.result(job, token) == {"job": job, "token": token, "verdict": "accepted"}


@proves("P48", "P50")
def test_an_exclusive_attempt_that_was_given_up_is_stopped_and_does_not_resume(
    hq: WireHq, agent: WireAgent
) -> None:
    job, token = agent.begin(exclusive=True)
    agent.beat((job, token, "running"))
    hq.later(60)
    assert len(hq.events(AttemptInterrupted)) == 1

    answer = agent.beat((job, token, "running"))

    assert [order["command"] for order in answer["orders"]] == ["stop"]
    assert hq.events(AttemptResumed) == []


@proves("P50")
def test_an_exclusive_attempt_is_left_out_while_hq_cannot_prove_that_it_leads(
    hq: WireHq, agent: WireAgent
) -> None:
    exclusive = agent.begin(exclusive=True)
    assert [order["command"] for order in agent.beat((*exclusive, "running"))["orders"]] == ["keep"]
    hq.leads = False
    agent.keep_alive(16, (*exclusive, "running"))

    assert "orders" not in agent.beat((*exclusive, "running"))
    hq.leads = True
    hq.step()
    assert [order["command"] for order in agent.beat((*exclusive, "running"))["orders"]] == ["keep"]


@proves("P50")
def test_what_hq_does_not_know_is_stopped(hq: WireHq, agent: WireAgent) -> None:
    agent.beat()

    answer = agent.beat(("j" + "a" * 12, 1, "running"))

    assert [order["command"] for order in answer["orders"]] == ["stop"]


@proves("P51")
def test_a_gap_in_hqs_own_loop_renews_every_lease(hq: WireHq, agent: WireAgent) -> None:
    agent.begin()
    hq.later(30)

    hq.now += 60
    hq.step()
    hq.later(34)
    assert hq.events(AttemptInterrupted) == []
    hq.later(2)
    assert len(hq.events(AttemptInterrupted)) == 1


@proves("P51", "P14")
def test_a_start_of_hq_renews_every_lease_and_interrupts_nothing(hq: WireHq, agent: WireAgent) -> None:
    job, token = agent.begin()
    hq.later(34)

    new = WireHq(hq.log, epoch=8)
    new.later(34)

    assert new.events(AttemptInterrupted) == []
    agent.hq = new
    assert [order["command"] for order in agent.beat((job, token, "running"))["orders"]] == ["keep"]
    assert new.take("hq/state")[0]["epoch"] == 8


# --- offer, claim, grant -----------------------------------------------------------------


@proves("P41")
def test_an_offer_goes_to_one_agent_changes_nothing_and_lives_five_seconds(
    hq: WireHq, agent: WireAgent
) -> None:
    other = WireAgent(hq, "cellar", letter="d")
    agent.beat()
    other.beat()
    before = len(hq.log)
    hq.submit()
    offered = [*agent.hear("offer"), *other.hear("offer")]
    assert len(offered) == 1
    assert len(hq.log) == before + 1

    hq.later(5)
    assert agent.hear("offer") == other.hear("offer") == []
    hq.later(0.5)

    again = [*agent.hear("offer"), *other.hear("offer")]
    assert [message["offers"][0]["job"] for message in again] == [
        message["offers"][0]["job"] for message in offered
    ]
    assert again[0]["offers"][0]["token"] > offered[0]["offers"][0]["token"]


@proves("P41")
def test_tokens_are_of_their_epoch_and_grow(hq: WireHq, agent: WireAgent) -> None:
    job, first = agent.begin()
    assert first == 7 * 2**20 + 1
    agent.say("decline", declines=[{"job": job, "token": first, "why": "busy"}])
    hq.later(2.5)
    assert agent.offer()["token"] == first + 1

    new = WireHq(hq.log, epoch=8)
    agent.hq = new
    agent.beat()

    assert agent.offer()["token"] == 8 * 2**20 + 1


@proves("P42")
def test_a_claim_without_an_offer_is_denied_with_its_nonce_and_the_reason(
    hq: WireHq, agent: WireAgent
) -> None:
    (job,) = hq.submit()
    agent.beat()
    token = agent.offer()["token"]

    (denial,) = agent.claim(job, token + 1)["denials"]
    assert denial["nonce"] == NONCE
    assert "offer" in denial["why"]
    stranger = WireAgent(hq, "cellar", boot=3, letter="d")
    (denial,) = stranger.claim(job, token)["denials"]
    assert "boot" in denial["why"]
    hq.later(6)
    assert "offer" in agent.claim(job, token)["denials"][0]["why"]
    hq.ask("cancel", jobs=[job])
    assert "cancelled" in agent.claim(job, token)["denials"][0]["why"]
    assert hq.events(JobClaimed) == []


@proves("P43")
def test_a_grant_comes_after_the_commit_and_names_what_was_claimed(hq: WireHq, agent: WireAgent) -> None:
    (job,) = hq.submit(params={"x": 1})
    agent.beat()
    token = agent.offer()["token"]
    hq.holds_commits = True
    agent.say("claim", claims=[{"job": job, "token": token, "nonce": NONCE}])
    assert agent.hear("grant") == []

    hq.commit()

    (message,) = agent.hear("grant")
    spec = job_spec(params={"x": 1})
    named = {"job": job, "token": token, "agent": "attic", "boot": 1, "nonce": NONCE, "lease_seconds": 30.0}
    assert message["grants"] == [named | {"spec": spec}]
    assert message["epoch"] == 7


@proves("P44")
def test_the_same_claim_again_gets_the_same_grant_again(hq: WireHq, agent: WireAgent) -> None:
    (job,) = hq.submit()
    agent.beat()
    token = agent.offer()["token"]

    assert agent.claim(job, token) == agent.claim(job, token)
    assert len(hq.events(JobClaimed)) == 1


@proves("P46")
@pytest.mark.parametrize(("interrupted", "event"), [(False, AttemptReturned), (True, AttemptInterrupted)])
def test_a_grant_that_is_handed_back_queues_the_job_again(
    hq: WireHq, agent: WireAgent, interrupted: bool, event: type
) -> None:
    job, token = agent.begin()

    agent.say("decline", declines=[{"job": job, "token": token, "why": "w", "interrupted": interrupted}])

    assert len(hq.events(event)) == 1
    assert hq.authority.state.jobs[job].status == "queued"
    assert hq.authority.state.jobs[job].interruptions == int(interrupted)


@proves("P46")
def test_declining_an_offer_changes_nothing_durable(hq: WireHq, agent: WireAgent) -> None:
    hq.submit()
    agent.beat()
    offered = agent.offer()
    before = len(hq.log)

    agent.say("decline", declines=[{**offered, "why": "busy"}])

    assert len(hq.log) == before


# --- results -------------------------------------------------------------------------------


@proves("P52", "P15")
def test_a_result_is_acknowledged_after_the_commit(hq: WireHq, agent: WireAgent) -> None:
    job, token = agent.begin()
    hq.take(f"job/{job}/event")
    hq.holds_commits = True

    assert agent.result(job, token) is None
    assert hq.take(f"job/{job}/event") == []
    hq.commit()

    assert agent.hear("ack")[-1]["results"] == [{"job": job, "token": token, "verdict": "accepted"}]
    assert [notice["status"] for notice in hq.take(f"job/{job}/event")] == ["succeeded"]


@proves("P50")
def test_nothing_of_an_end_that_is_in_flight_shows(hq: WireHq, agent: WireAgent) -> None:
    job, token = agent.begin()
    hq.holds_commits = True
    hq.put("client/olga/up/request", _cancel(job))

    agent.hear("ack")
    answer = agent.beat((job, token, "running"))

    assert answer["seq"] == agent.seq
    assert "orders" not in answer
    assert hq.take(f"job/{job}/event")[-1]["status"] == "running"
    hq.commit()
    assert [ack["orders"][0]["command"] for ack in agent.hear("ack")] == ["stop"]


@proves("P53", "P54", "P55")
def test_the_verdicts(hq: WireHq, agent: WireAgent) -> None:
    def verdict(by: WireAgent, key: tuple[str, int], outcome: str = "succeeded") -> Any:
        return (by.result(*key, outcome=outcome) or {}).get("verdict")

    job, token = agent.begin(retry_on_failure=1)
    assert verdict(agent, (job, token), "failed") == "requeued"
    assert verdict(agent, (job, token), "failed") == "requeued"
    hq.later(2.5)
    agent.beat()
    second = agent.offer()["token"]
    agent.claim(job, second)
    assert verdict(WireAgent(hq, "cellar", letter="d"), (job, second)) == "refused"
    assert verdict(agent, (job, second + 1)) == "refused"
    assert verdict(agent, (job, second), "failed") == "accepted"
    assert verdict(agent, (job, second), "failed") == "accepted"
    assert verdict(agent, (job, second + 1)) == "superseded"
    assert len(hq.events(JobFailed)) == 1
    assert hq.events(JobSucceeded) == []


@proves("P54")
def test_a_late_success_wins_and_a_late_failure_does_not_count(hq: WireHq, agent: WireAgent) -> None:
    job, first = agent.begin()
    agent.beat((job, first, "running"))
    hq.later(36)
    other = WireAgent(hq, "cellar", letter="d")
    other.beat()
    hq.later(2)
    second = other.offer()["token"]
    other.claim(job, second)

    late_failure = {**_result(job, first), "outcome": "failed"}
    assert agent.result(**late_failure) == {"job": job, "token": first, "verdict": "superseded"}
    assert hq.authority.state.jobs[job].status == "running"

    third_job, third = agent.begin()
    agent.beat((third_job, third, "running"))
    hq.later(36)
    other.beat((job, second, "running"))
    assert agent.result(third_job, third) == {"job": third_job, "token": third, "verdict": "accepted"}
    assert len(hq.events(JobSucceeded)) == 1
    assert len(hq.events(ResultSuperseded)) == 1


def _result(job: str, token: int) -> dict[str, Any]:
    return {"job": job, "token": token}


def _cancel(job: str) -> bytes:
    from tests.contract.protocol_house import envelope

    return envelope("client/olga/up/request", {"kind": "cancel", "jobs": [job]})


# --- what an agent owes ------------------------------------------------------------------------


def core(**more: Any) -> AgentCore:
    """Return a fresh agent that has heard HQ's answer to its first heartbeat."""
    defaults: dict[str, Any] = {
        "name": "attic",
        "judge": lambda _grant: "",
        "boot": 2,
        "instance": "b" * 32,
        "slots": 1,
        "facts": MachineFacts(),
        "spooled": [],
        "make_nonce": lambda: NONCE,
    }
    made = AgentCore(**{**defaults, **more}, now=0.0, draw=lambda: 0.0)
    made.tick(0.0)
    made.hear(inbound("agent/attic/down/ack", {"epoch": 7, "boot": 2, "seq": 0}), 0.0)
    made.take_effects()
    return made


def offer(agent: AgentCore, now: float, token: int = 1, epoch: int = 7) -> None:
    data = {"epoch": epoch, "offers": [{"job": "j" + "a" * 12, "token": token}]}
    agent.hear(inbound("agent/attic/down/offer", data), now)


def grant(agent: AgentCore, now: float, token: int = 1, nonce: str = NONCE, **more: Any) -> None:
    named = {
        "job": "j" + "a" * 12,
        "token": token,
        "agent": "attic",
        "boot": 2,
        "nonce": nonce,
        "lease_seconds": 30.0,
    }
    whole = {**named, "spec": job_spec(**more)}
    agent.hear(inbound("agent/attic/down/grant", {"epoch": 7, "grants": [whole]}), now)


def sent(agent: AgentCore, topic: topics.Topic) -> list[Any]:
    return [e.data for e in agent.take_effects() if isinstance(e, Send) and e.topic is topic]


@proves("P40")
def test_heartbeats_come_every_nine_to_ten_seconds_and_sooner_after_a_change() -> None:
    agent = core()
    agent.tick(0.95)  # asked soon while HQ did not know this boot
    agent.take_effects()
    agent.tick(9.9)
    assert sent(agent, topics.HEARTBEAT) == []
    agent.tick(10.0)
    assert len(sent(agent, topics.HEARTBEAT)) == 1
    agent.set_guest(GuestState(False, "the owner is back"), 11.0)
    agent.tick(11.0)
    agent.set_guest(GuestState(), 11.2)
    agent.tick(11.4)
    assert len(sent(agent, topics.HEARTBEAT)) == 1
    agent.tick(11.5)
    assert len(sent(agent, topics.HEARTBEAT)) == 1


@proves("P40")
def test_a_new_epoch_makes_a_heartbeat_due_at_once() -> None:
    agent = core()
    agent.tick(0.95)
    agent.take_effects()

    agent.hear(inbound("hq/state", {"online": True, "epoch": 8, "version": "1"}), 2.0)
    agent.tick(2.0)

    (beat,) = sent(agent, topics.HEARTBEAT)
    assert beat.facts == MachineFacts()


@proves("P44")
def test_an_agent_begins_a_grant_once() -> None:
    agent = core()
    offer(agent, 1.0)
    grant(agent, 1.1)
    grant(agent, 1.2)
    assert len([e for e in agent.take_effects() if isinstance(e, Start)]) == 1
    result = AttemptResult("j" + "a" * 12, 1, Outcome.SUCCEEDED)
    agent.run_ended(result, 2.0)
    agent.spooled([result], 2.0)
    acked = {"epoch": 7, "boot": 2, "results": [{"job": "j" + "a" * 12, "token": 1, "verdict": "accepted"}]}
    agent.hear(inbound("agent/attic/down/ack", acked), 2.1)
    agent.take_effects()

    grant(agent, 3.0)

    assert [e for e in agent.take_effects() if isinstance(e, Start)] == []


@proves("P45")
@pytest.mark.parametrize(("after", "starts"), [(10.0, 1), (10.1, 0)])
def test_a_claim_is_dropped_after_ten_seconds_and_its_late_grant_handed_back(
    after: float, starts: int
) -> None:
    agent = core()
    offer(agent, 1.0)
    agent.tick(1.0 + after)
    agent.take_effects()

    grant(agent, 1.0 + after)

    effects = agent.take_effects()
    handed_back = [e for e in effects if isinstance(e, Send) and e.topic is topics.DECLINE]
    assert len([e for e in effects if isinstance(e, Start)]) == starts
    assert len(handed_back) == 1 - starts


@proves("P47", "P48")
@pytest.mark.parametrize(("answered", "end"), [(False, 31.0), (True, 39.9)])
def test_an_exclusive_script_is_killed_30_seconds_after_the_last_answered_sending(
    answered: bool, end: float
) -> None:
    agent = core()
    offer(agent, 1.0)
    agent.tick(5.0)
    grant(agent, 5.0, exclusive=True)
    agent.tick(9.9)
    (beat,) = sent(agent, topics.HEARTBEAT)[-1:]
    if answered:
        keep = {"job": "j" + "a" * 12, "token": 1, "command": "keep"}
        agent.hear(
            inbound("agent/attic/down/ack", {"epoch": 7, "boot": 2, "seq": beat.seq, "orders": [keep]}), 25.0
        )
    agent.tick(end - 0.1)
    assert [e for e in agent.take_effects() if isinstance(e, Stop)] == []

    agent.tick(end)

    (stop,) = [e for e in agent.take_effects() if isinstance(e, Stop)]
    assert stop.at_once


@proves("P52")
def test_a_result_is_spooled_before_it_is_sent_and_sent_until_it_is_acknowledged() -> None:
    agent = core()
    offer(agent, 1.0)
    grant(agent, 1.1)
    agent.take_effects()
    result = AttemptResult("j" + "a" * 12, 1, Outcome.SUCCEEDED)
    agent.run_ended(result, 2.0)
    assert [type(e) for e in agent.take_effects()] == [Spool]
    agent.tick(2.0)
    assert sent(agent, topics.RESULT) == []
    agent.spooled([result], 2.0)

    times = []
    for tenth in range(20, 1000):
        agent.tick(tenth / 10)
        if sent(agent, topics.RESULT):
            times.append(tenth / 10)
    assert [round(b - a, 1) for a, b in pairwise(times)] == [1, 2, 4, 8, 16, 30, 30]

    acked = {"epoch": 7, "boot": 2, "results": [{"job": "j" + "a" * 12, "token": 1, "verdict": "superseded"}]}
    agent.hear(inbound("agent/attic/down/ack", acked), 100.0)

    assert Unspool("j" + "a" * 12, 1) in agent.take_effects()
    agent.tick(200.0)
    assert sent(agent, topics.RESULT) == []


@proves("P56")
def test_an_agent_ignores_an_hq_that_was_replaced() -> None:
    agent = core()
    agent.hear(inbound("hq/state", {"online": True, "epoch": 8, "version": "1"}), 1.0)

    offer(agent, 1.1, epoch=7)
    assert sent(agent, topics.CLAIM) == []
    offer(agent, 1.2, epoch=8)
    assert len(sent(agent, topics.CLAIM)) == 1


# --- claiming ahead ---------------------------------------------------------------------------

AHEAD = {"epoch": 7, "nonce": "5" * 24, "count": 100}


@pytest.fixture
def eager() -> WireHq:
    """HQ for which every job is short."""
    return WireHq(ahead_seconds=math.inf)


@proves("P72")
def test_only_jobs_that_are_short_by_experience_and_not_exclusive_are_granted_without_an_offer(
    hq: WireHq, agent: WireAgent
) -> None:
    def granted_ahead(**spec: Any) -> bool:
        agent.beat(standing=AHEAD | {"nonce": f"{agent.seq + 1:024x}"})
        (job,) = hq.submit(**spec)
        ahead = agent.hear("grant")
        offered = [one["token"] for message in agent.hear("offer") for one in message["offers"]]
        token = ahead[0]["grants"][0]["token"] if ahead else offered[0]
        if offered:
            agent.claim(job, token)
        agent.result(job, token, duration_seconds=0.01 if "script" not in spec else 0.1)
        return bool(ahead)

    longer = {"bundle": "1" * 64, "entry": "script.py"}
    assert [granted_ahead() for _ in range(2)] == [False, True]
    assert granted_ahead(exclusive=True) is False
    assert [granted_ahead(script=longer) for _ in range(2)] == [False, False]


@proves("P72")
def test_what_is_claimed_ahead_is_granted_by_the_append_that_stores_the_job(eager: WireHq) -> None:
    hq, agent = eager, WireAgent(eager)
    agent.beat(standing=AHEAD)
    before = len(hq.log)
    hq.holds_commits = True
    hq.put("client/olga/up/request", _submit())

    assert [type(e) for d in hq.in_flight for e in d.events if hasattr(e, "token")] == [JobClaimed]
    assert agent.hear("grant") == []
    hq.commit()

    (message,) = agent.hear("grant")
    (granted,) = message["grants"]
    assert (granted["nonce"], granted["agent"], granted["boot"]) == ("5" * 24 + "00000000", "attic", 1)
    assert agent.hear("offer") == []
    assert len(hq.log) == before + 2


@proves("P72")
def test_what_is_claimed_ahead_is_granted_by_the_append_that_ends_the_job_before(eager: WireHq) -> None:
    hq, agent = eager, WireAgent(eager)
    agent.beat(standing=AHEAD)
    first, second = hq.submit(2)
    (message,) = agent.hear("grant")
    assert [grant["job"] for grant in message["grants"]] == [first]
    hq.holds_commits = True

    agent.result(first, message["grants"][0]["token"], duration_seconds=60.0)
    ended = [type(e) for d in hq.in_flight for e in d.events]
    hq.commit()

    assert ended == [JobSucceeded, JobClaimed]
    (granted,) = agent.hear("grant")[0]["grants"]
    assert (granted["job"], granted["nonce"]) == (second, "5" * 24 + "00000001")


@proves("P72")
def test_an_agent_claims_ahead_from_the_hq_that_it_has_heard() -> None:
    agent = core()
    agent.tick(0.95)

    (beat,) = sent(agent, topics.HEARTBEAT)

    assert beat.standing.epoch == 7
    assert len(beat.standing.nonce) == 24


@proves("P73")
@pytest.mark.parametrize(
    ("spoils_it", "grants"),
    [
        (lambda hq, agent: hq.later(12), 1),
        (lambda hq, agent: hq.later(12.5), 0),
        (lambda hq, agent: agent.beat(), 0),
        (lambda hq, agent: agent.beat(standing={**AHEAD, "epoch": 6}), 0),
        (lambda hq, agent: agent.beat(standing={**AHEAD, "count": 0}), 0),
        (lambda hq, agent: _say_goodbye(hq), 0),
    ],
)
def test_when_hq_asks_again_instead(eager: WireHq, spoils_it: Any, grants: int) -> None:
    hq, agent = eager, WireAgent(eager)
    agent.beat(standing=AHEAD)
    spoils_it(hq, agent)

    hq.submit()
    hq.later(1.5)

    assert len(agent.hear("grant")) == grants
    assert len(agent.hear("offer")) == 1 - grants


@proves("P73")
@pytest.mark.parametrize(("late", "starts"), [(20.0, 1), (20.1, 0)])
def test_a_grant_on_a_standing_claim_is_taken_for_20_seconds_and_once(late: float, starts: int) -> None:
    numbers = count(1)
    agent = core(make_nonce=lambda: f"{next(numbers):032x}")
    agent.tick(0.95)
    (beat,) = sent(agent, topics.HEARTBEAT)
    nonce = beat.standing.nonce + "00000003"

    grant(agent, 0.95 + late, nonce=nonce)
    grant(agent, 0.95 + late, nonce=nonce, token=2)

    effects = agent.take_effects()
    assert len([e for e in effects if isinstance(e, Start)]) == starts
    handed_back = [
        d for e in effects if isinstance(e, Send) and e.topic is topics.DECLINE for d in e.data.declines
    ]
    assert len(handed_back) == 2 - starts


@proves("P73", "P47")
def test_the_lease_of_what_was_claimed_ahead_counts_from_the_heartbeat() -> None:
    agent = core()
    agent.tick(0.95)
    (beat,) = sent(agent, topics.HEARTBEAT)
    grant(agent, 8.0, nonce=beat.standing.nonce + "00000000", exclusive=True)
    agent.tick(30.9)
    assert [e for e in agent.take_effects() if isinstance(e, Stop)] == []

    agent.tick(31.0)

    assert len([e for e in agent.take_effects() if isinstance(e, Stop)]) == 1


@proves("P74")
def test_what_waits_goes_before_what_is_submitted_now(eager: WireHq) -> None:
    hq, agent = eager, WireAgent(eager)
    waiting = hq.submit(2)
    agent.beat(standing=AHEAD)
    (new,) = hq.submit()
    (urgent,) = hq.submit(priority=1)
    order = []
    while messages := agent.hear("grant"):
        for granted in messages[0]["grants"]:
            order.append(granted["job"])
            agent.result(granted["job"], granted["token"], duration_seconds=60.0)

    assert order == [waiting[0], urgent, waiting[1], new]


@proves("P74")
def test_a_machine_that_must_be_asked_keeps_its_turn(eager: WireHq) -> None:
    hq, agent = eager, WireAgent(eager)
    agent.slots = 2
    agent.beat(standing=AHEAD)
    hq.submit()
    other = WireAgent(hq, "cellar", letter="d")
    other.beat()
    agent.hear("grant")

    (job,) = hq.submit()

    assert other.offer()["job"] == job
    assert agent.hear("grant") == []


@proves("P75")
def test_what_is_not_wanted_any_more_is_handed_back_uncounted(eager: WireHq) -> None:
    hq, agent = eager, WireAgent(eager)
    machine = core()
    machine.tick(0.95)
    (beat,) = sent(machine, topics.HEARTBEAT)
    machine.set_guest(GuestState(False, "the owner is back"), 1.0)
    machine.take_effects()
    grant(machine, 1.1, nonce=beat.standing.nonce + "00000000")
    (message,) = sent(machine, topics.DECLINE)
    assert [decline.why for decline in message.declines] == ["the owner is back"]
    agent.beat(standing=AHEAD)
    (job,) = hq.submit()
    token = agent.hear("grant")[0]["grants"][0]["token"]

    agent.say("decline", declines=[{"job": job, "token": token, "why": "the owner is back"}])

    assert len(hq.events(AttemptReturned)) == 1
    assert hq.authority.state.jobs[job].interruptions == 0


@proves("P75", "P37")
@pytest.mark.parametrize(("phase", "event"), [("running", AttemptLost), (None, AttemptInterrupted)])
def test_what_was_claimed_ahead_and_never_reported_costs_no_start(
    eager: WireHq, phase: str | None, event: type
) -> None:
    hq, agent = eager, WireAgent(eager)
    agent.beat(standing=AHEAD)
    (job,) = hq.submit()
    token = agent.hear("grant")[0]["grants"][0]["token"]
    if phase:
        agent.beat((job, token, phase))

    WireAgent(hq, boot=2, letter="d").beat()

    assert [e.token for e in hq.events(event)] == [token]  # type: ignore[union-attr]


@proves("P75")
def test_an_agent_says_that_a_script_begins_before_it_begins() -> None:
    agent = core()
    agent.tick(0.95)
    (beat,) = sent(agent, topics.HEARTBEAT)

    grant(agent, 2.0, nonce=beat.standing.nonce + "00000000")

    said, begun = agent.take_effects()
    assert isinstance(said, Send)
    assert [report.phase for report in said.data.attempts] == ["running"]
    assert isinstance(begun, Start)


def _submit() -> bytes:
    from tests.contract.protocol_house import envelope

    return envelope("client/olga/up/request", {"kind": "submit", "jobs": [job_spec()]})


def _say_goodbye(hq: WireHq) -> None:
    from tests.contract.protocol_house import envelope

    hq.put("agent/attic/presence", envelope("agent/attic/presence", {"online": False, "boot": 1}))


# --- scripts that a machine runs for nobody -------------------------------------------------


@proves("P66")
def test_a_script_that_a_machine_will_not_run_goes_to_another_and_not_there_again(hq: WireHq) -> None:
    attic, cellar = WireAgent(hq), WireAgent(hq, "cellar")
    job, token = attic.begin()
    why = "its owner does not trust the author"
    attic.say("decline", declines=[{"job": job, "token": token, "why": why, "unwilling": True}])

    hq.later(15)
    assert attic.hear("offer") == []
    assert f"attic: {why}" in hq.ask("explain", job=job)["result"]["why"]
    cellar.beat()

    assert cellar.offer()["job"] == job
    assert len(hq.events(AttemptReturned)) == 1


@proves("P66")
def test_a_machine_that_declined_a_script_is_offered_others_at_once(hq: WireHq, agent: WireAgent) -> None:
    job, token = agent.begin()
    agent.say("decline", declines=[{"job": job, "token": token, "why": "denied", "unwilling": True}])
    script = {"bundle": "1" * 64, "entry": "script.py"}

    (other,) = hq.submit(script=script)

    assert agent.offer()["job"] == other


@proves("P66")
def test_with_its_facts_a_machine_takes_back_what_it_declined(hq: WireHq, agent: WireAgent) -> None:
    job, token = agent.begin()
    agent.say("decline", declines=[{"job": job, "token": token, "why": "denied", "unwilling": True}])
    hq.later(5)
    assert agent.hear("offer") == []

    agent.beat()  # its heartbeats carry facts
    hq.later(5)

    assert agent.offer()["job"] == job


@proves("P66")
def test_only_who_holds_a_job_can_be_unwilling_to_run_it(hq: WireHq, agent: WireAgent) -> None:
    job, _ = agent.begin()
    cellar = WireAgent(hq, "cellar")
    cellar.beat()
    cellar.say("decline", declines=[{"job": job, "token": 1, "why": "denied", "unwilling": True}])

    assert hq.ask("explain", job=job)["result"]["why"] == "it is running on attic"
    (other,) = hq.submit()
    hq.later(3)  # left alone after any decline
    assert cellar.offer()["job"] == other


@proves("P71")
def test_the_checkpoint_that_an_agent_names_comes_with_the_next_grant(hq: WireHq, agent: WireAgent) -> None:
    job, token = agent.begin()
    stored = {"token": token, "sha256": "a" * 64, "bytes": 10_240}
    agent.beat((job, token, "running"))
    report = {"job": job, "token": token, "phase": "running", "checkpoint": stored}
    agent.seq += 1
    agent.say(
        "heartbeat", instance=agent.instance, seq=agent.seq, slots=2, free=1, attempts=[report], facts={}
    )
    agent.say("decline", declines=[{"job": job, "token": token, "why": "the owner", "interrupted": True}])
    hq.later(3)
    agent.beat()

    offer = agent.offer()
    (grant,) = agent.claim(offer["job"], offer["token"])["grants"]

    assert grant["checkpoint"] == stored
    assert [type(event).__name__ for event in hq.events()].count("CheckpointStored") == 1
