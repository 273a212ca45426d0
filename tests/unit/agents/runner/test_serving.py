"""Workers of services: real processes that take calls over their socket."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agents.runner.port import RunAnswered, RunReady
from schemas.messages import ServiceAnswer, ServiceCall
from schemas.specs import JobSpec, Serves
from schemas.states import Outcome
from tests.unit.agents.runner.attempts import JOB, Bench, eventually, store

FUNCTIONS = """
import asyncio, os, sys, threading, time
import beside
LOADED = []
barrier = threading.Barrier(2)

def add(a: int, b: int = 2):
    LOADED.append(a)
    print("adding", a)
    return {"sum": a + b, "calls": len(LOADED), "pid": os.getpid(), "nan": float("nan"), "name": beside.NAME}

def fail(**given):
    raise ValueError("no " + str(given))

def leave():
    sys.exit(3)

async def later(x):
    await asyncio.sleep(0)
    return {x, x}

def strange():
    return object()

def together():
    return barrier.wait(60)

def hang():
    time.sleep(60)
"""
SCRIPT = """
import argparse, json, os, sys, time
p = argparse.ArgumentParser()
p.add_argument("--rate", type=float)
p.add_argument("--do", default="")
a = p.parse_args()
print("parent", os.getppid())
print(json.dumps({"rate": a.rate}))
if a.do == "raise": raise KeyError("wine")
if a.do == "exit": sys.exit("that is all")
if a.do == "hang": time.sleep(60)
if a.do == "flood": print("x" * 3_000_000)
if a.do == "bye": print("bye")
"""


class Worker:
    """One worker and the calls to it."""

    def __init__(self, bench: Bench, source: str, function: str | None, concurrency: int = 1) -> None:
        self.bench = bench
        (bench.scripts / "beside.py").write_text("NAME = 'beside'\n")
        script = bench.scripts / "served.py"
        script.write_text(source)
        serves = Serves("served", 1, function, concurrency)
        self.token = bench.start_spec(JobSpec(store(bench.home, script), serves=serves))
        self._count = 0

    def wait_ready(self) -> "Worker":
        eventually(lambda: any(isinstance(one, RunReady) for one in self.bench.reports), "it is ready", 60)
        return self

    def send(self, seconds: float = 30.0, **params: Any) -> str:
        self._count += 1
        call = f"{self._count:032x}"
        self.bench.runner.call(ServiceCall(call, JOB, self.token, params, seconds))
        return call

    def answer(self, call: str) -> ServiceAnswer:
        def find() -> ServiceAnswer | None:
            answers = (one.answer for one in list(self.bench.reports) if isinstance(one, RunAnswered))
            return next((one for one in answers if one.call == call), None)

        found: ServiceAnswer = eventually(find, "it was answered", 60)
        return found

    def call(self, **params: Any) -> ServiceAnswer:
        return self.answer(self.send(**params))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def test_a_function_is_imported_once_and_called_many_times(bench: Bench) -> None:
    worker = Worker(bench, FUNCTIONS, "add").wait_ready()

    first, second = worker.call(a=1), worker.call(a=5, b=6)

    assert (first.ok, second.ok) == (True, True)
    assert second.result == {**first.result, "sum": 11, "calls": 2}
    assert (first.result["sum"], first.result["nan"], first.result["name"]) == (3, None, "beside")
    bench.wait_line(worker.token, "adding 5")
    wrong = worker.call(c=1)
    assert wrong.failure is not None
    assert (wrong.failure.kind, wrong.failure.message) == (
        "bad_params",
        "TypeError: add(): missing a required argument: 'a'",
    )


@pytest.mark.parametrize(
    ("function", "params", "words"),
    [
        ("fail", {"x": 1}, "ValueError: no {'x': 1}"),
        ("leave", {}, "the function called sys.exit(3)"),
        ("strange", {}, "a object is nothing that JSON has"),
    ],
)
def test_a_call_that_fails_says_why_and_the_worker_goes_on(
    bench: Bench, function: str, params: dict[str, Any], words: str
) -> None:
    worker = Worker(bench, FUNCTIONS, function).wait_ready()

    answers = [worker.call(**params) for _ in range(2)]

    for answer in answers:
        assert answer.failure is not None
        assert words in answer.failure.message
        assert "idlehands_serve" not in answer.failure.traceback or function != "fail"


def test_coroutines_are_awaited_and_calls_run_side_by_side(bench: Bench) -> None:
    worker = Worker(bench, FUNCTIONS, "together", concurrency=2).wait_ready()

    calls = [worker.send(), worker.send()]

    assert sorted(worker.answer(call).result for call in calls) == [0, 1]


def test_an_async_function_is_awaited(bench: Bench) -> None:
    assert Worker(bench, FUNCTIONS, "later").wait_ready().call(x=4).result == [4]


def test_a_function_that_is_not_there_ends_its_worker(bench: Bench) -> None:
    worker = Worker(bench, FUNCTIONS, "missing")

    result = bench.wait_result(worker.token)

    assert result.outcome is Outcome.FAILED
    assert result.failure is not None
    assert "served.py has no function 'missing'" in result.failure.message


def test_a_function_beyond_its_deadline_ends_its_worker(bench: Bench) -> None:
    worker = Worker(bench, FUNCTIONS, "hang").wait_ready()

    worker.send(seconds=0.01)

    assert bench.wait_result(worker.token).exit_code == 70
    assert "hang went on after its deadline" in bench.lines(worker.token)[-1]


def test_a_script_is_forked_for_each_call(bench: Bench) -> None:
    worker = Worker(bench, SCRIPT, None, concurrency=2).wait_ready()

    first, second = worker.send(rate=0.5), worker.send(rate=2, do="bye")
    answers = [worker.answer(first), worker.answer(second)]

    parent = answers[0].result["lines"][0]
    assert [one.result["result"] for one in answers] == [{"rate": 0.5}, {"rate": 2.0}]
    assert answers[1].result["lines"] == [parent, '{"rate": 2.0}', "bye"]
    raised, left = worker.call(do="raise"), worker.call(do="exit")
    assert raised.failure is not None
    assert left.failure is not None
    assert "KeyError: 'wine'" in raised.failure.message
    assert "line 9, in <module>" in raised.failure.traceback
    assert "idlehands_serve" not in raised.failure.traceback
    assert left.failure.message == "the script exited with code 1: that is all"
    assert os.path.exists(f"/proc/{parent.split()[1]}")


def test_a_script_beyond_its_deadline_is_killed_and_the_worker_goes_on(bench: Bench) -> None:
    worker = Worker(bench, SCRIPT, None).wait_ready()

    killed = worker.answer(worker.send(seconds=0.3, do="hang"))

    assert killed.failure is not None
    assert "SIGKILL" in killed.failure.message
    assert worker.call(rate=1).ok
    flood = worker.call(do="flood")
    assert flood.failure is not None
    assert flood.failure.kind == "result_too_big"


def test_a_worker_that_is_stopped_leaves_nothing(bench: Bench) -> None:
    worker = Worker(bench, SCRIPT, None).wait_ready()

    bench.runner.stop(JOB, worker.token, at_once=True)

    bench.wait_stopped(worker.token)
    worker.send(rate=1)
