"""Pipelines in words: how one stands, its steps in their order, and the way from a step to the others."""

from typing import Any

from dash import html
from dash.development.base_component import Component

from dash_app import addresses
from dash_app import component_ids as ids
from dash_app.presenters import pieces, words
from dash_app.presenters.plain import plain

Document = dict[str, Any]


def name_of(pipeline: Document) -> str:
    """Return what people call a pipeline."""
    return plain(pipeline["name"], 120) or str(pipeline["pipeline"])


def title(pipeline: Document) -> Component:
    """Return the first line of the page."""
    over = [html.A("Jobs", href="/jobs"), " / ", html.A("Pipelines", href="/pipelines"), " / "]
    actions = html.Div(id=ids.PIPELINE_ACTIONS, className="actions")
    return pieces.head(html.Bdi(name_of(pipeline)), actions, over=[*over, pipeline["pipeline"]])


def actions(status: str, may_change: bool) -> list[Component]:
    """Return what can be done with it now."""
    if not may_change:
        return []
    match status:
        case "running":
            return [html.Button("Cancel", id=ids.PIPELINE_CANCEL, className="button is-plain")]
        case "failed":
            return [html.Button("Go on", id=ids.PIPELINE_RETRY, className="button is-plain")]
    return []


def status(pipeline: Document) -> list[Component]:
    """Return how it stands, and of which pipeline it is the next attempt."""
    steps = pipeline["steps"]
    done = sum(_is_good(step) for step in steps)
    said: list[Any] = [f"{done} of {words.count(len(steps), 'step')} done"]
    if pipeline.get("retry_of"):
        before = html.A(pipeline["retry_of"], href=addresses.of_pipeline(pipeline["retry_of"]))
        said += [", goes on with ", before]
    line = html.Div([pieces.pill(pipeline["status"]), html.Span(said, className="sentence")])
    return [line]


def steps(pipeline: Document, here: str = "") -> Component:
    """Return the steps with their ways, how each stands and why.

    Args:
        pipeline: As REST has it.
        here: The job or sweep that is looked at: on its page there is room for names only.
    """
    head = ("Step", "Status") if here else ("Step", "Status", "After", "")
    body = html.Tbody([_row(step, here) for step in pipeline["steps"]])
    table = html.Table(
        [html.Thead(html.Tr([html.Th(one) for one in head])), body], className="numbers is-list"
    )
    return pieces.sideways(table)


def _row(step: Document, here: str) -> Component:
    name = plain(step["name"], 40)
    if step["id"] == here:
        shown: Any = html.Span(name, **pieces.attributes(aria_current="true"))
    elif step["status"] == "deleted":
        shown = name
    else:
        way = addresses.of_sweep if step["kind"] == "sweep" else addresses.of_job
        shown = html.A(name, href=way(step["id"]))
    cells = [html.Td(shown, className="name"), html.Td(_pill(step["status"]))]
    if not here:
        after = plain(", ".join(step["after"]), 200)
        cells += [html.Td(after, className="quiet"), html.Td(_about(step), className="why")]
    return html.Tr(cells)


def _pill(status: str) -> Component:
    """Return a step's status; waiting for others is a word that only steps have."""
    return html.Span("Waiting", className="pill is-queued") if status == "waiting" else pieces.pill(status)


def _about(step: Document) -> str:
    if step["status"] == "waiting":
        return plain(f"for {', '.join(step['waits_for'])}", 200)
    if step["kind"] == "sweep" and step.get("best") is not None:
        return f"best {words.number(step['best'])} of {words.count(step.get('succeeded') or 0, 'trial')}"
    if step["why"]:
        return plain(step["why"], 300)
    return plain(f"on {step['agent']}", 80) if step.get("agent") else ""


def _is_good(step: Document) -> bool:
    return str(step["status"]) in ("succeeded", "finished")


def rows(found: list[Document]) -> Component:
    """Return the list of pipelines, newest first."""
    head = html.Thead(html.Tr([html.Th(one) for one in ("Pipeline", "Status", "Steps", "Submitted", "By")]))
    body = [
        html.Tr(
            [
                html.Td(html.A(name_of(one), href=addresses.of_pipeline(one["pipeline"])), className="name"),
                html.Td(pieces.pill(one["status"])),
                html.Td(plain(", ".join(one["steps"]), 120), className="quiet"),
                html.Td(pieces.clock(one["submitted_at"]), className="quiet"),
                html.Td(plain(one["submitter"], 64), className="quiet"),
            ]
        )
        for one in found
    ]
    return pieces.sideways(html.Table([head, html.Tbody(body)], className="numbers is-list"))


def panel(pipeline: Document | None, here: str) -> list[Component]:
    """Return the pipeline that a job or sweep is a step of, as a part of its page; none if of none."""
    if pipeline is None:
        return []
    way = html.A(name_of(pipeline), href=addresses.of_pipeline(pipeline["pipeline"]), className="label-way")
    return [pieces.panel("Pipeline", steps(pipeline, here), id=ids.PIPELINE_STEPS, aside=way)]
