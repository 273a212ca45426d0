"""One job: how it stands, its log and curves as they come, what it was given and what it gave."""

from typing import Any

from dash import html

from dash_app import component_ids as ids
from dash_app.curves_look import Look
from dash_app.live.job_feed import props_of, read_why
from dash_app.pages.pipelines import read_of_step
from dash_app.presenters import job as words
from dash_app.presenters import job_tools, labels, pieces, pipelines, registry
from hq.rest import queries
from hq.rest.house import House
from hq.rest.models import read_of_job
from hq.rest.problems import not_found


async def page(house: House, job: str, percents: dict[str, float], may_change: bool, look: Look) -> list[Any]:
    """Return the page.

    Raises:
        Problem: 404 when there is no such job.
    """
    found = await queries.read_job(house.database, job)
    if found is None:
        raise not_found("job", job)
    shown = props_of(found, await read_why(house, found), percents.get(job))
    left = [
        # The style sheet shows it once there is a chart in it.
        pieces.panel("What came out", shown[ids.JOB_CHARTS]["children"], id=ids.JOB_CHARTS, kind="charts"),
        pieces.panel("Curves", id=ids.JOB_CURVES, kind="curves", aside=job_tools.curve_tools(look)),
        pieces.panel("Use of the machine", id=ids.JOB_USAGE, kind="curves"),
        job_tools.log(job),
    ]
    right = [
        pieces.panel("Result", shown[ids.JOB_RESULT]["children"], id=ids.JOB_RESULT),
        *pipelines.panel(await read_of_step(house, found["spec"]), job),
        pieces.panel("Files", shown[ids.JOB_ARTIFACTS]["children"], id=ids.JOB_ARTIFACTS),
        pieces.panel("Parameters", words.parameters(found)),
        pieces.panel("About", shown[ids.JOB_FACTS]["children"], id=ids.JOB_FACTS),
        pieces.panel("Model", await _models(house, found, may_change), id=ids.JOB_MODELS),
        labels.panel(found, "jobs", may_change),
        pieces.panel("Attempts", shown[ids.JOB_ATTEMPTS]["children"], id=ids.JOB_ATTEMPTS),
        pieces.panel("Timeline", id=ids.JOB_TIMELINE),
        pieces.panel("From a terminal", job_tools.commands(found)),
    ]
    return [
        words.title(found),
        html.Div(
            shown[ids.JOB_STATUS]["children"],
            id=ids.JOB_STATUS,
            className="status",
            **pieces.attributes(data_status=str(found["status"]), data_may="yes" if may_change else "no"),
        ),
        html.Div(
            [html.Div(left, className="column"), html.Div(right, className="column")], className="panels"
        ),
    ]


async def _models(house: House, job: dict[str, Any], may_change: bool) -> list[Any]:
    """Return which models it became; whether it can be one is known once it has ended."""
    has_files = job["status"] in ("succeeded", "pruned") and bool(words.last_result(job).get("artifacts"))
    return registry.of_job(await read_of_job(house.database, job["id"]), may_change, has_files)
