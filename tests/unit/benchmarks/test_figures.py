"""Figures are what they say they are, and processes are read from where the kernel keeps them."""

import os
import subprocess
import sys

import pytest

from benchmarks.figures import Figure, format_table, percentile, read_machine
from benchmarks.processes import family_of, read_cpu_seconds, read_pss_mb, read_rss_mb


@pytest.mark.parametrize(("percent", "expected"), [(0, 1.0), (50, 2.0), (75, 3.0), (76, 4.0), (100, 4.0)])
def test_a_percentile_is_one_of_the_values(percent: float, expected: float) -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], percent) == expected


def test_a_percentile_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        percentile([], 50)


def test_the_table_shows_median_and_floor_of_each_figure() -> None:
    table = format_table(
        [Figure("speed", "jobs/s", (1000.0, 3000.0, 2000.0), ">= 500"), Figure("x", "s", (1.5,))]
    )

    head, first, second = table.splitlines()
    assert head.split()[:3] == ["figure", "median", "p95"]
    assert first.split() == ["speed", "2,000", "3,000", "1,000", "3,000", "jobs/s", "3", ">=", "500"]
    assert second.split()[1] == "1.5"


def test_a_process_has_memory_processor_time_and_itself_in_its_family() -> None:
    me = os.getpid()

    alone = read_cpu_seconds(me, family=False)

    assert me in family_of(me)
    assert read_pss_mb(me) > 1
    assert read_rss_mb(me) > 1
    assert read_cpu_seconds(me) >= alone > 0


def test_a_descendant_that_ended_and_was_not_reaped_counts_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.read()  # over when it closes its output; a zombie until it is waited for
        assert read_pss_mb(child.pid) < 50
        assert child.pid in family_of(os.getpid())
    with pytest.raises(ProcessLookupError, match="no process has the id"):
        family_of(child.pid)


def test_the_machine_is_described_with_how_fast_it_is_now() -> None:
    machine = read_machine()

    assert isinstance(machine["step_ns"], float)
    assert 1 < machine["step_ns"] < 100_000
    assert machine["cores"] == len(os.sched_getaffinity(0))
