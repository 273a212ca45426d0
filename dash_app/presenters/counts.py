"""How many jobs stand where, as tiles that lead to them."""

from dash import html
from dash.development.base_component import Component

from dash_app import addresses
from dash_app.presenters import pieces
from dash_app.presenters.words import STATUS_WORDS

_ORDER = ("running", "queued", "held", "succeeded", "failed", "dead", "pruned", "cancelled")
_ALWAYS = ("running", "queued", "succeeded", "failed")


def tiles(counts: dict[str, int]) -> list[Component]:
    """Return a tile for each status that matters now."""
    return [
        html.A(
            [
                html.Span(_grouped(counts.get(status, 0)), className="tile-number"),
                html.Span(STATUS_WORDS[status], className="tile-word"),
            ],
            href=addresses.of_jobs(status),
            className=f"tile is-{status}" + ("" if counts.get(status) else " is-none"),
        )
        for status in _ORDER
        if status in _ALWAYS or counts.get(status)
    ]


def filters(counts: dict[str, int], chosen: str | None) -> list[Component]:
    """Return the filters of the list of jobs, each with how many it shows."""
    shown = [status for status in _ORDER if status in _ALWAYS or counts.get(status) or status == chosen]
    return [
        _filter("All", sum(counts.values()), None, chosen),
        *(_filter(STATUS_WORDS[status], counts.get(status, 0), status, chosen) for status in shown),
    ]


def _filter(word: str, count: int, status: str | None, chosen: str | None) -> Component:
    return html.A(
        [word, html.Span(_grouped(count), className="filter-count")],
        href=addresses.of_jobs(status),
        className="filter" + (" is-chosen" if status == chosen else ""),
        **(pieces.attributes(aria_current="true") if status == chosen else {}),
    )


def _grouped(count: int) -> str:
    return f"{count:,}".replace(",", "\N{THIN SPACE}")
