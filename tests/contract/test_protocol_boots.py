"""docs/protocol.md, an agent's starts: what HQ does about a new one, an old one and two at once."""

import pytest

from schemas.events import AgentBooted, AttemptInterrupted, AttemptLost
from tests.contract.protocol_house import WireAgent, WireHq, proves


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
