"""Models of the registry in pieces: the list, versions with their stages, where one came from, its card."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dash_app import addresses
from dash_app import component_ids as ids
from dash_app.presenters import pieces, words
from dash_app.presenters.datasets import of_dataset
from dash_app.presenters.plain import plain

Document = dict[str, Any]
STAGES = ("none", "staging", "production", "archived")
_STAGE_WORDS = {
    "none": "No stage",
    "staging": "Staging",
    "production": "Production",
    "archived": "Archived",
}
_METRICS_SHOWN = 3


def of_model(name: str, version: int | str = "") -> str:
    """Return the address of a model."""
    return f"/models/{quote(name, safe='')}" + (f"?version={version}" if version else "")


def tabs(here: str) -> Component:
    """Return the way between datasets and models."""
    ways = (("Datasets", "/data"), ("Models", "/models"))
    return html.Nav(
        [
            html.A(
                name,
                href=address,
                className="filter is-chosen" if address == here else "filter",
                **(pieces.attributes(aria_current="page") if address == here else {}),
            )
            for name, address in ways
        ],
        className="filters",
        **pieces.attributes(aria_label="Data and models"),
    )


def listed(rows: Sequence[Document]) -> Component:
    """Return the list of models."""
    body = [
        html.Tr(
            [
                html.Td(html.A(plain(row["name"], 80), href=of_model(row["name"])), className="name"),
                html.Td(str(row["latest"])),
                html.Td(_at_stage(row, "staging")),
                html.Td(_at_stage(row, "production")),
                html.Td(metrics(row["metrics"])),
                html.Td(html.A(row["job"], href=addresses.of_job(row["job"]), className="mono")),
                html.Td(pieces.clock(row["changed_at"])),
            ]
        )
        for row in rows
    ]
    return _table(("Model", "Newest", "Staging", "Production", "Its numbers", "Job", "Changed"), body)


def _at_stage(row: Document, stage: str) -> Any:
    version = row["stages"].get(stage)
    return "" if version is None else html.A(f"{version}", href=of_model(row["name"], version))


def metrics(found: Document | None) -> str:
    """Return the first numbers of a result in a line."""
    numbers = [
        (name, value)
        for name, value in (found or {}).items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    ]
    return ", ".join(f"{plain(name, 40)} {words.number(value)}" for name, value in numbers[:_METRICS_SHOWN])


def versions(model: Document, shown: int, may_change: bool) -> Component:
    """Return the versions of a model, the newest first, each with what its stage can become."""
    heads = ("Version", "Stage", "Its numbers", "From", "By", "At", *(("Change",) if may_change else ()))
    body = []
    for one in model["versions"]:
        number, name = one["version"], model["name"]
        is_here = number == shown
        cells = [
            html.Td(
                html.A(
                    str(number),
                    href=of_model(name, number),
                    className="is-chosen" if is_here else "",
                    **(pieces.attributes(aria_current="true") if is_here else {}),
                ),
                className="name",
            ),
            html.Td(_STAGE_WORDS[one["stage"]]),
            html.Td(metrics(one["lineage"].get("metrics")), className="in-words"),
            html.Td(
                html.A(one["lineage"]["job"], href=addresses.of_job(one["lineage"]["job"]), className="mono")
            ),
            html.Td(plain(one["by"], 60)),
            html.Td(pieces.clock(one["at"])),
        ]
        if may_change:
            cells.append(html.Td(_changes(name, number, one["stage"])))
        body.append(html.Tr(cells))
    return _table(heads, body)


def _changes(model: str, version: int, stage: str) -> Component:
    verbs = {"staging": "To staging", "production": "To production", "archived": "Archive"}
    buttons = [(do, said) for do, said in verbs.items() if do != stage]
    if stage != "production":
        # What is in production cannot be removed: HQ refuses it.
        buttons.append(("remove", "Remove"))
    return html.Div(
        [
            html.Button(
                said,
                id=ids.registered(str(version), do),
                className="ask",
                **pieces.attributes(aria_label=f"{said}: {model} version {version}"),
            )
            for do, said in buttons
        ],
        className="actions",
    )


def files(version: Document) -> list[Component]:
    """Return the files of a version, and how they are had."""
    rows = [
        html.Li(
            [
                html.Span(plain(one["name"], 255), className="file-name"),
                html.Span([words.size(one["bytes"]), ", ", html.Span(one["sha256"][:12], className="mono")]),
            ]
        )
        for one in version["files"]
    ]
    name = f"{version['model']}@{version['version']}"
    return [
        html.Ul(rows, className="files"),
        html.P(["From a terminal: ", pieces.code(f"idlehands get model://{name}")], className="quiet"),
        html.P(["In a job: ", pieces.code(f"model://{name}")], className="quiet"),
    ]


def lineage(version: Document) -> Component:
    """Return where a version came from."""
    came = version["lineage"]
    spec = came["spec"]
    script = spec["script"]
    rows: list[tuple[str, Any]] = [
        ("Job", html.A(came["job"], href=addresses.of_job(came["job"]))),
        ("Script", plain(script.get("entry") or script.get("name") or "", 200)),
    ]
    if came.get("sweep"):
        name = plain(came.get("sweep_name") or came["sweep"], 80)
        rows.append(("Sweep", html.A(name, href=addresses.of_sweep(came["sweep"]))))
    source = spec.get("source") or script.get("source") or {}
    if source.get("commit"):
        rows.append(("Commit", html.Span(plain(source["commit"], 64), className="mono")))
    rows += [
        ("Machine", plain(came.get("agent") or "", 64)),
        ("Submitted", [pieces.clock(came.get("submitted_at")), f" by {plain(came['submitter'], 60)}"]),
        ("Ended", pieces.clock(came.get("ended_at"))),
    ]
    rows += [
        ("Data", html.A(f"{plain(name, 63)}@{sha256[:12]}", href=of_dataset(name, sha256)))
        for name, sha256 in (came.get("datasets") or {}).items()
    ]
    if version.get("staged_by"):
        rows.append(("Stage by", [plain(version["staged_by"], 60), ", ", pieces.clock(version["staged_at"])]))
    rows.append(("Content", html.Span(version["sha256"][:16], className="mono")))
    return pieces.facts(rows)


def values(found: Document | None, nothing: str) -> Component:
    """Return names and values, such as parameters."""
    rows = [(plain(name, 80), words.value(value)) for name, value in (found or {}).items()]
    return pieces.facts(rows) if rows else html.P(nothing, className="quiet")


def card(blocks: Sequence[Document]) -> Component:
    """Return a model card from the blocks of its preview; whatever it says is text."""
    return html.Div([_block(one) for one in blocks], className="model-card")


def _block(one: Document) -> Component:
    match one["is"]:
        case "heading":
            return html.P(one["text"], className="card-heading")
        case "list":
            return html.Ul([html.Li(item) for item in one["items"]])
        case "table":
            rows = [html.Tr([html.Td(cell) for cell in row]) for row in one["rows"]]
            return pieces.sideways(html.Table(html.Tbody(rows), className="numbers is-list"))
        case "code":
            return html.Pre(one["text"], className="file-text", tabIndex="0")
    return html.P(one["text"])


def of_job(found: Sequence[Document], may_change: bool, has_files: bool) -> list[Any]:
    """Return the versions that a job became, and a form that makes it the next one of a model."""
    shown: list[Any] = (
        [
            html.Ul(
                [
                    html.Li(
                        [
                            html.A(
                                f"{plain(one['model'], 63)}@{one['version']}",
                                href=of_model(one["model"], one["version"]),
                                className="file-name",
                            ),
                            html.Span(_STAGE_WORDS[one["stage"]]),
                        ]
                    )
                    for one in found
                ],
                className="files",
            )
        ]
        if found
        else []
    )
    if not has_files:
        return shown or [html.P("A job that succeeded and kept files can be a model.", className="quiet")]
    if not may_change:
        return shown or [html.P("It is no version of a model.", className="quiet")]
    return [
        *shown,
        html.Div(
            [
                dmc.TextInput(
                    id=ids.MODEL_NAME,
                    placeholder="Name of a model",
                    value="",
                    size="xs",
                    inputProps={"aria-label": "Name of a model", "autoComplete": "off"},
                ),
                html.Button("Register", id=ids.MODEL_ADD, className="button is-plain"),
            ],
            className="actions register",
        ),
    ]


def _table(heads: Sequence[str], body: Sequence[Component]) -> Component:
    head = html.Thead(html.Tr([html.Th(one) for one in heads]))
    return pieces.sideways(html.Table([head, html.Tbody(body)], className="numbers is-list"), kind="panel")
