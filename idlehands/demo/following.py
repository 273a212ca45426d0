"""The demo's two jobs as they happen, from HQ's notices; REST has the last word.

Messages can get lost: whatever they say is read again by REST, at least every
two seconds, so that a lost one delays a bar and nothing else.
"""

import time
from collections.abc import Callable
from typing import Any

from bus.port import Inbound
from bus.topics import JOB_EVENT, JOB_PROGRESS, SWEEP_EVENT
from idlehands.client import Client, HqUnreachable, StatusUpdate
from idlehands.demo.board import Board
from idlehands.demo.screens import Screen
from idlehands.house.home import HouseError
from schemas.messages import JobProgress
from schemas.states import SweepStatus

_LOOK_SECONDS = 2.0
#: A notice makes us look, but a burst of them only once.
_PAUSE_SECONDS = 0.1
#: The slowest that may happen between two signs of life: a machine that imports torch for the first time.
_PATIENCE_SECONDS = 300.0


def follow_job(client: Client, job: str, screen: Screen) -> StatusUpdate:
    """Show one job until it has ended and return its last state.

    Raises:
        HqUnreachable: If HQ or web do not answer.
    """
    last: StatusUpdate | None = None
    for update in client.follow(job):
        screen.job_update(update)
        if isinstance(update, StatusUpdate):
            last = update
    assert last is not None, "the last update of a job has its final status"  # noqa: S101 - a promise of follow
    return last


def follow_sweep(
    client: Client, sweep: str, board: Board, screen: Screen, check: Callable[[], None]
) -> dict[str, Any]:
    """Show a sweep until it has ended and return it.

    Args:
        check: Called again and again; raises when going on has no point.

    Raises:
        HqUnreachable: If HQ or web do not answer for long.
        HouseError: If nothing happens for five minutes.
    """
    with client.watch((SWEEP_EVENT, {"sweep": sweep}), (JOB_EVENT, {}), (JOB_PROGRESS, {})) as feed:
        position: int | None = client.ping()
        alive, next_look = time.monotonic(), 0.0
        while True:
            check()
            now = time.monotonic()
            if now >= next_look:
                found, moved = _look(client, sweep, board, screen, position)
                if found is not None and SweepStatus(found["status"]).is_final:
                    return found
                alive = now if moved else alive
                position, next_look = None, now + _LOOK_SECONDS
            if now - alive > _PATIENCE_SECONDS:
                raise HouseError(
                    f"Nothing has happened in sweep {sweep} for {_PATIENCE_SECONDS / 60:.0f} minutes. "
                    "`idlehands jobs` says what each trial waits for; the house's logs are beside its data."
                )
            what = feed.get(min(max(next_look - now, 0.01), 0.5))
            match what:
                case Inbound(data=JobProgress() as progress):
                    trial = board.take_progress(what.names["job"], progress)
                    if trial is not None:
                        alive = now
                        screen.trial_moved(board, trial)
                case Inbound():
                    position = max(position or 0, what.data.position)
                    next_look = min(next_look, now + _PAUSE_SECONDS)


def _look(
    client: Client, sweep: str, board: Board, screen: Screen, position: int | None
) -> tuple[dict[str, Any] | None, bool]:
    """Read the sweep and its trials; tell also whether anything changed."""
    try:
        # The sweep first: when it has ended, the rows read after it are the last ones.
        found = client.sweep(sweep, at_least=position)
        rows = list(client.trials(sweep, at_least=found["position"]))
    except HqUnreachable:
        # The house starts again what has ended; patience bounds the wait.
        return None, False
    changed = board.take_rows(rows)
    for trial in changed:
        screen.trial_changed(board, trial)
    return found, bool(changed)
