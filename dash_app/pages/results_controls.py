"""What to choose on the page of results, and the ways out of it: CSV and Parquet."""

import importlib.util
import json
from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html

from dash_app import component_ids as ids
from dash_app.asked import AGGREGATES, KINDS, Asked
from dash_app.presenters import pieces, results
from dash_app.presenters.plain import plain
from dash_app.presenters.result_axes import Choice
from hq.rest.database import Document
from hq.rest.table import Column

_WRITES_PARQUET = importlib.util.find_spec("pyarrow") is not None
_AGGREGATES = [{"value": one, "label": one.capitalize()} for one in AGGREGATES]


def controls(
    asked: Asked,
    choice: Choice,
    known: Sequence[Column],
    names: Sequence[str],
    sweeps: Sequence[Document],
    where: Any,
) -> Any:
    """Return all there is to choose, as it is chosen now."""
    shown = {
        "where": where.value, "sweep": asked.sweep, "columns": ",".join(names), "x": choice.x, "y": choice.y,
        "color": choice.color, "facet": choice.facet, "kind": asked.kind, "by": choice.by, "of": choice.of,
        "across": choice.across, "agg": asked.agg,
    }  # fmt: skip
    columns = results.options(known)
    of_sweeps = [
        {"value": one["id"], "label": plain(one["spec"].get("name") or one["id"], 60)} for one in sweeps
    ]
    return html.Div(
        [
            html.Div(
                [where, _select("sweep", "Sweep", of_sweeps, asked.sweep, "Any")],
                className="fields results-where",
            ),
            html.Div(
                [
                    _select("x", "x", columns, choice.x),
                    _select("y", "y", columns, choice.y, "Count"),
                    _select("color", "Colour", columns, choice.color, "One"),
                    _select("facet", "Facets", columns, choice.facet, "None"),
                    _select(
                        "kind",
                        "Drawn as",
                        [{"value": one, "label": one.capitalize()} for one in KINDS],
                        asked.kind,
                    ),
                    _select("by", "Group by", columns, choice.by),
                    _select("of", "Mean of", columns, choice.of),
                    _select("across", "Pivot across", columns, choice.across, "None"),
                    # Always there: the browser's callback takes all of them.
                    html.Div(
                        _select("agg", "In each cell", _AGGREGATES, asked.agg), hidden=not choice.across
                    ),
                ],
                className="fields is-narrow",
            ),
            dmc.MultiSelect(
                id=ids.RESULTS_CHOICES["columns"],
                label="Columns",
                data=columns,
                value=list(names),
                searchable=True,
                clearable=True,
                size="xs",
            ),
        ],
        id=ids.RESULTS_CONTROLS,
        className="results-controls",
        **pieces.attributes(data_shown=json.dumps(shown)),
    )


def where_field(written: str, error: str | None) -> Any:
    """Return the field for conditions, with what is wrong with them."""
    return dmc.TextInput(
        id=ids.RESULTS_CHOICES["where"],
        label="Only those with",
        placeholder="accuracy >= 0.9, machine = attic, params.lr < 0.01, name ~ fold",
        value=plain(written, 2000),
        error=error,
        debounce=True,
        size="xs",
        inputProps={"autoComplete": "off", "spellCheck": "false", "data-search": "yes"},
    )


def _select(name: str, label: str, data: list[dict[str, Any]], value: str, nothing: str = "") -> Any:
    return dmc.Select(
        id=ids.RESULTS_CHOICES[name],
        label=label,
        data=data,
        value=value or None,
        placeholder=nothing or None,
        clearable=bool(nothing),
        searchable=True,
        size="xs",
        nothingFoundMessage="No such column",
    )


def ways_out(asked: Asked) -> list[Any]:
    """Return the links to the table as a file."""
    query = asked.address().removeprefix("/results")
    return [
        html.A("CSV", href=f"/results/table.csv{query}", download="results.csv", className="button is-plain"),
        *(
            [
                html.A(
                    "Parquet",
                    href=f"/results/table.parquet{query}",
                    download="results.parquet",
                    className="button is-plain",
                )
            ]
            if _WRITES_PARQUET
            else []
        ),
    ]
