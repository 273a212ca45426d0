"""Files that chosen trials kept, side by side: pictures of one name in a row, the rest as downloads."""

from collections.abc import Mapping, Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from dash_app import addresses
from dash_app.artifacts_route import may_be_picture
from dash_app.presenters import pieces, sweep_figures
from dash_app.presenters.plain import plain
from dash_app.presenters.previews import may_be_previewed

Document = dict[str, Any]
Kept = Mapping[str, tuple[int, Sequence[Document]]]
_NAMES_AT_MOST = 24


def side_by_side(trials: Sequence[Document], kept: Kept) -> list[Component]:
    """Return a row for each file name, with a cell for each trial; nothing where no trial kept a file.

    Args:
        trials: The chosen ones, each with `trial` and `job`.
        kept: By job, the token of the attempt and what it kept.
    """
    names = list(
        dict.fromkeys(str(one["name"]) for trial in trials for one in kept.get(trial["job"], (0, ()))[1])
    )
    if not names or len(trials) < 2:
        return []
    # Pictures first: they are what people compare by looking.
    names.sort(key=lambda name: not _is_picture(name, trials, kept))
    head = [
        html.Th(
            [
                html.Span(className="swatch", style={"background": sweep_figures.colour_of(at)}),
                f"Trial {trial['trial']}",
            ]
        )
        for at, trial in enumerate(trials)
    ]
    rows = [
        html.Tr(
            [
                html.Th(html.Bdi(plain(name, 80))),
                *(html.Td(_cell(trial["job"], name, kept)) for trial in trials),
            ]
        )
        for name in names[:_NAMES_AT_MOST]
    ]
    parts: list[Component] = [
        html.H3("Files", className="compared-title"),
        pieces.sideways(
            html.Table([html.Thead(html.Tr([html.Td(""), *head])), html.Tbody(rows)], className="compared")
        ),
    ]
    if len(names) > _NAMES_AT_MOST:
        left = len(names) - _NAMES_AT_MOST
        parts.append(html.P(f"{left} more names are on the pages of the jobs.", className="quiet explained"))
    return parts


def _is_picture(name: str, trials: Sequence[Document], kept: Kept) -> bool:
    return any(
        one["name"] == name and may_be_picture(one)
        for trial in trials
        for one in kept.get(trial["job"], (0, ()))[1]
    )


def _cell(job: str, name: str, kept: Kept) -> Any:
    token, files = kept.get(job, (0, ()))
    for number, one in enumerate(files):
        if one["name"] != name:
            continue
        address = addresses.of_artifact(job, token, number)
        shown = plain(name, 120)
        if may_be_picture(one):
            image = html.Img(src=f"{address}/picture", alt=f"{shown} of {job}", title=shown)
            return html.A(image, href=address, download="", className="picture is-compared")
        parts: list[Component] = [html.A("Download", href=address, download="", className="link")]
        if may_be_previewed(name) and one["bytes"]:
            looking = pieces.attributes(
                data_preview=f"{address}/preview", aria_label=f"Look into {shown} of {job}"
            )
            parts.insert(0, html.Button("Look", className="ask", **looking))
        return html.Span(parts, className="file-aside")
    return html.Span("none", className="quiet")
