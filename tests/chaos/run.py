"""One chaos run: a house, a submitter, faults; then quiet; then the oracle.

    python -m tests.chaos --seconds 600 --seed 7 [--folder DIR]

The house's folder, the history, the ledger and the list of faults stay in the
folder when something is wrong.
"""

import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from idlehands.house.components import AgentOptions
from idlehands.house.running import RunningHouse, start_house
from schemas.specs import Choice, SweepSpec
from tests.chaos.faults import Injector
from tests.chaos.history import History
from tests.chaos.spools import SpoolWatch
from tests.chaos.submitter import SCRIPTS, Submitter
from tests.e2e.workplace import Workplace, at_work
from tests.fixtures.broker import eventually

#: Under so much of what was planned, a run has tested too little to pass.
ENOUGH_FAULTS = 0.8


class Report(msgspec.Struct):
    """How a run ended. It passed when `troubles` is empty."""

    seed: int
    seconds: float
    planned: int
    faults: dict[str, int]
    settled_seconds: float
    counted: dict[str, int]
    troubles: list[str]


def run_chaos(
    folder: Path,
    *,
    seconds: float,
    seed: int,
    longest_stop: float = 8.0,
    settle_seconds: float = 180,
    only: tuple[str, ...] = ("",),
) -> Report:
    """Run for so long, let the house settle, and judge.

    Args:
        longest_stop: How long a process may stand still. Over 20 s leases may end, so no job is exclusive:
            an agent that stands still cannot keep a script from running on.
        only: Beginnings of the names of those who may be hit; everybody by default.
        settle_seconds: In which time after the last fault everything accepted must have ended.
    """
    history_file, ledger = folder / "history", folder / "ledger"
    history = History(history_file)
    with (
        start_house(folder / "house", AgentOptions(count=2, slots=2), wait_seconds=120) as house,
        at_work(house, ledger) as work,
    ):
        work.add_scripts(folder, SCRIPTS)
        injector = Injector(house, seed, longest_stop=longest_stop, only=only)
        submitter = Submitter(work, history, seed, exclusive=longest_stop <= 20)
        spools = SpoolWatch(work, history)
        parts = (spools, submitter, injector)
        for part in parts:
            part.start()
        over = time.monotonic() + seconds
        while time.monotonic() < over and house.process.poll() is None:
            time.sleep(0.1)
        injector.stop()
        quiet_at = time.monotonic()
        troubles = _settle(house, work, submitter, settle_seconds)
        spools.stop()
        history.close()
        settled = time.monotonic() - quiet_at
        verdict = _judge(house, history_file, ledger)
        troubles += _prove_alive(work, folder)
    (folder / "faults").write_bytes(b"\n".join(map(msgspec.json.encode, injector.injected)))
    if injector.fault is not None:
        troubles.append(f"the injector failed: {injector.fault!r}")
    if len(injector.injected) < ENOUGH_FAULTS * injector.planned:
        troubles.append(f"only {len(injector.injected)} of {injector.planned} faults had an effect")
    troubles += verdict.violations
    if not troubles:
        # Hundreds of megabytes that nobody will look into.
        shutil.rmtree(folder / "house", ignore_errors=True)
    return Report(
        seed=seed,
        seconds=seconds,
        planned=injector.planned,
        faults=injector.count(),
        settled_seconds=round(settled, 1),
        counted=verdict.counted,
        troubles=troubles,
    )


def _settle(house: RunningHouse, work: Workplace, submitter: Submitter, seconds: float) -> list[str]:
    """Wait until everything is answered, ended and stored; return what was not in time."""
    try:
        house.wait_ready(seconds)
        if not submitter.stop(seconds):
            return ["a submission was not answered after the faults had stopped"]
        if submitter.faults:
            return [f"the submitter failed: {fault!r}" for fault in submitter.faults]
        work.wait_final(submitter.accepted, seconds)
        work.check_quiet()
    except Exception as error:
        submitter.stop(10)
        return [f"the house did not settle: {type(error).__name__}: {error}"[:2000]]
    return []


def _prove_alive(work: Workplace, folder: Path) -> list[str]:
    """Use every process once more, search and REST too; return what does not work any more."""
    try:
        work.add_scripts(folder, 1)
        spec = SweepSpec(work.spec("alive", script=SCRIPTS), {"seconds": Choice((0.0, 0.1, 0.2))}, "grid")
        submitted = work.client.submit_sweep(spec)

        def read() -> dict[str, Any]:
            return work.client.sweep(submitted.sweep, at_least=submitted.position)

        eventually(lambda: bool(read()["status"] == "finished"), 60)
        won = read()["succeeded"]
        return [] if won == 3 else [f"after the run only {won} of 3 trials succeeded"]
    except Exception as error:
        return [f"the house does not work any more: {type(error).__name__}: {error}"[:2000]]


class _Verdict(msgspec.Struct):
    """What the oracle prints."""

    counted: dict[str, int]
    violations: list[str]


def _judge(house: RunningHouse, history: Path, ledger: Path) -> _Verdict:
    agents = [part.name.removeprefix("agent-") for part in house.status().components if "agent-" in part.name]
    spools = [word for name in agents for word in ("--spool", str(house.home.agent(name) / "home"))]
    command = [sys.executable, "-m", "tests.chaos.oracle", *spools, "--history", str(history)]
    command += ["--ledger", str(ledger), "--mongodb-file", str(house.home.mongodb / "uri")]
    judged = subprocess.run(command, capture_output=True, text=True, check=False)
    if not judged.stdout:
        return _Verdict({}, [f"the oracle failed: {judged.stderr[-2000:]}"])
    return msgspec.json.decode(judged.stdout, type=_Verdict)
