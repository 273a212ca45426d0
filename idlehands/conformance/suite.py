"""The whole suite: its parts side by side, each with an agent, a broker and a CA of its own."""

import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from idlehands.conformance import (
    checks_afterwards,
    checks_leases,
    checks_orders,
    checks_refusing,
    checks_restarts,
    checks_working,
)
from idlehands.conformance.bench import Bench
from idlehands.conformance.desk import Desk
from idlehands.conformance.stand import standing
from idlehands.conformance.subject import check_command
from idlehands.conformance.verdicts import Check, Failed, NotApplicable, Status, Verdict

#: By name, in the order of the report.
PARTS: dict[str, tuple[Check, ...]] = {
    "working": checks_working.CHECKS,
    "orders": checks_orders.CHECKS,
    "refusing": checks_refusing.CHECKS,
    "restarts": checks_restarts.CHECKS,
    "exclusive": checks_leases.EXCLUSIVE,
    "silence": checks_leases.ORDINARY,
}


def run_suite(
    command: str,
    parts: Mapping[str, tuple[Check, ...]] = PARTS,
    *,
    together: int = 6,
    keep: Path | None = None,
    say: Callable[[Verdict], None] = lambda _verdict: None,
) -> list[Verdict]:
    """Try an agent and return how each check went, in the order of the parts.

    Args:
        command: What starts the agent; `{broker}`, `{certificate}` and `{home}` are filled in.
        parts: Checks by the name of their part, each in its order.
        together: So many parts run at a time.
        keep: A folder to work in and to leave behind; by default a temporary one that goes.
        say: Told of each check as it ends; from several threads.

    Raises:
        HouseError: If there is no broker, or the command cannot be started.
    """
    check_command(command)
    stop = threading.Event()
    folder = keep or Path(tempfile.mkdtemp(prefix="idlehands-conformance-"))
    try:
        with ThreadPoolExecutor(together) as pool:
            runs = [
                pool.submit(_run_part, command, name, checks, folder / name, say, stop)
                for name, checks in parts.items()
            ]
            try:
                return _merged(verdict for run in runs for verdict in run.result())
            except BaseException:
                # Ctrl-C, or no broker: no agent is left behind, and nobody waits for a lease to end.
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)


def _run_part(
    command: str,
    name: str,
    checks: tuple[Check, ...],
    folder: Path,
    say: Callable[[Verdict], None],
    stop: threading.Event,
) -> list[Verdict]:
    verdicts: list[Verdict] = []
    with standing(folder) as stand, Desk(stand, stop) as desk:
        bench = Bench(stand, command, desk)
        try:
            for check in (*checks, *checks_afterwards.CHECKS):
                verdicts.append(_run_check(name, check, bench))
                say(verdicts[-1])
        finally:
            bench.subject.terminate(5.0)
            # Scripts that are left end when they see it gone.
            shutil.rmtree(stand.traces, ignore_errors=True)
    return verdicts


def _run_check(part: str, check: Check, bench: Bench) -> Verdict:
    began = time.monotonic()
    status: Status = "passed"
    seen = ""
    try:
        check.run(bench)
    except Failed as error:
        status, seen = "failed", str(error)
    except NotApplicable as error:
        status, seen = "not applicable", str(error)
    seconds = round(time.monotonic() - began, 2)
    return Verdict(part, check.name, check.sentences, check.level, check.asks, status, seen, seconds)


def _merged(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Return one verdict a check: what is looked at in every part fails when it fails in one."""
    found: dict[str, Verdict] = {}
    for verdict in verdicts:
        known = found.get(verdict.check)
        if known is None or (verdict.status == "failed" and known.status != "failed"):
            found[verdict.check] = verdict
    return list(found.values())
