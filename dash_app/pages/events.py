"""Events: what happened in the house, newest first, live; older ones a page on; a past hour played again."""

import time
from typing import Any
from urllib.parse import urlencode

import dash_mantine_components as dmc
from dash import html

from dash_app import component_ids as ids
from dash_app.addresses import View
from dash_app.presenters import grids, pieces
from dash_app.presenters.happenings import KINDS, row, types_of
from dash_app.presenters.plain import plain
from hq.rest.house import House
from hq.rest.looking_back import LOOKED_AT, read_back

_SHOWN = 200
_HOUR_SECONDS = 3600


async def page(house: House, view: View) -> list[Any]:
    """Return the page."""
    given = dict(view.given)
    if "from" in given:
        return _replay(given)
    kind, about = given.get("kind", ""), given.get("about", "")
    found = await read_back(
        house.database, before=view.before, limit=_SHOWN, types=types_of(kind), about=about
    )
    rows = [row(one) for one in found["events"]]
    last = int(time.time())
    hour = {"from": str(last - _HOUR_SECONDS), "to": str(last)}
    again = html.A(
        "Replay the last hour",
        href=_address(kind, about, past=hour),
        className="button is-plain",
        id="replay-hour",
    )
    return [
        pieces.head("Events", again),
        _controls(kind, about, {}),
        grids.grid(ids.EVENTS_GRID, grids.event_columns(), rows, "Nothing of this kind has happened."),
        html.Div(_further(found["next"], view.before, kind, about), className="further"),
    ]


def _replay(given: dict[str, str]) -> list[Any]:
    """Return the page of a past time; `assets/replay.js` plays it."""
    kind, about = given["kind"], given["about"]
    past = {name: given[name] for name in ("from", "to")}
    return [
        pieces.head(
            "Replay",
            html.A("Back to now", href=_address(kind, about), className="button is-plain"),
            over=html.A("Events", href="/events"),
        ),
        _controls(kind, about, past),
        html.Section(
            html.P("Reading \N{HORIZONTAL ELLIPSIS}", className="quiet"),
            id="replay",
            className="panel replay",
            **pieces.attributes(data_first=past["from"], data_last=past["to"], aria_label="Replay"),
        ),
        grids.grid(ids.EVENTS_GRID, grids.event_columns(), [], "Nothing happened until then."),
    ]


def _controls(kind: str, about: str, past: dict[str, str]) -> Any:
    kinds = html.Nav(
        [
            html.A(
                name.capitalize() or "All",
                href=_address(name, about, past=past),
                className="filter is-chosen" if name == kind else "filter",
                **(pieces.attributes(aria_current="true") if name == kind else {}),
            )
            for name in ("", *KINDS)
        ],
        className="filters",
        **pieces.attributes(aria_label="Kinds of events"),
    )
    search = dmc.TextInput(
        id="events-about",
        value=plain(about, 80),
        placeholder="A job, sweep, machine or person",
        size="xs",
        inputProps={"aria-label": "Only events about", "autoComplete": "off", "data-search": "yes"},
    )
    return html.Div([kinds, search], className="events-controls")


def _further(following: int | None, before: int | None, kind: str, about: str) -> list[Any]:
    links: list[Any] = [] if before is None else [html.A("Newest", href=_address(kind, about))]
    if following is not None:
        links.append(html.A("Older", href=_address(kind, about, following)))
        links.append(
            html.Span(f"A page looks at {LOOKED_AT:,} decisions at most.".replace(",", "\N{THIN SPACE}"))
        )
    return links


def _address(kind: str, about: str, before: int | None = None, past: dict[str, str] | None = None) -> str:
    query = {"kind": kind, "about": about, "before": "" if before is None else str(before), **(past or {})}
    said = urlencode({name: value for name, value in query.items() if value})
    return f"/events?{said}" if said else "/events"
