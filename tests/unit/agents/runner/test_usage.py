"""What an attempt's processes use: measured of real ones, told as progress, never as a result."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from agents.runner.port import RunProgress
from agents.runner.usage import Cards, Usage
from schemas.facts import MetricPoint
from schemas.resources import CPU, GPU, GPU_MEMORY, MEMORY, QUIET
from tests.unit.agents.runner.attempts import Bench, eventually

needs_proc = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.close()


def system_points(bench: Bench, token: int) -> list[MetricPoint]:
    points = [point for one in bench.find(RunProgress, token) for point in one.progress.points]
    return [point for point in points if CPU in point.metrics]


BUSY = "import sys\nblock = bytes(40 << 20)\nprint('ready', flush=True)\nwhile True: pass\n"


@needs_proc
def test_cpu_and_memory_of_processes_are_measured() -> None:
    with subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        usage = Usage()
        cpu = eventually(lambda: ((found := usage.sample([process.pid], 2.0)) and found.metrics[CPU]) or None)
        process.kill()

    assert 0 < cpu <= 100 * (os.cpu_count() or 1)


@needs_proc
def test_memory_that_is_shared_counts_once() -> None:
    both = "import os, sys\nblock = bytearray(os.urandom(1 << 20) * 64)\npid = os.fork()\n"
    with subprocess.Popen(
        [sys.executable, "-c", both + "os.write(1, b'%d\\n' % pid)\nsys.stdin.read()\n"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        pids = [int(process.stdout.readline()), int(process.stdout.readline())]
        found = Usage().sample([process.pid, max(pids)], 2.0)

    assert found is not None
    memory = found.metrics[MEMORY]
    assert memory is not None
    assert 64 < memory < 120


def test_nothing_is_measured_in_the_first_second_and_less_and_less_later() -> None:
    usage = Usage()
    looks = [0.5, 1.5, 3.5, 7.5, *(7.5 + 10 * look for look in range(1, 8640))]
    taken = [moment for moment in looks if usage.sample([os.getpid()], moment)]

    assert taken[0] == 1.5
    assert 40 < sum(moment < 600 for moment in taken) < 65
    assert 200 < len(taken) < 400


@needs_proc
def test_what_prints_nothing_and_uses_nothing_is_quiet_after_a_while() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        usage = Usage()

        def quiet(seconds: float, printed: int, *, is_held: bool = False) -> float | None:
            found = usage.sample([process.pid], seconds, printed, is_held=is_held)
            assert found is not None
            return found.metrics.get(QUIET)

        # Its start may have taken some CPU.
        told = [quiet(10_000.0, 1), quiet(20_000.0, 1), quiet(30_000.0, 2), quiet(40_000.0, 2)]
        held = [quiet(50_000.0, 2, is_held=True), quiet(51_250.0, 2)]

    assert told == [None, 10_000.0, None, 10_000.0]
    assert held == [None, 1250.0]


def test_processes_that_are_gone_are_nothing() -> None:
    assert Usage().sample([2**22 + 1], 5.0) is None


def test_cards_tell_what_the_attempt_s_own_processes_use() -> None:
    def process(pid: int, used: int | None) -> SimpleNamespace:
        return SimpleNamespace(pid=pid, usedGpuMemory=used)

    held = {0: [process(1, 100 << 20), process(9, 1 << 30)], 1: [process(2, 50 << 20)], 2: [process(9, 1)]}
    nvml = SimpleNamespace(
        nvmlDeviceGetCount=lambda: 3,
        nvmlDeviceGetHandleByIndex=lambda number: number,
        nvmlDeviceGetComputeRunningProcesses=held.__getitem__,
        nvmlDeviceGetUtilizationRates=lambda card: SimpleNamespace(gpu=(40, 80, 100)[card]),
    )

    assert Cards(nvml).read({1, 2}) == {GPU: 60.0, GPU_MEMORY: 150.0}
    assert Cards(nvml).read({7}) == {}
    assert Cards(SimpleNamespace()).read({1}) == {}


def test_a_script_s_use_is_progress_and_not_in_its_result(bench: Bench) -> None:
    token = bench.start(
        "import os, time\nprint('{\"loss\": 1}')\nwhile not os.path.exists('go'): time.sleep(0.01)\n"
        "print('{\"best\": 1}')\n"
    )
    eventually(lambda: system_points(bench, token), "what it uses", 60.0)
    (bench.home / "attempts" / f"jaaaaaaaaaaaa.{token}" / "go").write_text("")
    result = bench.wait_result(token)
    [point, *_] = system_points(bench, token)

    assert point.step is not None
    assert point.step >= 1.0
    assert (point.metrics[MEMORY] or 0) > 1
    assert [one.metrics for one in result.series] == [{"loss": 1.0}]
    assert result.result == {"best": 1}


def test_a_script_cannot_speak_in_the_agent_s_name(bench: Bench) -> None:
    result = bench.run("print('{\"system/cpu\": 1}')\nprint('{\"best\": 1}')\n")

    assert [one.metrics for one in result.series] == [{"script/system/cpu": 1.0}]
