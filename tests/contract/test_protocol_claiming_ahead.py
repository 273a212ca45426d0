"""docs/protocol.md, claiming ahead: what HQ grants without an offer, and what an agent does with it."""

import math
from itertools import count
from typing import Any

import pytest

from agents.core.effects import Send, Start, Stop
from bus import topics
from schemas.events import AttemptInterrupted, AttemptLost, AttemptReturned, JobClaimed, JobSucceeded
from schemas.facts import GuestState
from tests.contract.protocol_agent import fresh_core, hear_grant, take_sent
from tests.contract.protocol_house import WireAgent, WireHq, envelope, job_spec, proves

#: A standing claim, as a heartbeat has it.
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
    agent = fresh_core()
    agent.tick(0.95)

    (beat,) = take_sent(agent, topics.HEARTBEAT)

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
    agent = fresh_core(make_nonce=lambda: f"{next(numbers):032x}")
    agent.tick(0.95)
    (beat,) = take_sent(agent, topics.HEARTBEAT)
    nonce = beat.standing.nonce + "00000003"

    hear_grant(agent, 0.95 + late, nonce=nonce)
    hear_grant(agent, 0.95 + late, nonce=nonce, token=2)

    effects = agent.take_effects()
    assert len([e for e in effects if isinstance(e, Start)]) == starts
    handed_back = [
        d for e in effects if isinstance(e, Send) and e.topic is topics.DECLINE for d in e.data.declines
    ]
    assert len(handed_back) == 2 - starts


@proves("P73", "P47")
def test_the_lease_of_what_was_claimed_ahead_counts_from_the_heartbeat() -> None:
    agent = fresh_core()
    agent.tick(0.95)
    (beat,) = take_sent(agent, topics.HEARTBEAT)
    hear_grant(agent, 8.0, nonce=beat.standing.nonce + "00000000", exclusive=True)
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
    machine = fresh_core()
    machine.tick(0.95)
    (beat,) = take_sent(machine, topics.HEARTBEAT)
    machine.set_guest(GuestState(False, "the owner is back"), 1.0)
    machine.take_effects()
    hear_grant(machine, 1.1, nonce=beat.standing.nonce + "00000000")
    (message,) = take_sent(machine, topics.DECLINE)
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
    agent = fresh_core()
    agent.tick(0.95)
    (beat,) = take_sent(agent, topics.HEARTBEAT)

    hear_grant(agent, 2.0, nonce=beat.standing.nonce + "00000000")

    said, begun = agent.take_effects()
    assert isinstance(said, Send)
    assert [report.phase for report in said.data.attempts] == ["running"]
    assert isinstance(begun, Start)


def _submit() -> bytes:
    return envelope("client/olga/up/request", {"kind": "submit", "jobs": [job_spec()]})


def _say_goodbye(hq: WireHq) -> None:
    hq.put("agent/attic/presence", envelope("agent/attic/presence", {"online": False, "boot": 1}))
