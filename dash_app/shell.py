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
    ("Jobs", "/jobs", ("jobs", "job")),
    ("Sweeps", "/sweeps", ("sweeps", "sweep")),
    ("Results", "/results", ("results",)),
    ("Data", "/data", ("data", "dataset")),
    ("New", "/new", ("new",)),
    ("Events", "/events", ("events",)),
    ("Settings", "/settings", ("settings",)),
)


def layout() -> Any:
    """Return the frame; the page itself comes by a callback on the address."""
    frame = html.Div(
        [
            dcc.Location(id=component_ids.URL, refresh="callback-nav"),
            html.Header(
                [
                    html.A([html.Span(className="mark"), "Idlehands"], href="/", className="brand"),
                    html.Nav(id=component_ids.NAVIGATION, className="navigation"),
                    html.Div(
                        [
                            html.Span(
                                className="live", title="Live: this page shows what happens as it happens."
                            ),
                            dmc.ColorSchemeToggle(
                                id=component_ids.THEME,
                                lightIcon=html.Span("\N{WHITE SUN WITH RAYS}"),
                                darkIcon=html.Span("\N{LAST QUARTER MOON}"),
                                variant="subtle",
                                color="gray",
                                **pieces.attributes(aria_label="Light or dark"),
                            ),
                            html.Button(
                                "Log out",
                                id=component_ids.LOG_OUT,
                                className="log-out",
                                title="Of this browser",
                            ),
                        ],
                        className="tools",
                    ),
                ],
                className="top",
            ),
            html.Main(id=component_ids.PAGE, className="page"),
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


def navigation(view: View) -> list[Component]:
    """Return the ways to the pages, the present one marked."""
    return [
        html.A(
            [html.Span(className=f"icon icon-{name.lower()}"), html.Span(name)],
            href=address,
            className="way is-here" if view.kind in kinds else "way",
            **(pieces.attributes(aria_current="page") if view.kind in kinds else {}),
        )
        for name, address, kinds in _PAGES
    ]
