"""The callbacks of a sweep's page: two lines each, as in `callbacks`. Only the tab that is seen is drawn."""

from collections.abc import Awaitable, Callable
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State

from dash_app import component_ids as ids
from dash_app.addresses import View, parse
from dash_app.changing import Changing
from dash_app.clicks import clicked
from dash_app.sweep_looking import SweepLooking
from dash_app.sweep_state import state_of


def register(app: Dash, looking: SweepLooking, changing: Changing) -> None:
    """Add all callbacks."""

    @app.callback(
        Output(ids.SWEEP_TAB, "children"),
        Input(ids.SWEEP_STATUS, "data-revision"),
        Input(ids.SWEEP_TABS, "value"),
        Input(ids.SWEEP_VALUE, "value"),
        Input(ids.SWEEP_X, "value"),
        Input(ids.SWEEP_Y, "value"),
        Input(ids.SWEEP_METHOD, "value"),
        State(ids.URL, "pathname"),
    )
    async def draw_tab(_: Any, tab: Any, value: Any, x: Any, y: Any, method: Any, path: str) -> Any:
        return await looking.tab(parse(path, None), state_of(tab, value, x, y, method))

    @app.callback(
        Output(ids.SWEEP_PARALLEL, "children"),
        Output(ids.SWEEP_CHOSEN, "data"),
        Input(ids.SWEEP_STATUS, "data-revision"),
        Input(ids.SWEEP_VALUE, "value"),
        Input(ids.SWEEP_BRUSH, "data"),
        State(ids.URL, "pathname"),
    )
    async def draw_coordinates(_: Any, value: Any, brush: Any, path: str) -> tuple[Any, Any]:
        return await looking.coordinates(parse(path, None), value, brush)

    @app.callback(
        Output(ids.SWEEP_COMPARE, "children"),
        Input(ids.SWEEP_STATUS, "data-revision"),
        Input(ids.SWEEP_COMPARED, "data"),
        State(ids.URL, "pathname"),
    )
    async def draw_comparison(_: Any, chosen: Any, path: str) -> Any:
        return await looking.compare(parse(path, None), chosen)

    for button, act in (
        (ids.SWEEP_PAUSE, changing.pause),
        (ids.SWEEP_RESUME, changing.resume),
        (ids.SWEEP_EXTEND, changing.extend),
    ):
        _let_act(app, button, act)

    # What needs no server: a rectangle, a choice in the table, rows left out, the address.
    for name, output, inputs in (
        ("brushed", Output(ids.SWEEP_BRUSH, "data"), [Input("parallel", "selectedData")]),
        ("chosen", Output(ids.SWEEP_COMPARED, "data"), [Input(ids.TRIALS_GRID, "selectedRows")]),
        ("filtered", Output(ids.TRIALS_GRID, "className"), [Input(ids.SWEEP_CHOSEN, "data")]),
        (
            "addressed",
            Output(ids.SWEEP_ANALYSIS, "data-tab"),
            [
                Input(ids.SWEEP_TABS, "value"),
                Input(ids.SWEEP_VALUE, "value"),
                Input(ids.SWEEP_X, "value"),
                Input(ids.SWEEP_Y, "value"),
                Input(ids.SWEEP_METHOD, "value"),
                Input(ids.SWEEP_BRUSH, "data"),
                Input(ids.SWEEP_COMPARED, "data"),
            ],
        ),
    ):
        prevent = name in ("brushed", "chosen")
        app.clientside_callback(  # type: ignore[no-untyped-call]
            ClientsideFunction("idlehands_sweep", name), output, *inputs, prevent_initial_call=prevent
        )


def _let_act(app: Dash, button: str, act: Callable[[View], Awaitable[Any]]) -> None:
    @app.callback(
        Output(ids.NOTE, "children", allow_duplicate=True),
        Input(button, "n_clicks"),
        State(ids.URL, "pathname"),
        prevent_initial_call=True,
    )
    async def change(clicks: int | None, path: str) -> Any:
        clicked(clicks)
        return await act(parse(path, None))
