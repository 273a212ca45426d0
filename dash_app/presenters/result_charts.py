"""The charts of a result with what each of them means, in one plain sentence."""

from collections.abc import Mapping
from typing import Any

from dash import html
from dash.development.base_component import Component

from dash_app.presenters import charts, result_figures
from dash_app.presenters.figures import Figure
from dash_app.presenters.result_parts import Finding, Points, read_parts
from dash_app.presenters.words import number

#: Below it a test is called a finding.
_LEVEL = 0.05
_HEIGHT = 250


def result_charts(result: Mapping[str, Any]) -> list[Component]:
    """Return the charts that a result has; none when it has no such keys."""
    parts = read_parts(result)
    shown: list[Component] = []
    if "points" in parts:
        shown += _of_predictions(parts["points"], parts.get("breusch_pagan"), parts.get("reset"))
    if "confusion" in parts:
        figure = result_figures.confusion(parts["confusion"], parts.get("classes", []))
        shown.append(_chart("confusion", "Confusion", figure, _about_confusion(parts["confusion"])))
    if "roc" in parts:
        words = "Up and to the left is better; the dotted line is guessing."
        shown.append(_chart("roc", "ROC", result_figures.roc(parts["roc"]), words))
    if "pr" in parts:
        words = "Up and to the right is better: more of the class is found, and less is taken for it."
        shown.append(
            _chart("pr", "Precision and recall", result_figures.precision_recall(parts["pr"]), words)
        )
    if "calibration" in parts:
        given = parts["calibration"]
        words = _about_calibration(given.predicted, given.observed, given.count)
        shown.append(_chart("calibration", "Calibration", result_figures.calibration(given), words))
    if "map" in parts:
        words = "Rows in two dimensions; colours are groups."
        shown.append(_chart("map", "Groups", result_figures.groups(parts["map"]), words))
    if "forecast" in parts:
        shown.append(_chart("forecast", "Forecast", result_figures.forecast(parts["forecast"]), ""))
    return shown


def without_charts(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a result is not drawn, for the list of its numbers."""
    drawn = read_parts(result)
    return {name: value for name, value in result.items() if name not in drawn}


def _of_predictions(points: Points, spread: Finding | None, curved: Finding | None) -> list[Component]:
    return [
        _chart(
            "predicted",
            "Predicted and actual",
            result_figures.predicted_against_actual(points),
            "The nearer to the line, the better.",
        ),
        _chart("residuals", "Residuals", result_figures.residuals(points), about_reset(curved)),
        _chart("spread", "Spread by level", result_figures.spread_by_level(points), about_spread(spread)),
        _chart(
            "quantiles",
            "Residuals and a normal distribution",
            result_figures.quantiles(points),
            "On the line they are normal; ends that bend away are errors larger than that.",
        ),
    ]


def about_spread(test: Finding | None) -> str:
    """Return what Breusch-Pagan found, in one sentence."""
    if test is None:
        return "Level is well: errors are alike whatever is predicted."
    said = f"Breusch-Pagan {number(test.statistic)}, p {_p(test.p)}: "
    if test.p < _LEVEL:
        return said + "errors are larger at some levels of the prediction than at others."
    return said + "no sign that errors differ with the level of the prediction."


def about_reset(test: Finding | None) -> str:
    """Return what RESET found, in one sentence."""
    if test is None:
        return "A band around nothing is well; a curve is something that the model has missed."
    said = f"RESET {number(test.statistic)}, p {_p(test.p)}: "
    if test.p < _LEVEL:
        return said + "something curved is left in the residuals that the model has missed."
    return said + "no sign of a curve that the model has missed."


def _about_confusion(counts: list[list[int]]) -> str:
    right, whole = sum(row[at] for at, row in enumerate(counts)), sum(map(sum, counts))
    return f"{right} of {whole} on the diagonal are right."


def _about_calibration(sure: list[float], right: list[float], counts: list[int]) -> str:
    weights = counts if len(counts) == len(sure) and sum(counts) > 0 else [1] * len(sure)
    gap = sum((one - other) * w for one, other, w in zip(sure, right, weights, strict=True)) / sum(weights)
    if abs(gap) < 0.02:
        return "As sure as it is right, on the whole."
    how = "surer than it is right" if gap > 0 else "less sure than it is right"
    return f"On the whole it is {how}, by {abs(gap) * 100:.0f} percentage points."


def _p(value: float) -> str:
    return "below 0.001" if value < 0.001 else f"{value:.3f}"


def _chart(name: str, title: str, figure: Figure, words: str) -> Component:
    parts: list[Component] = [html.H3(title), charts.chart(f"result-{name}", figure, _HEIGHT)]
    return html.Div(
        [*parts, *([html.P(words, className="quiet")] if words else [])], className="curve result-chart"
    )
