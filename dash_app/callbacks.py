"""Every callback: two lines that call what does the work. All are `async def`: a sync one blocks all."""

from typing import Any

from dash import ClientsideFunction, Dash, Input, Output

from dash_app import component_ids as ids
from dash_app.addresses import parse
from dash_app.pages.rendering import Pages
from dash_app.shell import navigation


def register(app: Dash, pages: Pages) -> None:
    """Add all callbacks."""

    @app.callback(
        Output(ids.PAGE, "children"),
        Output(ids.NAVIGATION, "children"),
        Input(ids.URL, "pathname"),
        Input(ids.URL, "search"),
    )
    async def show_page(path: str | None, query: str | None) -> tuple[Any, Any]:
        view = parse(path, query)
        return await pages.page(view), navigation(view)

    # Once a page is there, the live feed is told which.
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("idlehands", "shown"), Output(ids.PAGE, "data-shown"), Input(ids.PAGE, "children")
    )
