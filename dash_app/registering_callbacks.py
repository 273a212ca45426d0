"""The callbacks of models: two lines each, as in `callbacks`."""

from typing import Any

from dash import ALL, Dash, Input, Output, State

from dash_app import component_ids as ids
from dash_app.addresses import parse
from dash_app.clicks import clicked, pressed
from dash_app.registering import Registering


def register(app: Dash, registering: Registering) -> None:
    """Add all callbacks."""

    @app.callback(
        Output(ids.NOTE, "children", allow_duplicate=True),
        Output(ids.URL, "href", allow_duplicate=True),
        Input(ids.MODEL_ADD, "n_clicks"),
        State(ids.MODEL_NAME, "value"),
        State(ids.URL, "pathname"),
        prevent_initial_call=True,
    )
    async def register_model(clicks: int | None, name: Any, path: str) -> tuple[Any, Any]:
        clicked(clicks)
        return await registering.register(parse(path, None), name)

    @app.callback(
        Output(ids.MODEL_VERSIONS, "children"),
        Output(ids.NOTE, "children", allow_duplicate=True),
        Input(ids.registered_all(ALL), "n_clicks"),
        State(ids.URL, "pathname"),
        prevent_initial_call=True,
    )
    async def change_version(_: Any, path: str) -> tuple[Any, Any]:
        identity = pressed()
        return await registering.change(parse(path, None), identity["registered"], identity["do"])
