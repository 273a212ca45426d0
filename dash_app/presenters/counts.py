"""How many jobs stand where, as tiles that lead to them."""

from dash import html
from dash.development.base_component import Component

from dash_app import addresses
from dash_app.jobs_asked import HANGING, JobsAsked
from dash_app.presenters import pieces
from dash_app.presenters.words import STATUS_WORDS

_ORDER = ("running", "queued", "held", "succeeded", "failed", "dead", "pruned", "cancelled")
_ALWAYS = ("running", "queued", "succeeded", "failed")


def tiles(found: dict[str, int] | None) -> list[Component]:
    """Return a tile for each status that matters now; None: it is not known yet how many there are."""
    counts = found or {}
    return [
        html.A(
            [
                html.Span(
                    "\N{HORIZONTAL ELLIPSIS}" if found is None else _grouped(counts.get(status, 0)),
                    className="tile-number",
                ),
                html.Span(STATUS_WORDS[status], className="tile-word"),
            ],
            href=addresses.of_jobs(status),
            className=f"tile is-{status}" + ("" if counts.get(status) else " is-none"),
        )
        for status in _ORDER
        if status in _ALWAYS or counts.get(status)
    ]


def filters(counts: dict[str, int] | None, asked: JobsAsked, hanging: int = 0) -> list[Component]:
    """Return the filters of the list of jobs, each with how many it shows; what else is asked for stays.

    None: it is not known yet how many there are.
    """
    if counts is None:
        return [
            _filter(word, None, address, is_chosen)
            for word, address, is_chosen in (
                ("All", asked.address(status=""), asked.status is None and not asked.is_hanging),
                *(
                    (STATUS_WORDS[one], asked.address(status=one), one == asked.status)
                    for one in _ORDER
                    if one in _ALWAYS or one == asked.status
                ),
            )
        ]
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


def _filter(word: str, count: int | None, address: str, is_chosen: bool) -> Component:
    return html.A(
        [word, html.Span("" if count is None else _grouped(count), className="filter-count")],
        href=address,
        className="filter" + (" is-chosen" if is_chosen else ""),
        **(pieces.attributes(aria_current="true") if is_chosen else {}),
    )


def _grouped(count: int) -> str:
    return f"{count:,}".replace(",", "\N{THIN SPACE}")
