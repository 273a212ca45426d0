"""Settings, for admins: add a computer, what reaches outside, and who got in; schedules for all.

What it shows while a computer is being added comes by a callback.
"""

from typing import Any

from dash import dcc, html

from dash_app import component_ids as ids
from dash_app.accessing import Accessing
from dash_app.keeping import Keeping
from dash_app.presenters import access, audit, pieces
from dash_app.reaching import Reaching
from hq.rest.audit import read_audit
from hq.rest.house import House
from hq.rest.house_routes import read_house

_LOOK_MILLISECONDS = 1000
_ENTRIES = 50


async def page(house: House, is_admin: bool) -> list[Any]:
    """Return the page: all of it for admins, what is submitted by the clock for everybody."""
    reaching = Reaching(house)
    schedules = pieces.panel("Schedules", await reaching.schedules(), id=ids.SCHEDULES)
    if not is_admin:
        hint = pieces.empty(
            "Only admins change who belongs to the house and what reaches outside.",
            html.P(["A login that may: ", pieces.code("idlehands login --role admin")]),
        )
        return [pieces.head("Settings"), html.Div([schedules, await _rules(house), hint], className="stack")]
    noted = await read_audit(house.database, limit=_ENTRIES)
    return [
        pieces.head("Settings"),
        html.Div(
            [
                pieces.panel("Add a computer", id=ids.PAIRING),
                schedules,
                pieces.panel("Being told", await reaching.notifications(), id=ids.TOLD),
                pieces.panel("From outside", await reaching.incoming(), id=ids.INCOMING),
                pieces.panel("Users", await Keeping(house).users(), id=ids.USERS),
                pieces.panel("Tokens", await Accessing(house).tokens(), id=ids.TOKENS),
                await _rules(house),
                pieces.panel("What is kept", await Keeping(house).kept(), id=ids.KEPT),
                pieces.panel("Who got in, and who tried to", audit.table(noted["entries"]), id=ids.AUDIT),
            ],
            className="stack",
        ),
        dcc.Store(id=ids.PAIRING_SHOWN),
        dcc.Interval(id=ids.PAIRING_CLOCK, interval=_LOOK_MILLISECONDS),
    ]


async def _rules(house: House) -> Any:
    return pieces.panel("What owners allow", access.rules(await read_house(house)))
