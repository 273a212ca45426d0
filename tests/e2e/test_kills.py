"""`kill -9` of anything while jobs run: each job ends exactly once, in the right state.

What happened is read from the ledger that the scripts themselves keep and from
the event log; the read models must be its fold after each test.
"""

import signal
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from idlehands.client.requesting import Changed
from tests.e2e.workplace import Workplace, is_gone
from tests.fixtures.broker import eventually

pytestmark = pytest.mark.process
#: None of these may happen to a job without a fault of its agent.
TROUBLE = {
    "AttemptInterrupted", "AttemptLost", "AttemptFailed", "ResultSuperseded", "JobFailed", "JobDied",
}  # fmt: skip


@pytest.fixture
def go(tmp_path: Path) -> Path:
    """A file for which jobs wait, so that they run as long as a test wants."""
    return tmp_path / "go"


@pytest.fixture(autouse=True)
def consistent(work: Workplace) -> Iterator[None]:
    """Begin with a house that is whole, and end with read models that are the fold of the log."""
    work.house.wait_ready(90)
    yield
    work.house.wait_ready(90)
    work.check_quiet()


def assert_ran_once_each(work: Workplace, jobs: list[str]) -> None:
    assert Counter(entry.job for entry in work.entries("begin", jobs)) == dict.fromkeys(jobs, 1)
    assert Counter(entry.job for entry in work.entries("end", jobs)) == dict.fromkeys(jobs, 1)


def test_running_jobs_survive_a_killed_hq_untouched(work: Workplace, go: Path) -> None:
    jobs = work.submit(4, 0.0, tag="hq", until=go)
    work.wait_begun(jobs)

    work.kill("hq")
    go.touch()

    assert set(work.wait_final(jobs).values()) == {"succeeded"}
    assert_ran_once_each(work, jobs)
    assert work.names_of_events(jobs) == {"JobSubmitted", "JobClaimed", "JobSucceeded"}


def test_running_jobs_survive_a_killed_broker_untouched(work: Workplace, go: Path) -> None:
    jobs = work.submit(4, 0.0, tag="broker", until=go)
    work.wait_begun(jobs)

    work.kill("broker")
    go.touch()

    assert set(work.wait_final(jobs).values()) == {"succeeded"}
    assert_ran_once_each(work, jobs)
    assert not work.names_of_events(jobs) & TROUBLE


def test_running_jobs_survive_a_killed_database_untouched(work: Workplace, go: Path) -> None:
    jobs = work.submit(4, 0.0, tag="mongod", until=go)
    work.wait_begun(jobs)

    work.kill("mongod")
    go.touch()

    assert set(work.wait_final(jobs).values()) == {"succeeded"}
    assert_ran_once_each(work, jobs)
    assert not work.names_of_events(jobs) & TROUBLE


def test_a_killed_agents_scripts_die_with_it_and_its_jobs_run_again(work: Workplace, go: Path) -> None:
    jobs = work.submit(4, 0.0, tag="agent", until=go)
    began = work.wait_begun(jobs)
    victim = began[0].agent
    lost = [entry for entry in began if entry.agent == victim]

    work.kill(f"agent-{victim}")

    eventually(lambda: all(is_gone(entry.pid) for entry in lost), 30)
    go.touch()
    assert set(work.wait_final(jobs).values()) == {"succeeded"}
    again = Counter(entry.job for entry in work.entries("begin", jobs))
    assert again == {job: 2 if job in {entry.job for entry in lost} else 1 for job in jobs}
    assert Counter(entry.job for entry in work.entries("end", jobs)) == dict.fromkeys(jobs, 1)
    assert not work.names_of_events(jobs) & (TROUBLE - {"AttemptLost"})


def test_a_stopped_agent_hands_its_jobs_back_and_no_start_is_used_up(work: Workplace, go: Path) -> None:
    jobs = work.submit(4, 0.0, tag="handed", max_starts=1, until=go)
    began = work.wait_begun(jobs)
    victim = began[0].agent

    work.send(f"agent-{victim}", signal.SIGTERM)
    eventually(lambda: "AttemptInterrupted" in work.names_of_events(jobs), 60)
    go.touch()

    assert set(work.wait_final(jobs).values()) == {"succeeded"}
    assert Counter(entry.job for entry in work.entries("end", jobs)) == dict.fromkeys(jobs, 1)
    assert work.names_of_events(jobs) & TROUBLE == {"AttemptInterrupted"}


def test_a_failing_script_fails_once_though_hq_is_killed_meanwhile(work: Workplace, go: Path) -> None:
    jobs = work.submit(2, 0.0, tag="failing", code=3, until=go)
    work.wait_begun(jobs)

    work.kill("hq")
    go.touch()

    assert set(work.wait_final(jobs).values()) == {"failed"}
    assert_ran_once_each(work, jobs)


def test_results_that_fall_into_hqs_absence_are_delivered_after_it(work: Workplace, go: Path) -> None:
    jobs = work.submit(4, 0.0, tag="absent", until=go)
    work.wait_begun(jobs)

    with work.frozen("hq"):
        go.touch()
        eventually(lambda: len(work.entries("end", jobs)) == len(jobs), 60)

    assert set(work.wait_final(jobs).values()) == {"succeeded"}
    assert_ran_once_each(work, jobs)
    assert not work.names_of_events(jobs) & TROUBLE


def test_a_frozen_database_delays_submits_and_loses_nothing(work: Workplace, go: Path) -> None:
    running = work.submit(2, 0.0, tag="thaw", until=go)
    work.wait_begun(running)
    answered: list[Changed] = []

    with work.frozen("mongod"):
        submitting = threading.Thread(
            target=lambda: answered.append(
                work.client.submit([work.spec("frozen", 0.1)], key="frozen", deadline_seconds=90)
            )
        )
        submitting.start()
        # HQ still answers, and says what is wrong.
        eventually(lambda: work.client.status()["database"] == "silent", 60)
        assert answered == []
        go.touch()

    submitting.join(90)
    jobs = [*running, *answered[0].jobs]
    assert set(work.wait_final(jobs).values()) == {"succeeded"}
    assert_ran_once_each(work, jobs)
    assert work.client.submit([work.spec("frozen", 0.1)], key="frozen").jobs == answered[0].jobs


def test_200_queued_jobs_outlive_hq(work: Workplace, go: Path) -> None:
    # The last ones wait for the file, four at a time: some are queued for certain when HQ is killed.
    jobs = work.submit(190, 0.0, tag="queued") + work.submit(10, 0.0, tag="waiting", until=go)
    eventually(lambda: len(work.entries("end", jobs)) >= 10, 60)

    work.kill("hq")

    assert len(work.entries("begin", jobs)) < len(jobs)
    go.touch()
    assert set(work.wait_final(jobs, 120).values()) == {"succeeded"}
    assert_ran_once_each(work, jobs)
