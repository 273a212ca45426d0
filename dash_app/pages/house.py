"""The House: every machine, what it does or why not, and how many jobs stand where."""

import json

from dash import html
from dash.development.base_component import Component

from dash_app import component_ids
from dash_app.pages.first import SOON_MS, soon
from dash_app.presenters import counts, machines, pieces
from hq.rest import board
from hq.rest.house import House
from hq.rest.house_routes import read_house


async def page(house: House, percents: dict[str, float], may_change: bool) -> list[Component]:
    """Return the page."""
    # Of a million it takes long: the feed brings it, and the page is there before.
    found = await soon(board.count_jobs(house.database, SOON_MS))
    running = machines.by_agent(await board.read_running(house.database))
    agents = await read_house(house)
    return [
        pieces.head("House", *([pieces.button("New job", "/new")] if may_change else [])),
        html.Nav(
            counts.tiles(found),
            id=component_ids.HOUSE_COUNTS,
            className="tiles",
            **pieces.attributes(aria_label="Jobs by status"),
        ),
        html.P(id=component_ids.HOUSE_QUEUE, className="queue-end"),
        *([] if found is None or found else [_nothing_ran_yet(may_change)]),
        # The data is drawn by `assets/cards.js`, and kept up to date by the live feed.
        html.Div(
            id=component_ids.HOUSE_MACHINES,
            className="cards",
            **pieces.attributes(
                data_cards=json.dumps(
                    machines.cards(agents, running, percents, house.live.loads, house.live.since)
                ),
                data_may="yes" if may_change else "no",
            ),
        ),
        html.Div(machines.none_yet(), className="when-none"),
    ]


def _nothing_ran_yet(may_change: bool) -> Component:
    first = [html.P(["Run a script from a terminal: ", pieces.code("idlehands run train.py --epochs 3")])]
    if may_change:
        first.insert(0, html.P(["Choose one on the page ", html.A("New", href="/new"), ", or"]))
    return pieces.empty("Nothing has run here yet.", *first)
