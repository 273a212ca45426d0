"""The tabs over what a sweep's trials say, and the choices that belong to each."""

from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dash_app import component_ids as ids
from dash_app.presenters import pieces
from dash_app.presenters.plain import plain
from dash_app.sweep_state import TABS, SweepState

Document = dict[str, Any]

_METHODS = (("fanova", "fANOVA"), ("mdi", "Mean decrease in impurity"), ("ped-anova", "PED-ANOVA"))


def analysis(sweep: Document, objectives: list[str], state: SweepState) -> Component:
    """Return the panel with the tabs. Only the one that is seen is drawn, by a callback."""
    shown = [tab for tab in TABS if tab != "pareto" or len(objectives) > 1]
    numeric = numeric_params(sweep["spec"])
    x = state.x or next(iter(numeric), "")
    y = state.y or next((name for name in numeric if name != x), "")
    tabs = dmc.SegmentedControl(
        id=ids.SWEEP_TABS,
        data=[{"value": tab, "label": tab.capitalize()} for tab in shown],
        value=state.tab if state.tab in shown else shown[0],
        size="sm",
    )
    value = state.value if state.value in objectives else next(iter(objectives), "")
    choices = [
        _choice(ids.SWEEP_VALUE, "Objective", objectives, value, "value" if len(objectives) > 1 else "never"),
        _choice(ids.SWEEP_METHOD, "Method", _METHODS, state.method, "importance"),
        _choice(ids.SWEEP_X, "Across", numeric, x, "contour"),
        _choice(ids.SWEEP_Y, "Up", numeric, y, "contour"),
    ]
    return html.Section(
        [
            html.Div(
                [html.Div(tabs, className="tabs"), html.Div(choices, className="choices")], className="tabbed"
            ),
            html.Div(id=ids.SWEEP_TAB, className="panel-body"),
        ],
        id=ids.SWEEP_ANALYSIS,
        className="panel analysis",
        **pieces.attributes(data_tab=state.tab, aria_label="What the trials say"),
    )


def numeric_params(spec: Document) -> list[str]:
    """Return the parameters of a space that are numbers."""
    return [
        str(name) for name, one in (spec.get("space") or {}).items() if one.get("type") in ("float", "int")
    ]


def _choice(identity: str, name: str, given: Any, chosen: str, kind: str) -> Component:
    pairs = [(one, one) if isinstance(one, str) else one for one in given]
    select = dmc.Select(
        id=identity,
        data=[{"value": value, "label": plain(words, 60)} for value, words in pairs],
        value=chosen or None,
        allowDeselect=False,
        checkIconPosition="right",
        size="xs",
        w=190,
        **pieces.attributes(aria_label=name),
    )
    return html.Label([html.Span(name), select], className=f"choice for-{kind}")
