"""Small pieces that all pages are made of. Text goes in as text; none of them takes HTML."""

from collections.abc import Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from dash_app.presenters.words import STATUS_WORDS

Children = str | Component | Sequence[Any] | None


def attributes(**given: str) -> dict[str, Any]:
    """Return attributes whose names have hyphens: `data_since` is `data-since`."""
    return {name.replace("_", "-"): value for name, value in given.items()}


def pill(status: str) -> Component:
    """Return a status as a coloured word."""
    return html.Span(STATUS_WORDS.get(status, status), className=f"pill is-{status}")


def deleted(what: str) -> list[Component]:
    """Return what stands where the status of a job or sweep stood that is gone."""
    words = f"This {what} was deleted; what you see is what it was."
    return [html.Div([pill("deleted"), html.Span(words, className="sentence")])]


def progress(percent: float | None, job: str) -> Component:
    """Return a job's bar, which the live feed moves; unknown is one that only shows that it runs."""
    width = {} if percent is None else {"width": f"{max(0.0, min(100.0, percent)):.1f}%"}
    return html.Div(
        html.Div(className="bar-fill", style=width),
        className="bar is-unknown" if percent is None else "bar",
        **attributes(data_bar=job),
    )


def since(moment: float | None) -> Component:
    """Return a duration that goes on by itself, from a Unix time until now."""
    return html.Span(className="since", **attributes(data_since=f"{moment or 0:.3f}"))


def left(job: str, began: float | None) -> Component:
    """Return how far a job's bar is and how long it will take on, which the browser reckons and writes."""
    return html.Span(className="left", **attributes(data_left=job, data_began=f"{began or 0:.3f}"))


def clock(moment: float | None) -> Component:
    """Return a time of day, in the zone of whoever looks."""
    return html.Span(className="clock", **attributes(data_clock=f"{moment or 0:.3f}"))


def panel(title: str, *children: Any, id: str | None = None, kind: str = "", aside: Any = None) -> Component:
    """Return a titled part of a page; `id` is that of its content."""
    named: dict[str, Any] = {} if id is None else {"id": id}
    head = [html.H2(title)] + ([] if aside is None else [aside])
    return html.Section(
        [
            html.Div(head, className="panel-head"),
            html.Div(
                list(children[0]) if len(children) == 1 and isinstance(children[0], list) else list(children),
                className="panel-body",
                **named,
            ),
        ],
        className=f"panel {kind}".strip(),
    )


def sideways(*children: Any, kind: str = "") -> Component:
    """Return what may be wider than the screen; it scrolls by itself, with a finger or the arrow keys."""
    return html.Div(list(children), className=f"sideways {kind}".strip(), tabIndex="0")


def facts(rows: Sequence[tuple[str, Any]]) -> Component:
    """Return names and values."""
    return html.Dl([html.Div([html.Dt(name), html.Dd(value)]) for name, value in rows], className="facts")


def empty(title: str, *children: Any) -> Component:
    """Return what stands where nothing is yet: it says what to do first."""
    return html.Div([html.P(title, className="empty-title"), *children], className="empty")


def code(text: str) -> Component:
    """Return words for a terminal."""
    return html.Code(text, className="command")


def head(title: Children, *aside: Any, over: Any = None) -> Component:
    """Return the first line of a page."""
    first = [html.Div(over, className="over")] if over is not None else []
    return html.Div(
        [html.Div([*first, html.H1(title)]), html.Div(list(aside), className="head-aside")], className="head"
    )


def button(words: str, address: str) -> Component:
    """Return a link that looks like what it is: the next thing to do."""
    return html.A(words, href=address, className="button")
