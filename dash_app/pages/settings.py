"""Settings, for admins: add a computer, and who got in.

What it shows while a computer is being added comes by a callback.
"""

from typing import Any

from dash import dcc, html

from dash_app import component_ids as ids
from dash_app.presenters import audit, pieces
from hq.rest.audit import read_audit
from hq.rest.house import House

_LOOK_MILLISECONDS = 1000
_ENTRIES = 50


async def page(house: House, is_admin: bool) -> list[Any]:
    """Return the page."""
    if not is_admin:
        return [
            pieces.head("Settings"),
            pieces.empty(
                "Only admins change who belongs to the house.",
                html.P(["A login that may: ", pieces.code("idlehands login --role admin")]),
            ),
        ]
    noted = await read_audit(house.database, limit=_ENTRIES)
    return [
        pieces.head("Settings"),
        html.Div(
            [
                pieces.panel("Add a computer", id=ids.PAIRING),
                pieces.panel("Who got in, and who tried to", audit.table(noted["entries"]), id=ids.AUDIT),
            ],
            className="stack",
        ),
        dcc.Store(id=ids.PAIRING_SHOWN),
        dcc.Interval(id=ids.PAIRING_CLOCK, interval=_LOOK_MILLISECONDS),
    ]
