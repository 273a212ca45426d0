"""What stands in each tab of a sweep's page, and chosen trials side by side."""

from typing import Any

from dash import html
from dash.development.base_component import Component

from dash_app import addresses
from dash_app.presenters import charts, pieces, sweep_figures, words
from dash_app.presenters.plain import plain

Document = dict[str, Any]
_SLICES_SHOWN = 12
_METHODS = {
    "fanova": "Share of the variance that each parameter explains (fANOVA over a random forest).",
    "mdi": "How much a random forest splits by each parameter (mean decrease in impurity).",
    "ped-anova": "What sets the best tenth of the trials apart from the rest (PED-ANOVA).",
}


def importance(found: Document) -> list[Component]:
    """Return a bar per parameter, and what the method says."""
    if found["why"]:
        return [_quiet(f"{found['why'][:1].upper()}{found['why'][1:]}.")]
    height = 46 + 34 * len(found["shares"])
    return [
        charts.chart("importance", sweep_figures.importance(found["shares"]), height),
        _quiet(f"{_METHODS[found['method']]} From {words.count(found['trials'], 'trial')}."),
    ]


def slices(found: Document, best: int | None) -> list[Component]:
    """Return a small chart per parameter."""
    if not found["slices"]:
        return [_quiet("No parameter differs between the trials that have a value.")]
    if not any(one["trials"] for one in found["slices"]):
        return [_quiet("No trial has a value yet.")]
    cells = [
        html.Div(
            [
                html.H3(html.Bdi(plain(one["name"], 60))),
                charts.chart(f"slice-{at}", sweep_figures.slice_of(one, best), 210),
            ],
            className="curve",
        )
        for at, one in enumerate(found["slices"][:_SLICES_SHOWN])
    ]
    return [
        html.Div(cells, className="slices"),
        _quiet("Each dot is a trial, later ones are darker; the best is the large one."),
    ]


def contour(found: Document) -> list[Component]:
    """Return the value over two parameters."""
    if not found["values"]:
        return [_quiet("No trial has a value yet.")]
    return [
        charts.chart("contour", sweep_figures.contour(found), 400),
        _quiet("Dots are trials. Between them it is only guessed, by the nearest."),
    ]


def pareto(found: Document) -> list[Component]:
    """Return the front of a sweep with several objectives."""
    if len(found["names"]) < 2:
        return [_quiet("A front needs two objectives; this sweep searches for one.")]
    if not found["trials"]:
        return [_quiet("No trial has all its values yet.")]
    front = words.count(len(found["front"]), "trial")
    beside = (
        f" Drawn are the first two of {len(found['names'])} objectives." if len(found["names"]) > 2 else ""
    )
    return [
        charts.chart("pareto", sweep_figures.pareto(found), 380),
        _quiet(f"{front} on the front: none is better in one without being worse in another.{beside}"),
    ]


def timeline(found: Document) -> list[Component]:
    """Return what ran where and when."""
    if not found["machines"]:
        return [_quiet("No trial has begun yet.")]
    height = 60 + 26 * sweep_figures.count_lanes(found["machines"])
    return [charts.chart("timeline", sweep_figures.timeline(found["machines"]), height)]


def distribution(found: Document) -> list[Component]:
    """Return how the values are distributed."""
    if not found["count"]:
        return [_quiet("No trial has a value yet.")]
    median = words.number(found["median"])
    return [
        charts.chart("distribution", sweep_figures.distribution(found), 340),
        _quiet(f"Half of {words.count(found['count'], 'trial')} are at most {median} (the dotted line)."),
    ]


def trouble(words_: str) -> list[Component]:
    """Return why there is nothing to see."""
    return [_quiet(words_)]


def compare(found: Document) -> list[Component]:
    """Return chosen trials side by side: what differs first, then curves."""
    chosen = found["trials"]
    if len(chosen) < 2:
        return [_quiet("Choose two trials or more in the table below: they stand here side by side.")]
    order = [one["trial"] for one in chosen]
    head = [
        html.Th(
            [
                html.Span(className="swatch", style={"background": sweep_figures.colour_of(at)}),
                html.A(f"Trial {one['trial']}", href=addresses.of_job(one["job"])),
            ]
        )
        for at, one in enumerate(chosen)
    ]
    lines = [_line(one, "is-value") for one in found["values"]]
    lines += [
        _line(one) for one in sorted(found["params"], key=lambda one: not one["differs"]) if one["differs"]
    ]
    lines.append(_facts("Status", [pieces.pill(one["state"]) for one in chosen]))
    lines.append(_facts("Machine", [html.Bdi(plain(one["agent"], 60)) for one in chosen]))
    lines.append(_facts("Took", [words.duration(one["seconds"]) for one in chosen]))
    table = html.Table([html.Thead(html.Tr([html.Td(""), *head])), html.Tbody(lines)], className="compared")
    same = [plain(one["name"], 60) for one in found["params"] if not one["differs"]]
    parts: list[Component] = [pieces.sideways(table)]
    if same:
        parts.append(_quiet(f"The same in all: {', '.join(same)}."))
    if found["curves"]:
        parts.append(charts.chart("compared-curves", sweep_figures.compared(found["curves"], order), 260))
    return parts


def _line(one: Document, kind: str = "") -> Component:
    cells = [
        html.Td("" if value is None else words.value(value), className="number") for value in one["values"]
    ]
    return html.Tr([html.Th(html.Bdi(plain(one["name"], 60))), *cells], className=kind)


def _facts(name: str, values: list[Any]) -> Component:
    return html.Tr([html.Th(name), *(html.Td(value) for value in values)])


def _quiet(text: str) -> Component:
    return html.P(text, className="quiet explained")
