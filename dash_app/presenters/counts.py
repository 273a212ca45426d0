"""How many jobs stand where, as tiles that lead to them."""

from dash import html
from dash.development.base_component import Component

from dash_app import addresses
from dash_app.jobs_asked import HANGING, JobsAsked
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


def filters(counts: dict[str, int], asked: JobsAsked, hanging: int = 0) -> list[Component]:
    """Return the filters of the list of jobs, each with how many it shows; what else is asked for stays."""
    chosen = asked.status
    shown = [status for status in _ORDER if status in _ALWAYS or counts.get(status) or status == chosen]
    is_all = chosen is None and not asked.is_hanging
    found = [_filter("All", sum(counts.values()), asked.address(status=""), is_all)]
    found += [
        _filter(STATUS_WORDS[status], counts.get(status, 0), asked.address(status=status), status == chosen)
        for status in shown
    ]
    if hanging or asked.is_hanging:
        found.append(_filter("May hang", hanging, asked.address(status=HANGING), asked.is_hanging))
    return found


def _filter(word: str, count: int, address: str, is_chosen: bool) -> Component:
    return html.A(
        [word, html.Span(_grouped(count), className="filter-count")],
        href=address,
        className="filter" + (" is-chosen" if is_chosen else ""),
        **(pieces.attributes(aria_current="true") if is_chosen else {}),
    )


def _grouped(count: int) -> str:
    return f"{count:,}".replace(",", "\N{THIN SPACE}")
