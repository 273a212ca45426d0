"""Figures as components with their titles."""

from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dash_app.presenters import figures
from dash_app.presenters.plain import plain
from dash_app.presenters.series import Series
from dash_app.presenters.words import number


def chart(identity: str, figure: dict[str, Any], height: int) -> Component:
    """Return a figure that fills the width it has."""
    return dcc.Graph(id=identity, figure=figure, config=figures.CONFIG, style={"height": f"{height}px"})


def curves(series: dict[str, Series]) -> list[Component]:
    """Return a small chart for each metric of a job, with its latest value."""
    if not series:
        return [
            html.P(
                "No metrics yet: lines of JSON with numbers in them become curves here.", className="quiet"
            )
        ]
    found: list[Component] = []
    for at, (name, one) in enumerate(series.items()):
        latest = next((value for value in reversed(one.y) if value is not None), None)
        title = [html.Bdi(plain(name, 60)), html.Span("" if latest is None else number(latest))]
        found.append(
            html.Div([html.H3(title), chart(f"curve-{at}", figures.curve(one), 168)], className="curve")
        )
    return found
