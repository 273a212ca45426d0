"""What is around every page: the name, the way to the pages, whether it is live, light or dark."""

from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from dash_app import component_ids
from dash_app.addresses import View
from dash_app.presenters import pieces

_PAGES = (
    ("House", "/", ("house",)),
    ("Jobs", "/jobs", ("jobs", "job", "pipelines", "pipeline")),
    ("Sweeps", "/sweeps", ("sweeps", "sweep")),
    ("Results", "/results", ("results",)),
)
#: On a phone these are behind a button, as a bar at the bottom has room for five.
_FURTHER = (
    ("New", "/new", ("new",)),
    ("Data", "/data", ("data", "dataset", "models", "model")),
    ("Services", "/services", ("services", "service")),
    ("Events", "/events", ("events",)),
    ("Settings", "/settings", ("settings",)),
)
_LIVE = "Live: this page shows what happens as it happens."


def layout(shown: tuple[str, str, View, list[Any]] | None = None) -> Any:
    """Return the frame.

    Args:
        shown: Path and query as the browser has them, what they mean, and the page. Without it the page
            comes by a callback on the address.
    """
    path, query, view, page = shown if shown is not None else (None, None, None, None)
    address = {} if path is None else {"pathname": path, "search": query}
    frame = html.Div(
        [
            dcc.Location(id=component_ids.URL, refresh="callback-nav", **address),
            html.A("Skip to content", href="#page", className="skip"),
            html.Header(
                [
                    html.A([html.Span(className="mark"), "Idlehands"], href="/", className="brand"),
                    html.Nav(
                        None if view is None else navigation(view),
                        id=component_ids.NAVIGATION,
                        className="navigation",
                        **pieces.attributes(aria_label="Pages"),
                    ),
                    html.Div(_tools(), className="tools"),
                ],
                className="top",
            ),
            # Focus comes here from the link that skips the way to the pages.
            html.Main(page, id=component_ids.PAGE, className="page", tabIndex="-1"),
            html.Div(id=component_ids.NOTE, className="note", role="status"),
        ],
        className="frame",
    )
    return dmc.MantineProvider(
        frame,
        defaultColorScheme="auto",
        theme={
            "primaryColor": "teal",
            "fontFamily": "var(--sans)",
            "fontFamilyMonospace": "var(--mono)",
            "defaultRadius": "md",
        },
    )


def _tools() -> list[Any]:
    return [
        html.Span(className="live", title=_LIVE, role="status"),
        html.Button(
            html.Span(className="icon icon-find"),
            className="tool",
            title="Go to a page, job, sweep or machine (Ctrl K)",
            **pieces.attributes(aria_label="Go to", data_palette="yes"),
        ),
        dmc.ColorSchemeToggle(
            id=component_ids.THEME,
            lightIcon=html.Span(className="icon icon-light"),
            darkIcon=html.Span(className="icon icon-dark"),
            variant="subtle",
            color="gray",
            **pieces.attributes(aria_label="Light or dark"),
        ),
        html.Button(
            [html.Span(className="icon icon-out"), html.Span("Log out")],
            id=component_ids.LOG_OUT,
            className="log-out",
            title="Of this browser",
        ),
    ]


def navigation(view: View) -> list[Component]:
    """Return the ways to the pages, the present one marked."""
    is_further = any(view.kind in kinds for _, _, kinds in _FURTHER)
    return [
        *(_way(view, *one) for one in _PAGES),
        html.Button(
            [html.Span(className="icon icon-more"), html.Span("More")],
            className="more-button is-here" if is_further else "more-button",
            **pieces.attributes(aria_expanded="false", aria_controls="more"),
        ),
        html.Div([_way(view, *one) for one in _FURTHER], id="more", className="more"),
    ]


def _way(view: View, name: str, address: str, kinds: tuple[str, ...]) -> Component:
    return html.A(
        [html.Span(className=f"icon icon-{name.lower()}"), html.Span(name)],
        href=address,
        className="way is-here" if view.kind in kinds else "way",
        **(pieces.attributes(aria_current="page") if view.kind in kinds else {}),
    )
