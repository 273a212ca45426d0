"""The queue in a sentence: how many jobs wait, and when none will."""

from typing import Any

from dash import html

from dash_app import addresses
from dash_app.presenters import pieces, words


def queue_end(queue: dict[str, Any], now: float) -> list[Any]:
    """Return the sentence; nothing while nothing waits."""
    queued, seconds = queue["queued"], queue["seconds"]
    if not queued:
        return []
    waits = html.A(
        f"{words.count(queued, 'job')} {'waits' if queued == 1 else 'wait'}", href=addresses.of_jobs("queued")
    )
    if not queue["slots"]:
        return [waits, ", and no machine takes work now: each says why."]
    if seconds is None:
        return [waits, "; how long is not known, as nothing of the kind has run here yet."]
    when = [f"; the queue is empty in about {words.duration(seconds)}, at ", pieces.clock(now + seconds), "."]
    less = queued - queue["known"]
    new = f" {words.count(less, 'of them is', 'of them are')} of scripts that have not run here yet."
    return [waits, *when, *([new] if less else [])]
