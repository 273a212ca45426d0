"""What is around the list of jobs: its columns, the filter, groups, saved views, what to do with many."""

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dash_app import component_ids as ids
from dash_app.jobs_asked import JobsAsked
from dash_app.presenters import pieces, words
from dash_app.presenters.plain import plain
from hq.rest.job_table import GROUPS, INDEXED, NEWEST, SORTS

Column = dict[str, Any]
Document = dict[str, Any]

#: Shown unless the address says otherwise.
USUAL = ("name", "status", "percent", "machine", "params", "why", "seconds", "submitted")
_QUIET = {"cellClass": "quiet"}
_MOMENT = {"valueFormatter": {"function": "moment(params.value)"}}
_NUMBER = {"cellClass": "number"}
_COLUMNS: tuple[Column, ...] = (
    {"field": "name", "headerName": "Job", "cellRenderer": "JobLink", "flex": 3, "minWidth": 150},
    {"field": "status", "headerName": "Status", "cellRenderer": "Status", "width": 132},
    {"field": "percent", "headerName": "Progress", "cellRenderer": "Progress", "width": 130},
    {"field": "machine", "headerName": "Machine", "width": 120, **_QUIET},
    {
        "field": "params",
        "headerName": "Parameters",
        "flex": 3,
        "minWidth": 140,
        "cellClass": "mono",
        "tooltipField": "params",
    },
    {
        "field": "why",
        "headerName": "Why",
        "flex": 2,
        "minWidth": 120,
        "tooltipField": "why",
        "cellClassRules": {"is-hanging": "params.data.hangs", "quiet": "!params.data.hangs"},
    },
    {
        "field": "seconds",
        "headerName": "Took",
        "width": 100,
        "valueFormatter": {"function": "duration(params.value)"},
        **_NUMBER,
    },
    {"field": "submitted", "headerName": "Submitted", "width": 130, **_QUIET, **_MOMENT},
    {"field": "began", "headerName": "Began", "width": 130, **_QUIET, **_MOMENT},
    {"field": "ended", "headerName": "Ended", "width": 130, **_QUIET, **_MOMENT},
    {"field": "script", "headerName": "Script", "width": 140, **_QUIET},
    {"field": "submitter", "headerName": "Submitted by", "width": 130, **_QUIET},
    {"field": "sweep", "headerName": "Sweep", "cellRenderer": "SweepOfJob", "width": 150},
    {"field": "trial", "headerName": "Trial", "width": 84, **_NUMBER},
    {"field": "priority", "headerName": "Priority", "width": 96, **_NUMBER},
    {"field": "attempts", "headerName": "Attempts", "width": 104, **_NUMBER},
    {"field": "id", "headerName": "Id", "width": 150, "cellClass": "mono"},
)


def columns(asked: JobsAsked) -> list[Column]:
    """Return the columns of the list of jobs: those that are not shown are there too, to be chosen."""
    shown = asked.columns or USUAL
    name = asked.sort.lstrip("-")
    way = "desc" if asked.sort.startswith("-") else "asc"
    found: list[Column] = [
        # What came last is first among equals, and everywhere without another order.
        {
            "field": "order",
            "hide": True,
            "sort": way if asked.sort.endswith("submitted") else "desc",
            "sortIndex": 9,
        },
    ]
    for column in _COLUMNS:
        field = column["field"]
        more: Column = {"hide": field not in shown, "sortable": field in SORTS}
        if field in SORTS and field not in INDEXED:
            more["headerTooltip"] = "Sorting by this looks at all jobs: there is no index of it."
        if field == name and asked.sort != NEWEST:
            more |= {"sort": way, "sortIndex": 0}
        found.append({**column, **more})
    return found


