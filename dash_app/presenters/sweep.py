"""A sweep in words and rows: how far it is, the best so far, and every trial."""

from typing import Any

from dash import html
from dash.development.base_component import Component

from dash_app import addresses, component_ids
from dash_app.presenters import charts, figures, pieces, words
from dash_app.presenters.parallel import Trial, brushed, make_axes, parallel, width
from dash_app.presenters.plain import plain
from dash_app.presenters.series import Series
from dash_app.sweep_state import Brush
from idlehands.energy import add_up, describe

Document = dict[str, Any]
_HOW_TO_BRUSH = "Draw a rectangle over an axis to choose trials."


def name_of(sweep: Document) -> str:
    """Return what people call a sweep."""
    return plain(sweep["spec"].get("name") or words.job_name(sweep["spec"]["job"]), 120)


def is_over(sweep: Document) -> bool:
    """Tell whether no trial will come any more."""
    return str(sweep["status"]) not in ("running", "paused")


def count_ended(sweep: Document) -> int:
    """Return how many trials have ended, however they did. Sweeps from before know fewer ways."""
    return sum(int(sweep.get(way, 0)) for way in ("succeeded", "unsuccessful", "pruned", "dropped"))


def title(sweep: Document) -> Component:
    """Return the first line of the page."""
    actions = html.Div(id=component_ids.SWEEP_ACTIONS, className="actions")
    return pieces.head(
        html.Bdi(name_of(sweep)), actions, over=[html.A("Sweeps", href="/sweeps"), " / ", sweep["id"]]
    )


def actions(status: str, may_change: bool) -> list[Component]:
    """Return what can be done with it now."""
    if status not in ("running", "paused") or not may_change:
        return []
    paused = status == "paused"
    buttons = [
        ("Resume", component_ids.SWEEP_RESUME) if paused else ("Pause", component_ids.SWEEP_PAUSE),
        ("10 more trials", component_ids.SWEEP_EXTEND),
        ("Stop", component_ids.SWEEP_CANCEL),
    ]
    return [html.Button(word, id=one, className="button is-plain") for word, one in buttons]


def status(sweep: Document, trials: list[Document]) -> list[Component]:
    """Return how far it is, and what its trials used."""
    ended = count_ended(sweep)
    planned = sweep["proposed"] if sweep["exhausted"] or is_over(sweep) else sweep["spec"].get("trials", 10)
    parts = [f"{ended} of {words.count(planned, 'trial')} ended"]
    if sweep["live"]:
        parts.append(f"{sweep['live']} under way")
    if sweep["unsuccessful"]:
        parts.append(f"{sweep['unsuccessful']} without a result")
    if sweep.get("pruned"):
        parts.append(f"{sweep['pruned']} ended early")
    if sweep.get("early_stopping", {}).get("state") == "metric_missing":
        parts.append(plain(sweep["early_stopping"]["why"], 300))
    if sweep.get("why"):
        parts.append(plain(sweep["why"], 300))
    if energy := describe(add_up(trial.get("result") for trial in trials)):
        parts.append(energy)
    percent = 100.0 * ended / planned if planned else 0.0
    lines: list[Component] = [
        html.Div([pieces.pill(sweep["status"]), html.Span(", ".join(parts), className="sentence")])
    ]
    if sweep["spec"]["job"].get("asked"):
        lines.append(html.P("A program asks for each trial and tells what came of it.", className="quiet"))
    for remark in sweep.get("remarks") or ():
        text = plain(remark, 400)
        lines.append(html.P(f"{text[:1].upper()}{text[1:]}{'' if text.endswith('?') else '.'}"))
    return lines if is_over(sweep) else [*lines, pieces.progress(percent, sweep["id"])]


def line_of(trials: list[Document], number: int) -> list[int]:
    """Return a trial of a population and those that it went on from, oldest first; else the trial alone."""
    parents = {trial["trial"]: (trial.get("lineage") or {}).get("parent") for trial in trials}
    line = [number]
    while (parent := parents.get(line[-1])) is not None and parent not in line:
        line.append(parent)
    return line[::-1]


