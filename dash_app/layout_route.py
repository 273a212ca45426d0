"""What the first document shows, at once: `/_dash-layout` with the page of an address already in it.

Dash alone would bring an empty frame, and then ask for the page. Without an
address it still does.
"""

from typing import Annotated, Any

from fastapi import FastAPI, Query
from plotly.io.json import to_json_plotly
from starlette.responses import Response

from dash_app.addresses import parse
from dash_app.pages.rendering import Pages
from dash_app.shell import layout

LAYOUT = "/_dash-layout"
_LONGEST = 16_000


def add_route(app: FastAPI, pages: Pages) -> None:
    """Add the route, before Dash adds its own for the same path."""

    @app.get(LAYOUT, include_in_schema=False)
    async def first_layout(
        path: Annotated[str | None, Query(max_length=_LONGEST)] = None,
        query: Annotated[str, Query(max_length=_LONGEST)] = "",
    ) -> Response:
        shown: Any = None
        if path is not None:
            view = parse(path, query)
            shown = (path, query, view, await pages.page(view, query))
        return Response(to_json_plotly(layout(shown)), media_type="application/json")
