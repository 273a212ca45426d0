"""How tables look and behave: AG Grid's options. Functions named here are in `assets/grid.js`."""

from typing import Any

import dash_ag_grid as dag

from dash_app.presenters.plain import plain

_THEME = (
    "themeQuartz.withParams({"
    "backgroundColor: 'transparent', foregroundColor: 'var(--ink)', borderColor: 'var(--line)',"
    "headerBackgroundColor: 'transparent', headerTextColor: 'var(--quiet)', headerFontWeight: 500,"
    "rowHoverColor: 'var(--hover)', wrapperBorder: false, headerFontSize: 12, fontSize: 13.5,"
    "fontFamily: 'inherit', rowHeight: 42, headerHeight: 36, headerColumnBorder: false,"
    "headerColumnResizeHandleColor: 'transparent', accentColor: 'var(--accent)', spacing: 7,"
    "selectedRowBackgroundColor: 'var(--hover)'})"
)
#: A table of so few rows is as high as they are; `assets/live.js` knows the same.
_FEW = 10
Column = dict[str, Any]
_CHOOSING: Column = {
    "pinned": "left",
    "width": 44,
    "resizable": False,
    # Heard, not seen: the boxes below say what the column is.
    "headerName": "Chosen",
    "headerClass": "only-heard",
}


def grid(identity: str, columns: list[Column], rows: list[dict[str, Any]], nothing: str) -> dag.AgGrid:
    """Return a table with string row ids whose rows the live feed changes in place."""
    is_short = 0 < len(rows) <= _FEW
    return dag.AgGrid(
        id=identity,
        columnDefs=columns,
        rowData=rows,
        getRowId="params.data.id",
        defaultColDef={"sortable": True, "resizable": True, "suppressMovable": True, "minWidth": 70},
        dashGridOptions={
            "theme": {"function": _THEME},
            "animateRows": False,
            "asyncTransactionWaitMillis": 0,
            "suppressCellFocus": False,
            # Columns that are out of sight are there for those who do not look.
            "suppressColumnVirtualisation": True,
            "overlayNoRowsTemplate": None,
            "localeText": {"noRowsToShow": nothing},
            "tooltipShowDelay": 400,
            "enableCellTextSelection": True,
            **({"domLayout": "autoHeight"} if is_short else {}),
        },
        className="grid is-short" if is_short else "grid",
        style={"height": None},
        # Cells are drawn by functions of ours that make text nodes, nothing else.
        dangerously_allow_code=False,
    )


def paged_grid(identity: str, columns: list[Column], nothing: str) -> dag.AgGrid:
    """Return a table whose rows `assets/results.js` brings page by page while it is scrolled."""
    shown = grid(identity, columns, [], nothing)
    shown.rowModelType = "infinite"
    del shown.rowData
    shown.dashGridOptions = {
        **shown.dashGridOptions,
        "cacheBlockSize": 100,
        "maxBlocksInCache": 10,
        "maxConcurrentDatasourceRequests": 2,
        "blockLoadDebounceMillis": 60,
        "rowSelection": {"mode": "multiRow", "headerCheckbox": False, "enableClickSelection": False},
        "suppressColumnVirtualisation": False,
        "selectionColumnDef": _CHOOSING,
        "rowHeight": 36,
    }
    return shown


def let_choose(table: dag.AgGrid, chosen: list[str]) -> None:
    """Let rows be chosen, several of them, by a box before each; these are at the start."""
    table.dashGridOptions["rowSelection"] = {"mode": "multiRow", "headerCheckbox": False}
    table.dashGridOptions["selectionColumnDef"] = {
        "headerName": "Chosen",
        "headerClass": "only-heard",
        "width": 46,
        "resizable": False,
    }
    table.selectedRows = {"ids": chosen}


def event_columns() -> list[Column]:
    """Return the columns of the list of events; newest first."""
    moment = {"function": "moment(params.value)"}
    return [
        {"field": "order", "hide": True, "sort": "desc"},
        {"field": "at", "headerName": "When", "width": 150, "cellClass": "quiet", "valueFormatter": moment},
        {"field": "what", "headerName": "What", "width": 180, "cellRenderer": "Happening"},
        {"field": "job", "headerName": "Job", "width": 156, "cellRenderer": "JobLink"},
        {
            "field": "about",
            "headerName": "About",
            "flex": 3,
            "minWidth": 180,
            "cellClass": "quiet",
            "tooltipField": "about",
        },
        {"field": "machine", "headerName": "Machine", "width": 130, "cellClass": "quiet"},
        {"field": "who", "headerName": "Who", "width": 120, "cellClass": "quiet"},
    ]


def sweep_columns() -> list[Column]:
    """Return the columns of the list of sweeps; newest first, as they come."""
    return [
        {"field": "name", "headerName": "Sweep", "cellRenderer": "SweepLink", "flex": 3, "minWidth": 150},
        {"field": "status", "headerName": "Status", "cellRenderer": "Status", "width": 132},
        {"field": "percent", "headerName": "Progress", "cellRenderer": "Progress", "width": 130},
        {"field": "trials", "headerName": "Trials", "width": 120, "cellClass": "number"},
        {"field": "goal", "headerName": "Goal", "flex": 2, "minWidth": 120, "cellClass": "quiet"},
        {"field": "sampler", "headerName": "Sampler", "width": 110, "cellClass": "quiet"},
        {
            "field": "submitted",
            "headerName": "Submitted",
            "width": 130,
            "cellClass": "quiet",
            "valueFormatter": {"function": "moment(params.value)"},
        },
    ]


def trial_columns(
    metric: str, names: list[str], *, is_population: bool = False, is_asked: bool = False
) -> list[Column]:
    """Return the columns of a sweep's trials: what was tried beside what came of it.

    Those of a population also say from which trial they went on; those that a program asks for, who asked.
    """
    number = {"function": "number(params.value)"}
    parent: Column = {"field": "parent", "headerName": "Goes on from", "width": 120, "cellClass": "number"}
    return [
        {"field": "trial", "headerName": "Trial", "cellRenderer": "JobLink", "width": 84, "sort": "desc"},
        {"field": "status", "headerName": "Status", "cellRenderer": "Status", "width": 132},
        {"field": "percent", "headerName": "Progress", "cellRenderer": "Progress", "width": 120},
        {
            "field": "value",
            "headerName": plain(metric, 60) or "Result",
            "width": 120,
            "valueFormatter": number,
        },
        *(
            {
                "field": f"p_{at}",
                "headerName": plain(name, 60),
                "flex": 1,
                "minWidth": 96,
                "cellClass": "mono",
                "valueFormatter": number,
            }
            for at, name in enumerate(names)
        ),
        *([parent] if is_population else []),
        {
            "field": "machine",
            "headerName": "Asked by" if is_asked else "Machine",
            "width": 120,
            "cellClass": "quiet",
        },
        {
            "field": "seconds",
            "headerName": "Took",
            "width": 100,
            "cellClass": "number",
            "valueFormatter": {"function": "duration(params.value)"},
        },
    ]
