"""Figures as components with their titles."""

from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dash_app.curves_look import Look
from dash_app.presenters import figures
from dash_app.presenters.plain import plain
from dash_app.presenters.series import Series
from dash_app.presenters.words import number
from schemas.resources import CPU, GPU, GPU_MEMORY, MEMORY, QUIET, describe_quiet


def chart(identity: str, figure: dict[str, Any], height: int) -> Component:
    """Return a figure that fills the width it has."""
    return dcc.Graph(id=identity, figure=figure, config=figures.CONFIG, style={"height": f"{height}px"})


#: What the agent measures, as people call it.
_RESOURCES = {
    CPU: "CPU, % of a core",
    MEMORY: "Memory, MB",
    GPU: "Graphics card, %",
    GPU_MEMORY: "Video memory, MB",
}


def usage(series: dict[str, Series], job: str) -> list[Component]:
    """Return a small chart for each thing of the machine that a job uses, with the last and largest value."""
    if not series:
        return [html.P("Measured from the second second on.", className="quiet")]
    found: list[Component] = []
    quiet = series.pop(QUIET, None)
    if (
        quiet is not None
        and quiet.x[-1] == max((one.x[-1] for one in series.values()), default=0.0)
        and quiet.y[-1]
    ):
        found.append(html.P(describe_quiet(quiet.y[-1], job).replace("`", ""), className="failure"))
    for name, one in series.items():
        values = [value for value in one.y if value is not None] or [0.0]
        said = f"{number(round(values[-1]))}, at most {number(round(max(values)))}"
        title = [html.Bdi(_RESOURCES.get(name, name)), html.Span(said)]
        identity = name.replace("/", "-")
        found.append(html.Div([html.H3(title), chart(identity, figures.usage(one), 120)], className="curve"))
    return found


def curves(series: dict[str, Series], look: Look = Look()) -> list[Component]:  # noqa: B008 - it is frozen
    """Return a small chart for each metric of a job, with its latest value."""
    if not series:
        return [
            html.P(
                "No metrics yet: lines of JSON with numbers in them become curves here, and what is logged "
                "by TensorBoard, MLflow or wandb.",
                className="quiet",
            )
        ]
    found: list[Component] = []
    for at, (name, one) in enumerate(series.items()):
        latest = next((value for value in reversed(one.y) if value is not None), None)
        title = [html.Bdi(plain(name, 60)), html.Span("" if latest is None else number(latest))]
        found.append(
            html.Div([html.H3(title), chart(f"curve-{at}", figures.curve(one, look), 168)], className="curve")
        )
    return found
