"""The list of jobs: newest first, by status, live in place."""

from dash import html
from dash.development.base_component import Component

from dash_app import addresses, component_ids
from dash_app.addresses import View
from dash_app.presenters import counts, grids, jobs, pieces, words
from hq.rest import board
from hq.rest.house import House


async def page(house: House, view: View, percents: dict[str, float], may_change: bool) -> list[Component]:
    """Return the page."""
    found = await board.read_newest(house.database, status=view.status, before=view.before)
    known = await board.count_jobs(house.database)
    rows = [jobs.row(job, percents.get(job["id"])) for job in found]
    nothing = (
        "No job yet." if view.status is None else f"No job is {words.STATUS_WORDS[view.status].lower()}."
    )
    return [
        pieces.head("Jobs", *([pieces.button("New job", "/new")] if may_change else [])),
        html.Nav(
            counts.filters(known, view.status),
            id=component_ids.JOBS_COUNTS,
            className="filters",
            **pieces.attributes(aria_label="By status"),
        ),
        grids.grid(component_ids.JOBS_GRID, grids.job_columns(), rows, nothing),
        _further(view, rows),
    ]


def _further(view: View, rows: list[dict[str, object]]) -> Component:
    links = []
    if view.before is not None:
        links.append(html.A("Newest", href=addresses.of_jobs(view.status)))
    if len(rows) == board.MOST_ROWS:
        oldest = int(str(rows[-1]["order"]))
        links.append(html.A("Older", href=addresses.of_jobs(view.status, oldest)))
    return html.Div(links, className="further")
