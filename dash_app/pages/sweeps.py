"""The list of sweeps, and one sweep: best so far, curves, what its trials say, side by side, trials."""

from typing import Any

from dash import dcc, html

from dash_app import component_ids as ids
from dash_app.addresses import View
from dash_app.live.hearing import Hearing
from dash_app.live.sweep_feed import read_trials
from dash_app.pages.pipelines import read_of_step
from dash_app.presenters import grids, pieces, pipelines, sweep, sweep_controls
from dash_app.presenters import labels as label_words
from dash_app.sweep_state import SweepState
from hq.rest import board, labels, queries
from hq.rest.house import House


async def list_page(house: House, view: View) -> list[Any]:
    """Return the list of sweeps, of a project or with a tag where the address says so."""
    asked = dict(view.given)
    found = await queries.read_sweeps(house.database, limit=board.MOST_ROWS, **asked)
    known = await labels.read_labels(house.database, "sweeps")
    choices = label_words.choices(known, asked.get("project", ""), asked.get("tag", ""))
    rows = [sweep.sweep_row(one) for one in found["sweeps"]]
    first = pieces.empty(
        "No sweep yet.",
        html.P("A sweep runs one script with many parameters and finds the best. From a terminal:"),
        html.P(
            pieces.code("idlehands sweep train.py --space lr=log:1e-4..1e-1 --metric accuracy --trials 20")
        ),
    )
    return [
        pieces.head("Sweeps"),
        *([] if rows or asked else [first]),
        html.Div(choices, className="sweeps-controls"),
        grids.grid(
            ids.SWEEPS_GRID,
            grids.sweep_columns(),
            rows,
            "No sweep has these labels." if asked else "No sweep yet.",
        ),
    ]


async def page(
    house: House, hearing: Hearing, identity: str, may_change: bool, state: SweepState
) -> list[Any]:
    """Return one sweep.

    Raises:
        Problem: 404 when there is no such sweep.
    """
    found, trials = await read_trials(house, identity)
    metric, percents = sweep.metric_of(found, trials), hearing.percents()
    rows = [sweep.trial_row(trial, metric, percents.get(trial["job"])) for trial in trials]
    # Cells are told by place: whatever a parameter is called, it is only ever text.
    names = list(trials[0]["params"] if trials else found["spec"].get("space") or {})
    spec = found["spec"]
    columns = grids.trial_columns(
        metric,
        names,
        is_population=spec.get("sampler") == "pbt",
        is_asked=bool(spec["job"].get("asked")),
    )
    table = grids.grid(ids.TRIALS_GRID, columns, rows, "No trial yet.")
    grids.let_choose(table, [trial["job"] for trial in trials if trial["trial"] in state.compare])
    told = pieces.attributes(
        data_status=str(found["status"]),
        data_may="yes" if may_change else "no",
        data_revision=sweep.revision(found),
    )
    return [
        sweep.title(found),
        html.Div(sweep.status(found, trials), id=ids.SWEEP_STATUS, className="status", **told),
        dcc.Store(id=ids.SWEEP_BRUSH, data=state.brush),
        dcc.Store(id=ids.SWEEP_CHOSEN),
        dcc.Store(id=ids.SWEEP_COMPARED, data=list(state.compare)),
        html.Div(
            [
                html.Div(
                    [
                        pieces.panel("Curves of all trials", id=ids.SWEEP_CURVES),
                        label_words.panel(found, "sweeps", may_change),
                    ],
                    className="column",
                ),
                html.Div(
                    [
                        pieces.panel("Best so far", sweep.best(found, trials), id=ids.SWEEP_BEST),
                        *pipelines.panel(await read_of_step(house, found["spec"]["job"]), identity),
                    ],
                    className="column",
                ),
            ],
            className="panels",
        ),
        html.Div(
            [
                pieces.panel("Parameters and value", id=ids.SWEEP_PARALLEL),
                sweep_controls.analysis(found, sweep.objectives_of(found, trials), state),
                pieces.panel("Side by side", id=ids.SWEEP_COMPARE),
            ],
            className="stack",
        ),
        html.Div(table, className="below"),
    ]
