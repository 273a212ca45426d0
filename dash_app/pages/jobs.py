"""The list of jobs: newest first or in another order, filtered, grouped, live in place."""

import asyncio

from dash import html
from dash.development.base_component import Component

from dash_app import component_ids as ids
from dash_app.addresses import View
from dash_app.jobs_asked import JobsAsked, jobs_asked, readable
from dash_app.live.hearing import Hearing
from dash_app.live.jobs_feed import read_shown
from dash_app.pages.first import SOON_MS, none, soon
from dash_app.presenters import counts, grids, job_list, jobs, pieces, words
from dash_app.presenters import labels as label_words
from hq.rest import board, job_table, labels
from hq.rest.database import QUERY_MS
from hq.rest.house import House
from hq.rest.job_table import NEWEST


async def page(house: House, view: View, hearing: Hearing, user: str, may_change: bool) -> list[Component]:
    """Return the page."""
    asked, percents, quiet = jobs_asked(view), hearing.percents(), hearing.quiet()
    wanted, error = readable(asked, quiet)
    scans = job_table.scans(wanted, asked.sort)
    # What takes long comes by the feed, which reads it too; the page is there before that.
    match = job_table.match_of(wanted)
    found, known, groups, known_labels = await asyncio.gather(
        soon(read_shown(house, asked, quiet, SOON_MS if scans else QUERY_MS), scans),
        soon(board.count_jobs(house.database, SOON_MS)),
        soon(job_table.read_groups(house.database, match, asked.group, SOON_MS)) if asked.group else none(),
        labels.read_labels(house.database, "jobs"),
    )
    said = job_list.scan_words(asked.sort) if scans else ""
    said = job_list.looking_words() if found is None else said
    rows = [jobs.row(job, percents.get(job["id"]), quiet.get(job["id"])) for job in found or ()]
    nothing = _nothing(asked) if found is not None else " "
    table = grids.grid(ids.JOBS_GRID, job_list.columns(asked), rows, nothing)
    if may_change:
        grids.let_choose(table, [])
    grouped = []
    if asked.group:
        shown: list[Component] = [html.P("Being counted.", className="quiet")]
        if groups is not None:
            shown = job_list.groups(groups, asked)
        grouped = [pieces.panel(f"By {asked.group}", shown, id=ids.JOBS_GROUPS, kind="grouped")]
    return [
        pieces.head(
            "Jobs",
            html.A("Pipelines", href="/pipelines", className="button is-plain"),
            *([pieces.button("New job", "/new")] if may_change else []),
        ),
        html.Nav(
            counts.filters(known, asked, len(quiet)),
            id=ids.JOBS_COUNTS,
            className="filters",
            **pieces.attributes(aria_label="By status"),
        ),
        job_list.controls(asked, error, user, label_words.choices(known_labels, asked.project, asked.tag)),
        *grouped,
        html.Div(
            [html.Span(said, id=ids.JOBS_SAID, className="quiet", role="status"), job_list.many(may_change)],
            className="above-table is-of-jobs",
        ),
        table,
        _further(asked, rows),
    ]


def _nothing(asked: JobsAsked) -> str:
    if asked.is_hanging:
        return "No job seems to hang."
    if asked.where or asked.project or asked.tag:
        return "No job meets the filter."
    return "No job yet." if asked.status is None else f"No job is {words.STATUS_WORDS[asked.status].lower()}."


def _further(asked: JobsAsked, rows: list[dict[str, object]]) -> Component:
    links = []
    if asked.before is not None or asked.page:
        links.append(html.A("Newest" if asked.sort == NEWEST else "First", href=asked.address()))
    if len(rows) == board.MOST_ROWS:
        if asked.sort == NEWEST:
            links.append(html.A("Older", href=asked.address(before=str(rows[-1]["order"]))))
        elif (asked.page + 1) * board.MOST_ROWS < job_table.MOST_SKIPPED:
            links.append(html.A("More", href=asked.address(page=str(asked.page + 1))))
    return html.Div(links, className="further")
