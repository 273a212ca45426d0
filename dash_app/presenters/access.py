"""Settings in tables: tokens, what each machine's owner allows, and how long things are kept."""

from collections.abc import Sequence
from typing import Any

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
    table = _table(("For", "Role", "Made", "Until", "State", "Change"), rows) if rows else _none("No token.")
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
    table = _table(("Machine", "Preset", "Now"), rows) if rows else _none("No machine yet.")
    return [table, html.Div(meaning, className="presets"), how]


def retention(kept: Document | None, trouble: str) -> list[Any]:
    """Return how long things are kept, and how that is changed."""
    if kept is None:
        return [html.P(plain(trouble, 500), className="failure")]
    compact = kept["compact_above_mb"]
    rows = [
        ("Finished jobs and sweeps", _days(kept["finished_jobs_days"])),
        ("Logs and metrics", _days(kept["logs_days"])),
        (
            "At most",
            f"{kept['logs_per_job']:,} pieces of log and {kept['progress_per_job']:,} points of a job",
        ),
        ("Files that nothing refers to", f"{kept['blobs_grace_hours']:g} hours"),
        ("Event log", "whole" if compact is None else f"compacted above {compact:,} MB"),
    ]
    how = html.P(
        ["In ", pieces.code("retention.json"), " of the house; ", pieces.code("idlehands clean --help")],
        className="quiet",
    )
    return [pieces.facts(rows), how]


def _days(value: float | None) -> str:
    return "for ever" if value is None else f"{value:g} days"


def _none(words: str) -> Component:
    return html.P(words, className="quiet")


def _table(heads: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> Component:
    body = [html.Tr([html.Td(cell) for cell in row]) for row in rows]
    head = html.Thead(html.Tr([html.Th(name) for name in heads]))
    return pieces.sideways(html.Table([head, html.Tbody(body)], className="numbers is-list"))
