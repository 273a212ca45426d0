"""What a form becomes, a run or a service, and how a search is done: objectives, choosing, stopping."""

from typing import Any, get_args

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dash_app import component_ids as ids
from dash_app.presenters.plain import plain
from dash_app.script_folders import Found
from schemas.samplers import SamplerName

_SAMPLERS = {
    "auto": "As fits",
    "random": "Random",
    "grid": "Grid: every combination",
    "tpe": "TPE",
    "gp": "Gaussian process",
    "cmaes": "CMA-ES",
    "sobol": "Sobol",
    "halton": "Halton",
    "nsga2": "NSGA-II",
    "nsga3": "NSGA-III",
    "pbt": "Population based training",
}
_PRUNERS = {
    "none": "Nothing",
    "median": "Worse than the median",
    "percentile": "Not among the best",
    "halving": "Successive halving",
    "hyperband": "Hyperband",
    "threshold": "Outside of bounds",
    "wilcoxon": "Wilcoxon test",
    "patient": "No better for a while",
}
_WAYS = [{"value": "maximize", "label": "the highest"}, {"value": "minimize", "label": "the lowest"}]


def becoming(found: Found) -> Component:
    """Return the choice between a run and a service; what a service is, the style sheet shows then."""
    return html.Div(
        [
            dmc.RadioGroup(
                dmc.Group(
                    [
                        dmc.Radio(label="Run it now", value="run"),
                        dmc.Radio(label="Keep it ready as a service", value="service"),
                    ]
                ),
                id=ids.FORM_BECOMES,
                label="What to do",
                value="run",
            ),
            html.Div(
                [
                    dmc.TextInput(
                        id=ids.FORM_SERVICE, label="Service", placeholder=plain(found.file.stem, 60), value=""
                    ),
                    dmc.TextInput(
                        id=ids.FORM_FUNCTION, label="Function", placeholder="the script itself", value=""
                    ),
                    dmc.NumberInput(id=ids.FORM_MIN_WARM, label="Machines", min=1, max=100, value=1),
                    dmc.NumberInput(id=ids.FORM_CONCURRENCY, label="Calls at a time", min=1, max=64, value=1),
                ],
                className="fields is-narrow as-service",
            ),
        ],
        className="becoming",
    )


def search() -> Component:
    """Return how the search is done; the style sheet shows it once something is varied."""
    return html.Div(
        [
            html.H3("Search"),
            html.Div(
                [
                    _objective(ids.FORM_METRIC, ids.FORM_DIRECTION, "Metric", "is-first"),
                    _objective(ids.FORM_METRIC_2, ids.FORM_DIRECTION_2, "Second metric", "is-second"),
                    _objective(ids.FORM_METRIC_3, ids.FORM_DIRECTION_3, "Third metric", "is-third"),
                ],
                className="objectives",
            ),
            dmc.TextInput(
                id=ids.FORM_CONSTRAINTS,
                label="Constraints",
                placeholder="mb <= 100, accuracy >= 0.5",
                description="A trial that oversteps one is worth less than any that does not.",
                value="",
            ),
            html.Div(_choosing(), className="fields is-narrow"),
            html.Div(_stopping(), className="fields"),
        ],
        className="search",
    )


def _objective(metric: str, direction: str, label: str, kind: str) -> Component:
    return html.Div(
        [
            dmc.TextInput(id=metric, label=label, placeholder="a number in its result", value=""),
            dmc.Select(
                id=direction,
                label="Best is" if kind == "is-first" else f"Best {label.lower()} is",
                data=_WAYS,
                value="maximize",
                allowDeselect=False,
            ),
        ],
        className=f"objective {kind}",
    )


def _choosing() -> list[Any]:
    samplers = [{"value": one, "label": _SAMPLERS.get(one, one)} for one in ("auto", *get_args(SamplerName))]
    return [
        dmc.NumberInput(id=ids.FORM_TRIALS, label="Trials", min=1, max=100_000, value=20),
        dmc.Select(id=ids.FORM_SAMPLER, label="Chosen by", data=samplers, value="auto", allowDeselect=False),
        dmc.NumberInput(id=ids.FORM_PARALLEL, label="At a time", min=1, max=10_000, value=16),
        dmc.TextInput(id=ids.FORM_SEED, label="Seed", placeholder="none", value=""),
    ]


def _stopping() -> list[Any]:
    return [
        dmc.Select(
            id=ids.FORM_PRUNER,
            label="Ends trials early that are",
            data=[{"value": value, "label": label} for value, label in _PRUNERS.items()],
            value="none",
            allowDeselect=False,
        ),
        dmc.TextInput(
            id=ids.FORM_PRUNER_OPTIONS,
            label="Options of early stopping",
            placeholder="min_resource=2, reduction_factor=3",
            value="",
        ),
        dmc.TextInput(
            id=ids.FORM_STOP, label="Stop when", placeholder="time=2h, target=0.99, no-better=20", value=""
        ),
    ]