def metric_of(sweep: Document, trials: list[Document]) -> str:
    """Return the metric that is searched for; the first number of the results where none was named."""
    spec = sweep["spec"]
    named = spec.get("metric") or next((one["metric"] for one in spec.get("objectives") or ()), None)
    if named:
        return str(named)
    for trial in trials:
        for name, value in printed(trial).items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                return str(name)
    return ""


def printed(trial: Document) -> Document:
    """Return what a trial's script printed as its result."""
    return (trial.get("result") or {}).get("result") or {}


def with_values(trials: list[Document], metric: str) -> list[Trial]:
    """Return the trials that have a value of the metric."""
    found = []
    for trial in trials:
        if trial["status"] == "pruned":
            continue  # what it had by then is not what others are measured by
        value = printed(trial).get(metric)
        if isinstance(value, int | float) and not isinstance(value, bool):
            found.append(Trial(trial["trial"] or 0, trial.get("params") or {}, float(value)))
    return found


def best_of(trials: list[Trial], minimize: bool) -> Trial | None:
    """Return the best trial; the earlier of equals."""
    if not trials:
        return None
    return min(trials, key=lambda trial: (trial.value if minimize else -trial.value, trial.number))


def best(sweep: Document, trials: list[Document]) -> list[Component]:
    """Return the best value so far, and the trial that made it."""
    metric = metric_of(sweep, trials)
    minimize = is_minimized(sweep, metric)
    values = with_values(trials, metric)
    winner = best_of(values, minimize)
    if winner is None:
        said = f"No trial has a number {plain(metric, 60)} yet." if metric else "No trial has a result yet."
        return [html.P(said, className="quiet")]
    # What was searched; the rest is the same in every trial.
    space = sweep["spec"].get("space") or {}
    job = next(trial["job"] for trial in trials if trial["trial"] == winner.number)
    parts = [
        html.Div(words.number(winner.value), className="best-value"),
        html.Div(
            [
                html.Bdi(plain(metric, 60)),
                " of ",
                html.A(f"trial {winner.number}", href=addresses.of_job(job)),
            ],
            className="best-of",
        ),
        pieces.facts(
            [
                (plain(name, 60), words.value(value))
                for name, value in winner.params.items()
                if name in space or not space
            ]
        ),
    ]
    line = line_of(trials, winner.number)
    if len(line) > 1:
        jobs = {trial["trial"]: trial["job"] for trial in trials}
        links: list[Component | str] = ["It went on from trial "]
        for trial in line[-2::-1]:
            known = jobs.get(trial)
            links += [html.A(str(trial), href=addresses.of_job(known)) if known else str(trial), ", from "]
        parts.append(html.P([*links[:-1], "."], className="quiet"))
    if len(values) > 1:
        pairs = [(trial.number, trial.value) for trial in values]
        parts.append(charts.chart("best-history", figures.history(pairs, minimize), 150))
    return parts


def coordinates(
    sweep: Document, trials: list[Document], value: str = "", brush: Brush | None = None
) -> tuple[list[Component], list[int] | None]:
    """Return the parallel coordinates of all trials that have a value, and the numbers of those brushed.

    None, in place of the numbers, without a brush: then it is all of them.
    """
    metric = value or metric_of(sweep, trials)
    values = with_values(trials, metric)
    if not values:
        return [html.P("Every trial with a result becomes a line here.", className="quiet")], None
    space = sweep["spec"].get("space") or {}
    logarithmic = frozenset(
        name for name, one in space.items() if one.get("type") in ("float", "int") and one.get("log")
    )
    figure = parallel(values, metric, is_minimized(sweep, metric), logarithmic, brush)
    wide = html.Div(charts.chart("parallel", figure, 300), style={"minWidth": f"{width(values)}px"})
    drawn: list[Component] = [pieces.sideways(wide)]
    if brush is None:
        drawn.append(html.P(_HOW_TO_BRUSH, className="quiet explained for-mouse"))
        return drawn, None
    chosen = [values[at].number for at in brushed(make_axes(values, metric, logarithmic), len(values), brush)]
    said = f"{words.count(len(chosen), 'trial')} of {len(values)} chosen. Click twice to see all again."
    return [*drawn, html.P(said, className="quiet explained")], chosen


