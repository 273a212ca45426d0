"""What HQ shows of itself and of the running sweeps, without any decision."""

from typing import Any

import msgspec

from hq.core.bookkeeping import Bookkeeping
from hq.core.state import State
from schemas.requests import ReadSweeps
from schemas.states import SweepStatus

_AGENTS_SHOWN = 500
#: One answer must fit one message.
_SWEEPS_BYTES = 200 * 1024
#: Some news of each sweep that is told: whoever asks gets on.
_NEWS_BYTES = 32 * 1024


def show_status(
    books: Bookkeeping, now: float, *, version: str, log_silent: bool, measures: dict[str, Any]
) -> dict[str, Any]:
    """Return what HQ tells of itself, also while the database is away.

    Args:
        books: What HQ knows.
        now: On HQ's clock.
        version: Of this HQ.
        log_silent: Whether the database does not answer.
        measures: What the shell measured.
    """
    state = books.state
    agents = sorted(books.sightings.values(), key=lambda s: s.name)
    return {
        "version": version,
        "epoch": state.epoch,
        "position": books.committed,
        "database": "silent" if log_silent else "ok",
        "jobs": {str(status): count for status, count in books.counts.items() if count},
        "sweeps": len(state.sweeps),
        "leases": len(books.leases),
        "offers": len(books.scheduler.offered),
        "refused": dict(books.refused),
        "agents_heard": len(agents),
        "agents_fresh": sum(s.is_fresh(now) for s in agents),
        **measures,
        "agents": [
            {
                "agent": s.name,
                "boot": s.boot,
                "seconds_silent": round(now - s.seen_at, 1),
                "fresh": s.is_fresh(now),
                "slots": s.slots,
                "busy": len(s.occupied),
                "accepting": s.accepting,
                "reason": s.reason,
                **({"refused": s.refused} if s.refused else {}),
            }
            for s in agents[:_AGENTS_SHOWN]
        ],
    }


def show_sweeps(state: State, request: ReadSweeps) -> dict[str, Any]:
    """Return the running sweeps after the one named, as many as fit one message, with their news."""
    after = request.after or ""
    running = sorted(s for s in state.sweeps if s > after)
    shown: list[dict[str, Any]] = []
    room = _SWEEPS_BYTES
    for name in running:
        sweep = state.sweeps[name]
        view = {
            "sweep": sweep.id,
            "spec": msgspec.to_builtins(sweep.spec),
            "proposed": sweep.proposed,
            "live": sweep.live,
            "exhausted": sweep.exhausted,
            "settled": sweep.settled,
            "ended": _ended(state, name),
            "why": sweep.why,
            "added": sweep.added,
            "changes": sweep.changes,
            "paused": sweep.status is SweepStatus.PAUSED or bool(sweep.waits_for),
        }
        room -= len(msgspec.json.encode(view))
        if shown and room < 0:
            break
        known = request.known.get(name)
        if known is not None and name in state.histories:
            news, room = state.histories[name].read(known, max(room, _NEWS_BYTES))
            view["news"] = news
        shown.append(view)
    return {"sweeps": shown, "more": len(running) > len(shown)}


def _ended(state: State, sweep: str) -> int:
    history = state.histories.get(sweep)
    return 0 if history is None else history.ended
