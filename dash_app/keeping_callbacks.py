"""The callbacks of users and of how long things are kept: two lines each, as in `callbacks`."""

from typing import Any

from dash import ALL, Dash, Input, Output, State

from dash_app import component_ids as ids
from dash_app.clicks import clicked, pressed
from dash_app.keeping import Keeping


def register(app: Dash, keeping: Keeping) -> None:
    """Add all callbacks."""

    @app.callback(
        Output(ids.KEPT, "children"),
        Output(ids.NOTE, "children", allow_duplicate=True),
        Input(ids.KEPT_SAVE, "n_clicks"),
        *[State(identity, "value") for identity in ids.KEPT_FIELDS],
        prevent_initial_call=True,
    )
    async def keep(clicks: int | None, *fields: Any) -> tuple[Any, Any]:
        clicked(clicks)
        return await keeping.keep(*fields)

    @app.callback(
        Output(ids.USERS, "children"),
        Output(ids.NOTE, "children", allow_duplicate=True),
        Input(ids.users_all(ALL), "n_clicks"),
        prevent_initial_call=True,
    )
    async def log_out(_: Any) -> tuple[Any, Any]:
        identity = pressed()
        return await keeping.log_out(identity["user"])
