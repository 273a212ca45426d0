"""docs/protocol.md, from offer to grant: what HQ promises, denies and takes back."""

import pytest

from schemas.events import AttemptInterrupted, AttemptReturned, JobClaimed
from tests.contract.protocol_house import NONCE, WireAgent, WireHq, job_spec, proves


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
