"""docs/protocol.md, heartbeats and leases: what HQ answers, and when it gives an attempt up."""

import pytest

from schemas.events import AttemptInterrupted, AttemptResumed, AttemptReturned
from tests.contract.protocol_house import WireAgent, WireHq, proves


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


@proves("P81")
@pytest.mark.parametrize(
    ("listed", "epoch", "returned"),
    [
        pytest.param(False, 8, True, id="the grant was lost"),
        pytest.param(True, 8, False, id="the agent has it"),
        pytest.param(False, 7, False, id="the agent may still take the grant"),
        pytest.param(False, None, False, id="the agent does not say whom it follows"),
    ],
)
def test_what_an_hq_that_died_granted_and_nobody_got_is_queued_at_once(
    hq: WireHq, agent: WireAgent, listed: bool, epoch: int | None, returned: bool
) -> None:
    job, token = agent.begin()
    new = agent.hq = WireHq(hq.log, epoch=8)
    claim = None if epoch is None else {"epoch": epoch, "nonce": "5" * 24, "count": 100}

    agent.beat(*([(job, token, "running")] if listed else []), standing=claim)

    assert [event.token for event in new.events(AttemptReturned)] == ([token] if returned else [])
    if returned:
        (message,) = agent.hear("offer")
        assert [offer["job"] for offer in message["offers"]] == [job]


@proves("P81")
def test_a_grant_of_this_hq_may_still_be_on_its_way(hq: WireHq, agent: WireAgent) -> None:
    agent.begin()

    agent.beat(standing={"epoch": 7, "nonce": "5" * 24, "count": 100})

    assert hq.events(AttemptReturned) == []
