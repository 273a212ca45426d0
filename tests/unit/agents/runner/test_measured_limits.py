"""Limits that are measured while a script runs: over one is a named failure, and nothing is left of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.runner.isolation import Isolations, find_isolations
from schemas.facts import Outcome
from schemas.specs import Isolation, Limits
from tests.unit.agents.runner.attempts import Bench
from tests.unit.agents.runner.test_isolation import needs_strict

LEVELS = [pytest.param("basic"), pytest.param("strict", marks=needs_strict)]
#: Ends by itself long after any limit here, so that nothing hangs where one is not kept.
LAST = "\nimport time\ntime.sleep(60)"
OVER = {
    "memory_limit": ("held = b'x' * (200 << 20)" + LAST, Limits(memory_mb=120)),
    "cpu_limit": (
        "import subprocess, sys\nchild = 'import time\\nwhile time.process_time() < 60: pass'\n"
        "subprocess.run([sys.executable, '-c', child])",
        Limits(cpu_seconds=0.7),
    ),
    "process_limit": (
        "import subprocess, sys\nfor _ in range(6): subprocess.Popen(['sleep', '60'])" + LAST,
        Limits(processes=4),
    ),
    "disk_limit": (
        "import os\nos.makedirs('deep/er')\nwith open('deep/er/big', 'wb') as file:\n"
        "    for _ in range(40): file.write(os.urandom(1 << 20))" + LAST,
        Limits(disk_mb=20),
    ),
}


@pytest.fixture
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    level: Isolation = getattr(request, "param", "basic")
    isolations = find_isolations("strict") if level == "strict" else Isolations(("basic",))
    bench = Bench(tmp_path, upload_patience_seconds=0.3, isolations=isolations)
    yield bench
    bench.close()


@pytest.mark.parametrize("bench", LEVELS, indirect=True)
@pytest.mark.parametrize("passed", OVER)
def test_over_a_limit_is_a_named_failure_that_says_which(passed: str, bench: Bench) -> None:
    source, limits = OVER[passed]

    result = bench.run(source, limits=limits, seconds=100)

    assert result.failure is not None
    assert (result.failure.kind, result.exit_code) == (passed, 137)
    allowed = limits.memory_mb or limits.cpu_seconds or limits.processes or limits.disk_mb
    assert f"more than the {allowed:g} " in result.failure.message
    assert result.duration_seconds < 50


@pytest.mark.parametrize("bench", LEVELS, indirect=True)
def test_within_all_limits_nothing_happens(bench: Bench) -> None:
    source = (
        "import subprocess, time\nopen('small', 'wb').write(bytes(1 << 20))\n"
        "child = subprocess.Popen(['sleep', '60'])\ntime.sleep(1.3)\nchild.kill()\nprint('{\"a\": 1}')"
    )
    # The script and one child: what a sandbox needs for itself counts as nobody's.
    limits = Limits(memory_mb=400, cpu_seconds=20, processes=2, disk_mb=2)

    result = bench.run(source, limits=limits, seconds=100)

    assert (result.outcome, result.failure) == (Outcome.SUCCEEDED, None)


def test_what_was_there_before_is_not_what_the_script_wrote(bench: Bench) -> None:
    padding = "#" + "x" * (3 << 20) + "\n"

    result = bench.run(padding + "import time\ntime.sleep(0.8)", limits=Limits(disk_mb=1), seconds=100)

    assert result.failure is None
