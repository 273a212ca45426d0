"""The list of pipelines, and one: how it stands and its steps, live."""

from typing import Any

from dash import html

from dash_app import component_ids as ids
from dash_app.presenters import pieces
from dash_app.presenters import pipelines as shown
from hq.rest import pipelines
from hq.rest.database import Document
from hq.rest.house import House
from hq.rest.problems import not_found

_MOST = 100


async def list_page(house: House) -> list[Any]:
    """Return the newest pipelines."""
    found = (await pipelines.list_pipelines(house.database, limit=_MOST))["pipelines"]
    first = pieces.empty(
        "No pipeline yet.",
        html.P("A pipeline is a file with steps that wait for each other. From a terminal:"),
        html.P(pieces.code("idlehands pipeline run docs/examples/pipeline.yaml")),
    )
    return [
        pieces.head("Pipelines", over=[html.A("Jobs", href="/jobs"), " / Pipelines"]),
        pieces.panel("Newest", shown.rows(found)) if found else first,
    ]


async def page(house: House, identity: str, may_change: bool) -> list[Any]:
    """Return one pipeline.

    Raises:
        Problem: 404 when there is no such pipeline.
    """
    found = await pipelines.read_pipeline(house.database, identity)
    if found is None:
        raise not_found("pipeline", identity)
    told = pieces.attributes(data_status=str(found["status"]), data_may="yes" if may_change else "no")
    return [
        shown.title(found),
        html.Div(shown.status(found), id=ids.PIPELINE_STATUS, className="status", **told),
        pieces.panel("Steps", shown.steps(found), id=ids.PIPELINE_STEPS),
    ]


async def read_of_step(house: House, spec: Document) -> Document | None:
    """Return the pipeline that a job's spec is of, or None."""
    identity = spec.get("pipeline")
    return await pipelines.read_pipeline(house.database, identity) if identity else None