def controls(asked: JobsAsked, error: str, user: str, labels: Component) -> Component:
    """Return the filter, the labels, the grouping, the choice of columns and the saved views."""
    return html.Div(
        [
            dmc.TextInput(
                id=ids.JOBS_WHERE,
                value=plain(asked.where, 2000),
                placeholder="script = train, machine = attic, lr < 0.01, seconds > 60, name ~ fold",
                error=error or None,
                debounce=True,
                size="xs",
                inputProps={
                    "aria-label": "Only jobs with",
                    "autoComplete": "off",
                    "spellCheck": "false",
                    "data-search": "yes",
                },
            ),
            labels,
            dmc.Select(
                id=ids.JOBS_GROUP,
                data=[{"value": one, "label": f"By {one}"} for one in GROUPS],
                value=asked.group or None,
                placeholder="Not grouped",
                clearable=True,
                size="xs",
                w=140,
                **pieces.attributes(aria_label="Group by"),
            ),
            _menu("Columns", html.Div([_tick(one, asked) for one in _COLUMNS], id="jobs-columns")),
            _menu("Views", _views()),
        ],
        className="jobs-controls",
        **pieces.attributes(data_user=user, data_shown=plain(asked.where, 2000), data_group=asked.group),
    )


def _menu(title: str, inside: Component) -> Component:
    return html.Details([html.Summary(title), html.Div(inside, className="menu-body")], className="menu")


def _tick(column: Column, asked: JobsAsked) -> Component:
    field = column["field"]
    is_shown = field in (asked.columns or USUAL)
    return html.Label(
        [
            # A button that is pressed or not: the browser alone shows and hides a column.
            html.Button(
                column["headerName"],
                className="menu-choice",
                **pieces.attributes(data_column=field, aria_pressed="true" if is_shown else "false"),
            ),
        ]
    )


def _views() -> Component:
    return html.Div(
        [
            html.Ul(id="jobs-views", className="menu-list"),
            html.Div(
                [
                    html.Button("Save this view", id="jobs-save-view", className="menu-choice"),
                    html.P(
                        "Kept in this browser, for you. Its address is the same for everybody.",
                        className="quiet",
                    ),
                ]
            ),
        ]
    )


def many(may_change: bool) -> Component:
    """Return what can be done with several jobs; `assets/jobs.js` fills it as they are chosen."""
    return html.Div(
        id="jobs-many", className="jobs-many", **pieces.attributes(data_may="yes" if may_change else "no")
    )


def groups(found: Sequence[Document], asked: JobsAsked) -> list[Component]:
    """Return the groups, each leading to its jobs, with how many of them stand where."""
    if not found:
        return [html.P("No job to group.", className="quiet")]
    statuses = [one for one in words.STATUS_WORDS if any(group["statuses"].get(one) for group in found)]
    head = [asked.group.capitalize(), "Jobs", *(words.STATUS_WORDS[one] for one in statuses)]
    body = [
        html.Tr(
            [
                html.Td(_group_link(group, asked), className="name"),
                html.Td(f"{group['count']:,}".replace(",", "\N{THIN SPACE}")),
                *(html.Td(str(group["statuses"].get(one) or "")) for one in statuses),
            ]
        )
        for group in found
    ]
    table = html.Table(
        [html.Thead(html.Tr([html.Th(one) for one in head])), html.Tbody(body)], className="numbers"
    )
    return [html.Div(table, className="sideways")]


def _group_link(group: Document, asked: JobsAsked) -> Any:
    value = group["value"]
    if value in (None, ""):
        return html.Span("none", className="quiet")
    if asked.group == "status":
        return html.A(words.STATUS_WORDS.get(value, value), href=asked.address(status=value, group=""))
    quoted = str(value).replace('"', "")
    condition = f'{asked.group} = "{quoted}"'
    where = f"{asked.where}, {condition}" if asked.where else condition
    return html.A(plain(value, 120), href=asked.address(where=where, group=""))


def looking_words() -> str:
    """Return what is said while all jobs are looked at."""
    return "There is no index of this: all jobs are being looked at. What is found comes here by itself."


def given_up_words(after_ms: int) -> str:
    """Return what is said when that took too long."""
    return (
        f"Given up after {after_ms / 1000:g} s: there are too many jobs to look at each of them for this. "
        "Choose a status, the newest first, or ask for a submitter, a sweep or an id."
    )


def scan_words(sort: str) -> str:
    """Return what is said of a filter or order that has no index."""
    if sort.lstrip("-") == "seconds":
        return "Only jobs that have ended. There is no index of this: all are looked at."
    return "There is no index of this: all jobs are looked at."
