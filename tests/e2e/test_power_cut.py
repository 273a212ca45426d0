"""Everything killed at once, as when the power fails: the house starts again and owes nobody anything."""

import os
import signal
from pathlib import Path

import pytest

from idlehands.house.components import AgentOptions
from idlehands.house.running import RunningHouse, start_house
from tests.e2e.workplace import Workplace, at_work, is_gone
from tests.fixtures.broker import eventually

pytestmark = pytest.mark.process
TWO_AGENTS = AgentOptions(count=2, slots=2)


def cut_power(house: RunningHouse, work: Workplace, jobs: list[str]) -> None:
    """Kill every process of the house, and every script, without a chance to tidy up."""
    parts = [part.pid for part in house.status().components if part.pid is not None]
    scripts = [entry.pid for entry in work.entries("begin", jobs) if not is_gone(entry.pid)]
    for pid in (house.process.pid, *parts, *scripts):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    house.process.wait()
    eventually(lambda: all(is_gone(pid) for pid in parts), 60)


def test_every_accepted_job_ends_after_the_power_is_back(tmp_path: Path) -> None:
    folder, ledger, go = tmp_path / "house", tmp_path / "ledger", tmp_path / "go"
    house = start_house(folder, TWO_AGENTS, wait_seconds=120)
    try:
        with at_work(house, ledger) as work:
            # Half of the slots hold jobs that run until they are killed; the last others never end either.
            long = work.submit(2, 0.0, tag="long", priority=1, until=go)
            work.wait_begun(long)
            short = [work.spec(f"short-{number}", until=go if number >= 50 else None) for number in range(60)]
            queued = list(work.client.submit(short, key="short").jobs)
            eventually(lambda: len(work.entries("end", queued)) >= 5, 60)
            cut_power(house, work, long + queued)
    finally:
        house.stop()
    ended_before = {entry.job for entry in work.entries("end", long + queued)}
    assert len(ended_before) < len(long + queued)
    go.touch()

    with start_house(folder, TWO_AGENTS, wait_seconds=120) as again, at_work(again, ledger) as back:
        assert set(back.wait_final(long + queued, 120).values()) == {"succeeded"}
        assert {entry.job for entry in back.entries("end", long + queued)} == set(long + queued)
        assert list(back.client.submit(short, key="short").jobs) == queued
        begun = [(entry.job, entry.token) for entry in back.entries("begin", long + queued)]
        assert len(begun) == len(set(begun))
        back.check_quiet()
