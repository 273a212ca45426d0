"""Settings of what reaches outside, and schedules, for people: tables, buttons and a short form."""

import datetime
from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html

from dash_app import component_ids as ids
from dash_app.presenters import pieces
from dash_app.presenters.plain import plain
from dash_app.presenters.taking import remove_button, schedule_form, taking_form
from hq.outside.targets import USUAL, Ntfy

_KINDS = [
    {"value": "ntfy", "label": "ntfy, on phones"},
    {"value": "mail", "label": "Mail"},
    {"value": "webhook", "label": "Webhook"},
    {"value": "mqtt", "label": "MQTT topic"},
]
#: Of who names a topic alone.
_NTFY = Ntfy(topic="any").server
_WORDS = {
    "job_failed": "failed jobs",
    "job_dead": "jobs given up",
    "job_succeeded": "succeeded jobs",
    "job_hangs": "jobs that may hang",
    "sweep_finished": "finished sweeps",
    "machine_lost": "lost machines",
    "house_unhealthy": "the house itself",
}


def notifications(found: Sequence[dict[str, Any]]) -> list[Any]:
    """Return who is told what, and a form to add somebody."""
    rows = [
        (
            one["name"],
            _where(one["to"]),
            ", ".join(_WORDS.get(what, what) for what in one["on"]),
            _moment(one["last_sent"]),
            f"{one['waiting']} wait: {one['trouble']}" if one["trouble"] else str(one["waiting"] or ""),
            _told_buttons(one["name"]),
        )
        for one in found
    ]
    return [
        *_table(("Name", "Where", "About", "Last", "Waits", "Change"), rows, "Nobody is told anything yet."),
        html.Div(_form(), className="fields"),
        html.Div(_about(), className="told-about"),
        html.Div(
            [
                html.Button("Save", id=ids.TOLD_ADD, className="button"),
                html.Span(
                    [
                        "A name that there is already is changed. More, by terminal: ",
                        pieces.code("idlehands notify add --help"),
                    ],
                    className="quiet",
                ),
            ],
            className="actions",
        ),
    ]


def _form() -> list[Any]:
    quiet = {"autoComplete": "off"}
    return [
        dmc.Select(id=ids.TOLD_KIND, label="By", data=_KINDS, value="ntfy", allowDeselect=False),
        dmc.TextInput(id=ids.TOLD_NAME, label="Name", placeholder="phone", value="", inputProps=quiet),
        dmc.TextInput(
            id=ids.TOLD_WHERE,
            label="Topic, address or URL",
            placeholder="a-topic-nobody-guesses",
            value="",
            inputProps=quiet,
        ),
        dmc.PasswordInput(
            id=ids.TOLD_SECRET,
            label="Token, key or password",
            value="",
            inputProps={"autoComplete": "new-password"},
        ),
        dmc.TextInput(
            id=ids.TOLD_HOST, label="Mail: server", placeholder="mail.example.org", value="", inputProps=quiet
        ),
        dmc.TextInput(
            id=ids.TOLD_SENDER, label="Mail: from", placeholder="hq@example.org", value="", inputProps=quiet
        ),
    ]


def _about() -> Any:
    return dmc.MultiSelect(
        id=ids.TOLD_ABOUT,
        label="About",
        data=[{"value": what, "label": words} for what, words in _WORDS.items()],
        value=list(USUAL),
    )


def filled(one: dict[str, Any]) -> tuple[str, str, str, str, str, str, list[str]]:
    """Return what the form's fields hold of a notification, in their order: its secret is never told."""
    to = one["to"]
    match to["kind"]:
        case "mail":
            where = ", ".join(to["to"])
        case "webhook":
            where = to["url"]
        case "ntfy":
            where = to["topic"] if to["server"] == _NTFY else f"{to['server']}/{to['topic']}"
        case _:
            where = to["topic"]
    host = ""
    if to["kind"] == "mail":
        host = f"[{to['host']}]:{to['port']}" if ":" in to["host"] else f"{to['host']}:{to['port']}"
    return to["kind"], one["name"], where, "", host, to.get("sender", ""), list(one["on"])


