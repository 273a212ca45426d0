"""docs/protocol.md, scripts that a machine runs for nobody: who is asked instead, and until when."""

from schemas.events import AttemptReturned
from tests.contract.protocol_house import WireAgent, WireHq, proves


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
