"""Settings: add a computer. What it shows while one is being added comes by a callback."""

from typing import Any

from dash import dcc, html

from dash_app import component_ids as ids
from dash_app.presenters import pieces

_LOOK_MILLISECONDS = 1000


def page(is_admin: bool) -> list[Any]:
    """Return the page."""
    if not is_admin:
        return [
            pieces.head("Settings"),
            pieces.empty(
                "Only admins change who belongs to the house.",
                html.P(["A login that may: ", pieces.code("idlehands login --role admin")]),
            ),
        ]
    return [
        pieces.head("Settings"),
        pieces.panel("Add a computer", id=ids.PAIRING),
        dcc.Store(id=ids.PAIRING_SHOWN),
        dcc.Interval(id=ids.PAIRING_CLOCK, interval=_LOOK_MILLISECONDS),
    ]
