"""Following a sweep: how many trials have ended, then the table of results."""

import sys
import time
from itertools import islice
from typing import TYPE_CHECKING, Any

from bus.port import Inbound
from bus.topics import SWEEP_EVENT
from idlehands.cli.exits import UNSUCCESSFUL, say
from idlehands.cli.failures import describe_commonest, failed_trials
from idlehands.cli.looking_at_results import print_results
from idlehands.client import Client, HqUnreachable
from idlehands.client.following import LOST_SECONDS
from idlehands.energy import add_up, describe
from schemas.states import SweepStatus

if TYPE_CHECKING:
    from rich.progress import Progress

_LOOK_SECONDS = 1.0
#: So many trials say enough about what they fail with.
_TRIALS = 1000


def await_sweep(client: Client, sweep: str, json: bool) -> int:
    """Return when the sweep has ended: 0 when every trial succeeded, else 5, having said what failed most."""
    say(f"sweep {sweep}")
    try:
        with client.watch((SWEEP_EVENT, {"sweep": sweep})) as feed:
            position = client.ping()
            found = _watch(client, sweep, position, feed)
    except KeyboardInterrupt:
        say(
            f"{sweep} goes on. `idlehands cancel {sweep}` ends it, `idlehands results --sweep {sweep}` looks."
        )
        raise
    rows = list(client.results(sweep=sweep, limit=1000, at_least=found["position"]))
    print_results(rows, json)
    if energy := describe(add_up(row.get("result") for row in rows)):
        say(f"{sweep} used {energy}")
    say(
        f"{sweep} {found['status']}: {found['succeeded']} succeeded, {found['unsuccessful']} did not"
        + (f", {found['pruned']} ended early" if found.get("pruned") else "")
        + (f" ({found['why']})" if found.get("why") else "")
    )
    early = found.get("early_stopping") or {}
    if early.get("state") == "metric_missing":
        say(early["why"])
    for remark in found.get("remarks", ()):
        say(remark)
    if found["unsuccessful"]:
        trials = list(islice(client.trials(sweep, at_least=found["position"]), _TRIALS))
        if commonest := describe_commonest(failed_trials(trials), len(trials)):
            say(commonest)
    whole = found["status"] == SweepStatus.FINISHED and found["unsuccessful"] == 0
    return 0 if whole and found["succeeded"] else UNSUCCESSFUL


def _watch(client: Client, sweep: str, position: int | None, feed: Any) -> dict[str, Any]:
    progress = _start_progress()
    bar = progress.add_task(sweep, total=None, state="") if progress is not None else None
    lost_since: float | None = None
    try:
        while True:
            try:
                found = client.sweep(sweep, at_least=position)
                lost_since = None
            except HqUnreachable:
                # A restart of web or HQ is no reason to leave: the sweep goes on.
                lost_since = lost_since or time.monotonic()
                if time.monotonic() - lost_since > LOST_SECONDS:
                    raise
                feed.get(_LOOK_SECONDS)
                continue
            position = None
            if progress is not None and bar is not None:
                ways = ("succeeded", "unsuccessful", "pruned", "dropped")
                ended = sum(found.get(way, 0) for way in ways)
                total = found["proposed"] if found["exhausted"] else found["spec"].get("trials", 10)
                progress.update(bar, total=total, completed=ended, state=f"{found['live']} live")
            if SweepStatus(found["status"]).is_final:
                return found
            deadline = time.monotonic() + _LOOK_SECONDS
            while (left := deadline - time.monotonic()) > 0:
                what = feed.get(left)
                if isinstance(what, Inbound) and what.data.status.is_final:
                    position = what.data.position
                    break
    finally:
        if progress is not None:
            progress.stop()


def _start_progress() -> "Progress | None":
    if not sys.stderr.isatty():
        return None
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[state]}"),
        console=Console(stderr=True),
        transient=True,
    )
    progress.start()
    return progress
