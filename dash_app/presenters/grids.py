"""How tables look and behave: AG Grid's options. Functions named here are in `assets/grid.js`."""

from typing import Any

import dash_ag_grid as dag

_THEME = (
    "themeQuartz.withParams({"
    "backgroundColor: 'transparent', foregroundColor: 'var(--ink)', borderColor: 'var(--line)',"
    "headerBackgroundColor: 'transparent', headerTextColor: 'var(--quiet)', headerFontWeight: 500,"
    "rowHoverColor: 'var(--hover)', wrapperBorder: false, headerFontSize: 12, fontSize: 13.5,"
    "fontFamily: 'inherit', rowHeight: 42, headerHeight: 36, headerColumnBorder: false,"
    "headerColumnResizeHandleColor: 'transparent', accentColor: 'var(--accent)', spacing: 7,"
    "selectedRowBackgroundColor: 'var(--hover)'})"
)
Column = dict[str, Any]


def grid(identity: str, columns: list[Column], rows: list[dict[str, Any]], nothing: str) -> dag.AgGrid:
    """Return a table with string row ids whose rows the live feed changes in place."""
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
            "overlayNoRowsTemplate": None,
            "localeText": {"noRowsToShow": nothing},
            "tooltipShowDelay": 400,
            "enableCellTextSelection": True,
        },
        className="grid",
        style={"height": None},
        # Cells are drawn by functions of ours that make text nodes, nothing else.
        dangerously_allow_code=False,
    )


def job_columns() -> list[Column]:
    """Return the columns of the list of jobs; newest first."""
    return [
        {"field": "order", "hide": True, "sort": "desc"},
        {"field": "name", "headerName": "Job", "cellRenderer": "JobLink", "flex": 3, "minWidth": 150},
        {"field": "status", "headerName": "Status", "cellRenderer": "Status", "width": 132},
        {"field": "percent", "headerName": "Progress", "cellRenderer": "Progress", "width": 130},
        {"field": "machine", "headerName": "Machine", "width": 120, "cellClass": "quiet"},
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
            "cellClass": "quiet",
            "tooltipField": "why",
        },
        {
            "field": "seconds",
            "headerName": "Took",
            "width": 100,
            "cellClass": "number",
            "valueFormatter": {"function": "duration(params.value)"},
        },
        {
            "field": "submitted",
            "headerName": "Submitted",
            "width": 130,
            "cellClass": "quiet",
            "valueFormatter": {"function": "moment(params.value)"},
        },
    ]
