"""Heartbeats: when they are sent, what they tell, and how often facts are told."""

import pytest

from agents.core.timing import CHANGE_SECONDS, HEARTBEAT_SECONDS, SPREAD_AGENTS, SPREAD_SECONDS
from schemas.facts import GuestState
from schemas.states import Phase
from tests.unit.agents.core.small_agent import BOOT, EPOCH, FACTS, SmallAgent, key


@pytest.fixture
def agent() -> SmallAgent:
    return SmallAgent()


def known(agent: SmallAgent) -> SmallAgent:
    """Let HQ answer the first heartbeat."""
    agent.step()
    agent.ack(seq=agent.heartbeats()[-1].seq)
    agent.wait(1)
    return agent


def test_the_first_heartbeat_comes_at_once_and_tells_everything(agent: SmallAgent) -> None:
    agent.step()

    (first,) = agent.heartbeats()
    assert (first.boot, first.seq, first.slots, first.free, first.facts) == (BOOT, 0, 1, 1, FACTS)


def test_until_hq_answers_it_is_asked_again_every_second_with_the_facts(agent: SmallAgent) -> None:
    agent.wait(10)

    assert len(agent.heartbeats()) >= 10
    assert all(beat.facts == FACTS for beat in agent.heartbeats())
    assert [beat.seq for beat in agent.heartbeats()] == list(range(len(agent.heartbeats())))


@pytest.mark.parametrize("draw", [0.0, 0.5, 0.999])
def test_later_they_come_every_nine_to_ten_seconds_without_facts(draw: float) -> None:
    agent = known(SmallAgent(draw=draw))
    agent.forget()

    agent.wait(100)

    assert 9 <= len(agent.heartbeats()) <= 12
    assert all(beat.facts is None for beat in agent.heartbeats())
    every = HEARTBEAT_SECONDS * (0.9 + 0.1 * draw)
    assert len(agent.heartbeats()) in (int(100 // every), int(100 // every) + 1)


def test_an_answer_to_a_heartbeat_without_facts_proves_nothing_about_them(agent: SmallAgent) -> None:
    known(agent)
    without = agent.heartbeats()[-1].seq
    agent.wait(12)
    without = agent.heartbeats()[-1].seq
    agent.forget()

    # The next HQ heard that heartbeat, and knows nothing of the machine.
    agent.ack(seq=without, epoch=EPOCH + 1)
    agent.wait(15)

    assert agent.heartbeats()[0].facts == FACTS


@pytest.mark.parametrize("how", ["state", "offer", "ack"])
def test_a_new_leader_is_told_the_facts_again_until_it_answers(agent: SmallAgent, how: str) -> None:
    known(agent)
    agent.forget()

    match how:
        case "state":
            agent.lead(EPOCH + 1)
        case "offer":
            agent.offer(key(), epoch=EPOCH + 1)
        case "ack":
            agent.ack(epoch=EPOCH + 1)
    agent.wait(11)

    assert all(beat.facts == FACTS for beat in agent.heartbeats())
    agent.ack(seq=agent.heartbeats()[-1].seq, epoch=EPOCH + 1)
    agent.forget()
    agent.wait(12)
    assert [beat.facts for beat in agent.heartbeats()] == [None] * len(agent.heartbeats())


def test_a_refused_machine_goes_on_telling_its_facts(agent: SmallAgent) -> None:
    agent.step()

    agent.ack(seq=0, refused="two machines use the certificate")
    agent.wait(2)

    assert agent.core.refused == "two machines use the certificate"
    assert agent.heartbeats()[-1].facts == FACTS
    agent.ack(seq=agent.heartbeats()[-1].seq)
    assert agent.core.refused == ""


def test_a_change_is_told_soon_and_many_changes_share_a_heartbeat(agent: SmallAgent) -> None:
    known(agent)
    agent.wait(2)
    agent.forget()

    agent.run(key())
    agent.core.set_guest(GuestState(False, "the owner is back"), agent.now)
    agent.end(key())
    agent.wait(CHANGE_SECONDS)

    assert 1 <= len(agent.heartbeats()) <= 2
    last = agent.heartbeats()[-1]
    assert last.guest == GuestState(False, "the owner is back")
    assert [report.phase for report in last.attempts] == [Phase.SPOOLED]


def test_changes_in_a_row_are_not_told_more_often_than_twice_a_second() -> None:
    agent = known(SmallAgent(slots=100))
    agent.forget()

    for number in range(100):
        agent.run(key(number))
        agent.wait(0.02)

    assert len(agent.heartbeats()) <= 2 / CHANGE_SECONDS + 1


def test_slots_that_are_taken_are_not_free() -> None:
    agent = known(SmallAgent(slots=3))
    agent.run(key(1))
    agent.run(key(2))
    agent.wait(CHANGE_SECONDS)

    assert agent.heartbeats()[-1].free == 1
    assert {report.phase for report in agent.heartbeats()[-1].attempts} == {Phase.RUNNING}


@pytest.mark.parametrize(("agents", "latest"), [(0, 0.0), (1, 0.003), (500, 1.5), (1000, 3.0), (9999, 3.0)])
def test_many_agents_spread_their_first_words_to_a_new_leader(agents: int, latest: float) -> None:
    agent = known(SmallAgent(draw=1.0))
    agent.wait(5)
    agent.forget()

    agent.lead(EPOCH + 1, agents)
    agent.wait(latest + 0.001)

    assert len(agent.heartbeats()) == 1
    assert latest == SPREAD_SECONDS * min(1.0, agents / SPREAD_AGENTS)


def test_a_connection_is_greeted_at_once(agent: SmallAgent) -> None:
    known(agent)
    agent.wait(3)
    agent.forget()

    agent.core.connected(agent.now)
    agent.step()

    assert len(agent.heartbeats()) == 1


def test_where_rest_is_comes_from_hqs_state_and_is_not_forgotten(agent: SmallAgent) -> None:
    agent.lead(rest="https://hq:8443")
    agent.lead()

    assert agent.core.rest == "https://hq:8443"


def test_nothing_is_due_without_a_reason(agent: SmallAgent) -> None:
    known(agent)
    agent.wait(1)

    wakes = 0
    end = agent.now + 1000
    while agent.now < end:
        agent.now += max(agent.core.next_wake(agent.now), 0.001)
        agent.step()
        wakes += 1

    assert wakes <= 1000 / (0.9 * HEARTBEAT_SECONDS) + 2
