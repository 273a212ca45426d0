"""Jobs that are over at once, and results in number: nothing waits for the disk that need not."""

import random

from agents.core.attempts import Attempts, Held
from agents.core.deliveries import Deliveries
from agents.core.effects import Send, Spool, Start
from agents.core.timing import GATHER_SECONDS
from bus import topics
from schemas.states import Phase
from tests.unit.agents.core.small_agent import SmallAgent, key, result


def test_the_next_attempt_begins_when_the_script_is_over_not_when_its_result_is_on_disk() -> None:
    agent = SmallAgent(slots=1)
    agent.run(key(1))
    agent.run(key(2))

    agent.core.run_ended(result(key(1)), agent.now)

    starts = [effect.grant.job for effect in agent.core.take_effects() if isinstance(effect, Start)]
    assert starts == [key(2)[0]]
    assert agent.core.attempts[key(1)].phase is Phase.RUNNING


def test_results_that_were_written_together_are_sent_together() -> None:
    agent = SmallAgent(slots=4)
    for number in range(1, 5):
        agent.run(key(number))

    agent.end(*(key(number) for number in range(1, 5)))

    sent = [
        effect.data for effect in agent.effects if isinstance(effect, Send) and effect.topic is topics.RESULT
    ]
    assert [len(message.results) for message in sent] == [4]


def _spooled(agent: SmallAgent) -> list[str]:
    return [effect.result.job for effect in agent.effects if isinstance(effect, Spool)]


def test_while_others_wait_a_result_waits_a_moment_for_more() -> None:
    agent = SmallAgent(slots=1)
    for number in range(1, 5):
        agent.run(key(number))

    agent.end(key(1))
    agent.wait(GATHER_SECONDS / 2)
    assert _spooled(agent) == []

    agent.end(key(2))
    agent.wait(GATHER_SECONDS / 2)
    assert _spooled(agent) == [key(1)[0], key(2)[0]]


def test_a_result_waits_for_nothing_when_no_other_job_does() -> None:
    agent = SmallAgent(slots=1)
    agent.run(key(1))
    agent.run(key(2))

    agent.end(key(1))
    assert _spooled(agent) == [key(1)[0]]


def test_results_that_wait_go_with_the_last_one() -> None:
    agent = SmallAgent(slots=1)
    for number in range(1, 4):
        agent.run(key(number))

    agent.end(key(1))
    assert _spooled(agent) == []
    agent.end(key(2))
    assert _spooled(agent) == [key(1)[0], key(2)[0]]


def test_the_result_of_an_exclusive_job_never_waits() -> None:
    agent = SmallAgent(slots=1)
    agent.run(key(1), exclusive=True)
    agent.run(key(2))
    agent.run(key(3))

    agent.end(key(1))
    assert _spooled(agent) == [key(1)[0]]


def test_at_a_shutdown_no_result_waits() -> None:
    agent = SmallAgent(slots=1)
    for number in range(1, 5):
        agent.run(key(number))
    agent.end(key(1))

    agent.core.shut_down(agent.now)
    assert agent.core.is_busy
    agent.wait(GATHER_SECONDS)
    assert _spooled(agent) == [key(1)[0]]


def test_attempts_are_where_their_phase_says_whatever_happened_to_them() -> None:
    rng = random.Random(3)
    attempts = Attempts()
    expected: dict[tuple[str, int], Phase] = {}
    for _ in range(2000):
        at = key(rng.randrange(1, 20))
        chance = rng.random()
        if chance < 0.4:
            phase = rng.choice(list(Phase))
            attempts[at] = Held(at, phase, 0.0, 30.0)
            expected[at] = phase
        elif chance < 0.7 and at in attempts:
            phase = rng.choice(list(Phase))
            attempts.move(attempts[at], phase)
            expected[at] = phase
        elif chance > 0.7:
            assert (attempts.discard(at) is None) == (expected.pop(at, None) is None)

        for phase in Phase:
            there = {attempt.key for attempt in attempts.of(phase)}
            assert there == {k for k, found in expected.items() if found is phase}
            assert attempts.count(phase) == len(there)
            first = attempts.first(phase)
            assert first is (attempts.of(phase)[0] if there else None)
    assert attempts.keys() == expected.keys()


def test_a_result_is_due_at_once_then_after_one_two_and_four_seconds() -> None:
    deliveries = Deliveries()
    deliveries.add(result(key(1)), 10.0)

    due = [second for second in range(30) if deliveries.take_due(float(second))]

    assert due == [10, 11, 13, 17, 25]


def test_nothing_is_due_of_what_was_settled() -> None:
    deliveries = Deliveries()
    deliveries.add(result(key(1)), 1.0)
    deliveries.add(result(key(2)), 2.0)

    assert deliveries.settle(key(1))
    assert not deliveries.settle(key(1))

    assert deliveries.take_due(1.0) == []
    assert deliveries.take_due(2.0) == [result(key(2))]


def test_everything_is_due_anew_when_hq_may_have_missed_it() -> None:
    deliveries = Deliveries()
    for number in range(1, 4):
        deliveries.add(result(key(number)), 0.0)
    assert len(deliveries.take_due(0.0)) == 3

    deliveries.hurry(0.5)

    assert deliveries.take_due(0.4) == []
    assert len(deliveries.take_due(0.5)) == 3
