"""Random signals to a real house while jobs are submitted; a program of its own judges what is left.

`IDLEHANDS_CHAOS_SECONDS` says how long the long form runs, `IDLEHANDS_CHAOS_SEED` which faults it injects.
"""

import os
import secrets
from pathlib import Path

import msgspec
import pytest

from tests.chaos.run import Report, run_chaos

pytestmark = pytest.mark.process


def assert_passed(report: Report, folder: Path) -> None:
    shown = msgspec.json.format(msgspec.json.encode(report)).decode()
    assert report.troubles == [], f"{shown}\nkept in {folder}"
    # What was never strained holds for nothing.
    assert report.counted["JobSucceeded"] > report.seconds / 10, shown
    assert report.planned > report.seconds / 6, shown


def test_no_promise_is_broken_by_25_seconds_of_random_kills(tmp_path: Path) -> None:
    report = run_chaos(tmp_path, seconds=25, seed=1)

    assert_passed(report, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("longest_stop", [8.0, 60.0])
def test_no_promise_is_broken_by_random_kills_for_long(tmp_path: Path, longest_stop: float) -> None:
    seconds = float(os.environ.get("IDLEHANDS_CHAOS_SECONDS", "600"))
    seed = int(os.environ.get("IDLEHANDS_CHAOS_SEED", secrets.randbelow(2**31)))

    report = run_chaos(tmp_path, seconds=seconds, seed=seed, longest_stop=longest_stop, settle_seconds=900)

    assert_passed(report, tmp_path)
