"""The files that a job's script kept: name, size, a way to download each, and pictures as pictures."""

from typing import Any

from dash import html
from dash.development.base_component import Component

from dash_app import addresses
from dash_app.artifacts_route import may_be_picture
from dash_app.presenters import pieces, words
from dash_app.presenters.plain import plain
from dash_app.presenters.previews import may_be_previewed

Document = dict[str, Any]
#: An attempt has at most 200 files; of so many the pictures are drawn.
_PICTURES_SHOWN = 12


def artifacts(job: Document, result: Document) -> list[Component]:
    """Return the files of the result that is shown of a job."""
    kept = result.get("artifacts") or []
    if not kept:
        return [html.P("The script kept none.", className="quiet")]
    token = int(result.get("token") or 0)
    pictures = [number for number, one in enumerate(kept) if may_be_picture(one)][:_PICTURES_SHOWN]
    shown = [_picture(addresses.of_artifact(job["id"], token, n), kept[n]) for n in pictures]
    rows = [_row(addresses.of_artifact(job["id"], token, n), one) for n, one in enumerate(kept)]
    return [*([html.Div(shown, className="pictures")] if shown else []), html.Ul(rows, className="files")]


def _row(address: str, artifact: Document) -> Component:
    shown = plain(artifact["name"], 255)
    name = html.A(shown, href=address, download="", className="file-name")
    aside: list[Any] = [html.Span(words.size(artifact["bytes"]), className="file-size")]
    if may_be_previewed(str(artifact["name"])) and artifact["bytes"]:
        looking = pieces.attributes(data_preview=f"{address}/preview", aria_label=f"Look into {shown}")
        aside.insert(0, html.Button("Look", className="ask", **looking))
    return html.Li([name, html.Span(aside, className="file-aside")])


def _picture(address: str, artifact: Document) -> Component:
    name = plain(artifact["name"], 120)
    image = html.Img(src=f"{address}/picture", alt=name, title=name)
    return html.A(image, href=address, download="", className="picture")
