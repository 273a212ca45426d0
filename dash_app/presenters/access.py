"""Settings in tables: tokens, what each machine's owner allows, and how long things are kept."""

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dash_app import component_ids as ids
from dash_app.presenters import pieces
from dash_app.presenters.machines import guest_of, state_of
from dash_app.presenters.plain import plain
from dash_app.presenters.taking import token_form

Document = dict[str, Any]
_PRESETS = (
    ("polite", "Always, at the lowest priority; half of the cores while somebody is there."),
    ("when-idle", "After 15 minutes without input; stands still at the first key."),
    ("nights", "As polite, within a calendar, such as 22:00 to 07:00."),
    ("dedicated", "Always, with everything."),
)


def tokens(found: Sequence[Document], made: Document | None = None) -> list[Any]:
    """Return who has a token for REST, and a form for another; one that was just made is told here once."""
    rows = [
        (
            plain(one["name"], 80),
            one["role"],
            pieces.clock(one["created"]),
            pieces.clock(one["expires"]) if one["expires"] else "for ever",
            "" if one["is_valid"] else "not valid any more",
            _revoke(one),
        )
        for one in found
    ]
    shown: list[Any] = []
    if made is not None:
        shown.append(
            html.Div(
                [
                    html.P(f"The token for {plain(made['name'], 80)}, told this once:"),
                    html.Code(made["token"], id="token-made", className="command"),
                    html.Button("Copy", className="ask", **pieces.attributes(data_copy="token-made")),
                ],
                className="actions",
            )
        )
    table = (
        in_table(("For", "Role", "Made", "Until", "State", "Change"), rows) if rows else _none("No token.")
    )
    rest = html.P(
        [
            "What REST can do, to read and to try: ",
            html.A("/docs", href="/docs", className="link", target="_blank"),
        ],
        className="quiet",
    )
    return [*shown, table, *token_form(), rest]


def _revoke(one: Document) -> Any:
    if one["role"] == "agent":
        # Without it a machine fetches nothing any more: it goes with its certificate.
        return html.Span("of a machine", className="quiet")
    label = f"Revoke the token of {plain(one['name'], 80)}"
    identity = ids.token(one["id"])
    return html.Button(
        "Revoke", id=identity, className="button is-plain", **pieces.attributes(aria_label=label)
    )


def rules(agents: Sequence[Document]) -> list[Any]:
    """Return what each machine's owner allows, and what the presets mean."""
    rows = [
        (
            plain(agent["name"], 80),
            plain(guest_of(agent).get("preset") or "not heard yet", 40),
            state_of(agent, [])[1],
        )
        for agent in agents
    ]
    meaning = pieces.facts([(name, words) for name, words in _PRESETS])
    how = html.P(
        ["Its owner chooses, at the machine: ", pieces.code("idlehands agent policy --preset when-idle")],
        className="quiet",
    )
    table = in_table(("Machine", "Preset", "Now"), rows) if rows else _none("No machine yet.")
    return [table, html.Div(meaning, className="presets"), how]


def retention(kept: Document | None, trouble: str) -> list[Any]:
    """Return how long things are kept as a form, or what is wrong with what says so."""
    if kept is None:
        again = html.P(
            ["Correct it on the HQ host, or remove it: nothing is deleted meanwhile."], className="quiet"
        )
        return [html.P(plain(trouble, 500), className="failure"), again]
    fields = [
        _amount(ids.KEPT_FIELDS[0], "Finished jobs and sweeps, days", kept["finished_jobs_days"], "for ever"),
        _amount(ids.KEPT_FIELDS[1], "Logs and metrics, days", kept["logs_days"], "for ever"),
        _amount(ids.KEPT_FIELDS[2], "Files that nothing refers to, hours", kept["blobs_grace_hours"], "24"),
        _amount(ids.KEPT_FIELDS[3], "Compact the event log above, MB", kept["compact_above_mb"], "never"),
    ]
    rows = [
        ("At most, of one job", _most(kept["logs_per_job"], kept["progress_per_job"])),
        ("At most, of all jobs", _most(kept["logs_in_all"], kept["progress_in_all"])),
    ]
    how = html.Span(
        "What is older is deleted within the hour, for ever, results included.", className="quiet"
    )
    save = html.Button("Save", id=ids.KEPT_SAVE, className="button is-plain")
    more = html.P(["These by terminal: ", pieces.code("idlehands hq keep --help")], className="quiet")
    return [
        html.Div(fields, className="fields"),
        html.Div([save, how], className="actions"),
        html.Div([pieces.facts(rows), more], className="presets"),
    ]


def _amount(identity: str, label: str, value: float | None, empty: str) -> Any:
    return dmc.NumberInput(
        id=identity, label=label, value="" if value is None else value, min=0, placeholder=empty
    )


def _most(logs: int, points: int) -> str:
    return f"{logs:,} pieces of log and {points:,} points of metrics"


def _none(words: str) -> Component:
    return html.P(words, className="quiet")


def in_table(heads: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> Component:
    """Return rows below their heads, which scroll sideways where they must."""
    body = [html.Tr([html.Td(cell) for cell in row]) for row in rows]
    head = html.Thead(html.Tr([html.Th(name) for name in heads]))
    return pieces.sideways(html.Table([head, html.Tbody(body)], className="numbers is-list"))