def is_minimized(sweep: Document, metric: str) -> bool:
    """Tell whether less of a metric is better in this sweep."""
    for objective in sweep["spec"].get("objectives") or ():
        if objective["metric"] == metric:
            return bool(objective.get("direction") == "minimize")
    return bool(sweep["spec"].get("direction") == "minimize")


def objectives_of(sweep: Document, trials: list[Document]) -> list[str]:
    """Return the names of what is searched for."""
    named = [str(one["metric"]) for one in sweep["spec"].get("objectives") or ()]
    return named or [name for name in [metric_of(sweep, trials)] if name]


def revision(sweep: Document) -> str:
    """Return a word that changes when there is something new to analyse; of large sweeps not each time."""
    ended = count_ended(sweep)
    return f"{sweep['status']}-{ended // max(1, ended // 50)}-{ended if is_over(sweep) else 0}"


def curves(sweep: Document, trials: list[Document], series: dict[int, dict[str, Series]]) -> list[Component]:
    """Return the curves of all trials in the metric that is searched for, or the first that they share."""
    metric = metric_of(sweep, trials)
    names = dict.fromkeys(name for one in series.values() for name in one)
    chosen = metric if metric in names else next(iter(names), None)
    if chosen is None:
        return [html.P("No trial has reported metrics yet.", className="quiet")]
    winner = best_of(with_values(trials, metric), is_minimized(sweep, metric))
    lines = {trial: one[chosen] for trial, one in series.items() if chosen in one}
    pruned = frozenset(int(trial["trial"] or 0) for trial in trials if trial["status"] == "pruned")
    best = None if winner is None else winner.number
    line = frozenset() if best is None else frozenset(line_of(trials, best))
    figure = figures.curves_of_trials(lines, best, pruned, line)
    return [
        html.H3(html.Bdi(plain(chosen, 60)), className="curve-name"),
        charts.chart("trial-curves", figure, 300),
    ]


def trial_row(trial: Document, metric: str, percent: float | None) -> Document:
    """Return a trial's row."""
    result = trial.get("result") or {}
    value = printed(trial).get(metric)
    return {
        "id": trial["job"],
        "trial": trial["trial"],
        "status": str(trial["status"]),
        "percent": percent if trial["status"] == "running" else None,
        "value": value if isinstance(value, int | float) else None,
        "parent": (trial.get("lineage") or {}).get("parent"),
        "machine": trial.get("agent") or "",
        "seconds": result.get("duration_seconds"),
        **{f"p_{at}": cell(given) for at, given in enumerate((trial.get("params") or {}).values())},
    }


def cell(given: Any) -> Any:
    """Return a parameter as a number where it is one, so that it sorts as one."""
    if isinstance(given, int | float) and not isinstance(given, bool):
        return given
    return words.value(given)


def sweep_row(sweep: Document) -> Document:
    """Return a sweep's row in the list of sweeps."""
    spec = sweep["spec"]
    ended = count_ended(sweep)
    planned = sweep["proposed"] if sweep["exhausted"] or is_over(sweep) else spec.get("trials", 10)
    goals = [(str(one["metric"]), one.get("direction")) for one in spec.get("objectives") or ()]
    goals = goals or ([(spec["metric"], spec.get("direction"))] if spec.get("metric") else [])
    return {
        "id": sweep["id"],
        "name": name_of(sweep),
        "status": str(sweep["status"]),
        "percent": 100.0 * ended / planned if planned else None,
        "trials": f"{ended} of {planned}",
        "goal": ", ".join(f"{plain(way or 'maximize', 10)} {plain(name, 60)}" for name, way in goals),
        "sampler": spec.get("sampler", "random"),
        "submitter": sweep["submitter"],
        "submitted": sweep["submitted_at"],
    }
