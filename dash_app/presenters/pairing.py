"""How a pairing stands, for people: what to do next on which computer."""

from typing import Any

from dash import html

from dash_app import component_ids as ids
from dash_app.presenters import pieces
from dash_app.presenters.plain import plain
from idlehands.pairing.on_page import PageStatus

_ON_TERMINAL = "idlehands pair"


def standing(status: PageStatus | None, qr: str | None) -> list[Any]:
    """Return the content of the panel; `qr` is the address of the picture of the line."""
    if status is None or status.state in ("joined", "over"):
        return [*_last(status), _begin("Another one" if status is not None else "Add a computer")]
    if status.state == "asking":
        return [*_lines(status), html.P(html.Strong(plain(status.question, 200))), _yes_or_no()]
    if not status.line:
        return [html.P("Making a token ...", className="quiet")]
    return [
        html.P(f"Paste this line on the new computer{_where(status.line)}. It works once."),
        html.P(pieces.code(status.line)),
        *([html.P(html.Img(src=qr, alt="The same line as a QR code", width=220))] if qr else []),
        *_reach(status.line),
        *_lines(status),
        _begin("Make a new token"),
    ]


def nobody() -> list[Any]:
    """Return what stands where nobody takes the request."""
    return [
        html.P(
            [
                "Nothing on the HQ host starts a pairing from here; only `idlehands up` does. There: ",
                pieces.code(_ON_TERMINAL),
            ]
        )
    ]


def _last(status: PageStatus | None) -> list[Any]:
    if status is None:
        return [html.P("The new computer makes its own keys, and you compare four words.", className="quiet")]
    return _lines(status)


def _lines(status: PageStatus) -> list[Any]:
    return [html.P(plain(line, 300), className="quiet") for line in status.said]


def _where(line: str) -> str:
    if line.startswith("git "):
        return "; it needs Python 3.11 and git"
    return ", in a clone or copy of this repository; it needs Python 3.11"


def _reach(line: str) -> list[Any]:
    if not any(f"--hq {host}" in line for host in ("127.", "localhost", "[::1]")):
        return []
    move = pieces.code("idlehands up --address lan")
    return [html.P(["Only this computer reaches this house. For others, stop it and start it with ", move])]


def _begin(words: str) -> Any:
    return html.Button(words, id=ids.PAIR_START, className="button")


def _yes_or_no() -> Any:
    return html.Div(
        [
            html.Button("Allow", id=ids.PAIR_ALLOW, className="button"),
            html.Button("Refuse", id=ids.PAIR_REFUSE, className="button is-plain"),
        ],
        className="actions",
    )
