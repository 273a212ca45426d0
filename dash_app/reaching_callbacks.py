"""The callbacks of Settings beside pairing: two lines each, as in `callbacks`."""

from typing import Any

from dash import ALL, Dash, Input, Output, State

from dash_app import component_ids as ids
from dash_app.clicks import clicked, pressed
from dash_app.reaching import Reaching


def register(app: Dash, reaching: Reaching) -> None:
    """Add all callbacks."""

    @app.callback(
        Output(ids.TOLD, "children", allow_duplicate=True),
        Output(ids.NOTE, "children", allow_duplicate=True),
        Input(ids.TOLD_ADD, "n_clicks"),
        State(ids.TOLD_KIND, "value"),
        State(ids.TOLD_NAME, "value"),
        State(ids.TOLD_WHERE, "value"),
        State(ids.TOLD_SECRET, "value"),
        State(ids.TOLD_HOST, "value"),
        State(ids.TOLD_SENDER, "value"),
        prevent_initial_call=True,
    )
    async def add_notification(
        clicks: int | None, kind: Any, name: Any, where: Any, secret: Any, host: Any, sender: Any
    ) -> tuple[Any, Any]:
        clicked(clicks)
        return await reaching.add(kind, name, where, secret, host, sender)

    @app.callback(
        Output(ids.TOLD, "children", allow_duplicate=True),
        Output(ids.NOTE, "children", allow_duplicate=True),
        Input(ids.told_all(ALL), "n_clicks"),
        prevent_initial_call=True,
    )
    async def change_notification(_: Any) -> tuple[Any, Any]:
        identity = pressed()
        return await reaching.change_notification(identity["told"], identity["do"])

    @app.callback(
        Output(ids.SCHEDULES, "children", allow_duplicate=True),
        Output(ids.NOTE, "children", allow_duplicate=True),
        Input(ids.scheduled_all(ALL), "n_clicks"),
        prevent_initial_call=True,
    )
    async def change_schedule(_: Any) -> tuple[Any, Any]:
        identity = pressed()
        return await reaching.change_schedule(identity["scheduled"], identity["do"])
