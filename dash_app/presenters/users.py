"""Who uses the house, in a table."""

from collections.abc import Sequence
from typing import Any

from dash import html

from dash_app import component_ids as ids
from dash_app.presenters import pieces
from dash_app.presenters.access import in_table
from dash_app.presenters.plain import plain


def table(found: Sequence[dict[str, Any]], own: str) -> list[Any]:
    """Return a row for each user, with a button that logs out all but the one who looks, `own`."""
    rows = [
        (
            plain(one["name"], 80),
            ", ".join(one["roles"]),
            _logged_in(one),
            pieces.clock(one["until"]) if one["until"] else "",
            str(one["tokens"] or ""),
            _log_out(one, own),
        )
        for one in found
    ]
    how = html.P(
        [
            *("A login for somebody: ", pieces.code("idlehands login --role viewer --name kitchen")),
            *(". Who uses the bus with a certificate: ", pieces.code("idlehands cert list"), "."),
        ],
        className="quiet",
    )
    heads = ("Name", "Role", "On the page", "Until", "Tokens", "Change")
    return [in_table(heads, rows) if rows else html.P("Nobody yet.", className="quiet"), how]


def _logged_in(one: dict[str, Any]) -> str:
    parts = [f"{one['sessions']} browser{'s' if one['sessions'] > 1 else ''}"] if one["sessions"] else []
    parts += [f"{one['links']} unused link{'s' if one['links'] > 1 else ''}"] if one["links"] else []
    return ", ".join(parts) or "not logged in"


def _log_out(one: dict[str, Any], own: str) -> Any:
    if one["name"] == own:
        return html.Span("you", className="quiet")
    if not one["sessions"] and not one["links"]:
        return ""
    label = f"Log out {plain(one['name'], 80)} everywhere"
    return html.Button(
        "Log out",
        id=ids.user(one["name"]),
        className="button is-plain",
        **pieces.attributes(aria_label=label),
    )
