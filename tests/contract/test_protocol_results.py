"""docs/protocol.md, results: when HQ acknowledges one, and with which verdict."""

from typing import Any

from schemas.events import JobFailed, JobSucceeded, ResultSuperseded
from tests.contract.protocol_house import WireAgent, WireHq, envelope, proves


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

    late_failure = agent.result(job, first, outcome="failed")
    assert late_failure == {"job": job, "token": first, "verdict": "superseded"}
    assert hq.authority.state.jobs[job].status == "running"

    third_job, third = agent.begin()
    agent.beat((third_job, third, "running"))
    hq.later(36)
    other.beat((job, second, "running"))
    assert agent.result(third_job, third) == {"job": third_job, "token": third, "verdict": "accepted"}
    assert len(hq.events(JobSucceeded)) == 1
    assert len(hq.events(ResultSuperseded)) == 1


def _cancel(job: str) -> bytes:
    return envelope("client/olga/up/request", {"kind": "cancel", "jobs": [job]})