def schedules(found: Sequence[dict[str, Any]], may_change: bool) -> list[Any]:
    """Return what is submitted when."""
    rows = [
        (
            one["schedule"],
            plain(one["what"], 60),
            f"{plain(one['cron'], 60)} ({plain(one['zone'], 40)})",
            "paused" if one["paused"] else _moment(one["next"]),
            _last(one),
            _buttons(
                one["schedule"],
                (
                    ("run", "Run now"),
                    ("resume", "Resume") if one["paused"] else ("pause", "Pause"),
                    ("remove", "Remove"),
                ),
                ids.scheduled,
            )
            if may_change
            else "",
        )
        for one in found
    ]
    rest = (
        schedule_form()
        if may_change
        else [html.P("You are logged in as viewer, who changes nothing.", className="quiet")]
    )
    empty = "Nothing is submitted by the clock."
    return [*_table(("Name", "Submits", "When", "Next", "Last", "Change"), rows, empty), *rest]


def _last(one: dict[str, Any]) -> Any:
    parts: list[Any] = []
    if one["job"]:
        parts.append(html.A(one["job"], href=f"/jobs/{one['job']}"))
    if one["sweep"]:
        parts.append(html.A(one["sweep"], href=f"/sweeps/{one['sweep']}"))
    if one.get("pipeline"):
        parts.append(html.A(one["pipeline"], href=f"/pipelines/{one['pipeline']}"))
    if one["why"]:
        parts.append(html.Div(f"left out: {plain(one['why'], 200)}", className="quiet"))
    return html.Div(parts)


#: Where what was submitted has its page, by the first letter of its id.
_PAGES = {"j": "jobs", "s": "sweeps", "p": "pipelines"}


def incoming(
    hooks: Sequence[dict[str, Any]], topics: Sequence[dict[str, Any]], household: dict[str, Any]
) -> list[Any]:
    """Return what may come in from outside, and how the household's broker is."""
    rows = [
        (
            one["name"],
            plain(one.get("topic") or f"/api/v1/hooks/{one['name']}", 120),
            str(one["submitted"]),
            f"{one['refused']}: {plain(one['trouble'], 160)}"
            if one["trouble"]
            else str(one["refused"] or ""),
            html.A(one["last"], href=f"/{_PAGES.get(one['last'][0], 'sweeps')}/{one['last']}")
            if one["last"]
            else "",
            remove_button("topic" if one.get("topic") else "hook", one["name"]),
        )
        for one in (*hooks, *topics)
    ]
    empty = "No webhook and no topic submits anything."
    return [
        *_table(("Name", "Comes by", "Submitted", "Refused", "Last", "Change"), rows, empty),
        *taking_form(),
        html.P(["The household's own broker: ", *_household(household)]),
        html.P(
            [
                *("By terminal: ", pieces.code("idlehands household connect")),
            ],
            className="quiet",
        ),
    ]


def _household(found: dict[str, Any]) -> list[Any]:
    household, state = found["household"], found["state"]
    if household is None:
        return ["none."]
    address = f"{household['host']}:{household['port']}"
    if state and state["connected"]:
        return [f"{address}, connected."]
    why = "not tried yet" if not state else plain(state["why"], 200)
    return [f"{address}, ", html.Strong("not connected"), f": {why}."]


def _table(names: tuple[str, ...], rows: Sequence[tuple[Any, ...]], empty: str) -> list[Any]:
    if not rows:
        return [html.P(empty, className="quiet")]
    head = html.Thead(html.Tr([html.Th(name) for name in names]))
    body = [
        html.Tr(
            [
                html.Td(cell, **pieces.attributes(data_name=name))
                for name, cell in zip(names, row, strict=True)
            ]
        )
        for row in rows
    ]
    return [html.Table([head, html.Tbody(body)], className="audit")]


def _buttons(name: str, which: tuple[tuple[str, str], ...], identity: Any) -> Any:
    return html.Div(
        [
            html.Button(
                words,
                id=identity(name, do),
                className="button is-plain",
                **pieces.attributes(aria_label=f"{words} {name}"),
            )
            for do, words in which
        ],
        className="actions",
    )


def _told_buttons(name: str) -> Any:
    edit = html.Button(
        "Edit",
        id=ids.told_edited(name),
        className="button is-plain",
        **pieces.attributes(aria_label=f"Edit {name}"),
    )
    rest = _buttons(name, (("test", "Test"), ("remove", "Remove")), ids.told)
    return html.Div([edit, *rest.children], className="actions")


def _where(target: dict[str, Any]) -> str:
    match target["kind"]:
        case "mail":
            return plain(", ".join(target["to"]), 200)
        case "webhook":
            return plain(target["url"], 200)
        case "ntfy":
            return plain(f"{target['server']}/{target['topic']}", 200)
        case _:
            return plain(f"{target['topic']} ({target['broker']})", 200)


def _moment(at: float | None) -> Any:
    if at is None:
        return ""
    return datetime.datetime.fromtimestamp(at, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
