"""Models: the registry, and of one its versions, their stages, files, numbers, and where they came from."""

import asyncio
from typing import Any

from dash import html

from dash_app import component_ids as ids
from dash_app.presenters import pieces, registry
from dash_app.presenters.job import parameters
from dash_app.presenters.plain import plain
from dash_app.presenters.previews import BYTES_READ, preview
from dash_app.presenters.result_charts import result_charts, without_charts
from hq.rest.database import Document
from hq.rest.house import House
from hq.rest.models import list_models, read_model
from hq.rest.problems import not_found

#: As many as HQ lets there be.
_MOST = 500
_CARD_NAMES = (".md", ".markdown")
_COMMAND = "idlehands models promote JOB --name wine --stage staging"


async def list_page(house: House, may_change: bool) -> list[Any]:
    """Return the list of models."""
    found = (await list_models(house.database, limit=_MOST))["models"]
    top = [pieces.head("Models"), registry.tabs("/models")]
    if found:
        return [*top, registry.listed(found)]
    how = (
        "On the page of a job that kept files, Model registers it"
        if may_change
        else "Operators register them"
    )
    return [
        *top,
        pieces.empty(
            "No model yet.",
            html.P("A model is what a job left behind, under a name, with versions and stages."),
            html.P([f"{how}; from a terminal: ", pieces.code(_COMMAND)]),
        ),
    ]


async def page(house: House, name: str, wanted: str, may_change: bool) -> list[Any]:
    """Return one model, at the version of that number, or the newest.

    Raises:
        Problem: 404 when there is no such model or version.
    """
    model = await read_model(house.database, name)
    if model is None:
        raise not_found("model", name)
    shown = next((one for one in model["versions"] if wanted in ("", str(one["version"]))), None)
    if shown is None:
        raise not_found("model", f"{name}@{wanted}")
    came = shown["lineage"]
    metrics = came.get("metrics") or {}
    left = [
        html.Div(
            registry.versions(model, shown["version"], may_change),
            id=ids.MODEL_VERSIONS,
            **pieces.attributes(data_model=name),
        ),
        *await _card(house, shown),
        pieces.panel("Result", registry.values(without_charts(metrics), "It is too large to be shown here.")),
        *(
            [pieces.panel("What came out", *drawn, kind="charts")]
            if (drawn := result_charts(metrics))
            else []
        ),
    ]
    right = [
        pieces.panel(f"Files of version {shown['version']}", registry.files(shown)),
        pieces.panel("Where it came from", registry.lineage(shown)),
        pieces.panel("Parameters", parameters(came)),
    ]
    note = [html.P(plain(shown["note"], 2000), className="quiet lead")] if shown.get("note") else []
    return [
        pieces.head(plain(name, 80), over=html.A("Models", href="/models")),
        *note,
        html.Div(
            [html.Div(left, className="column"), html.Div(right, className="column")], className="panels"
        ),
    ]


async def _card(house: House, version: Document) -> list[Any]:
    """Return the model card, where one of the files is one."""
    named = [one for one in version["files"] if one["name"].lower().endswith(_CARD_NAMES)]
    if not named:
        return []
    chosen = min(named, key=lambda one: ("card" not in one["name"].lower(), one["name"]))
    blob = await house.blobs.find(chosen["sha256"])
    if blob is None:
        return []
    length = min(int(blob["length"]), BYTES_READ)
    content = b"".join([piece async for piece in house.blobs.read_from(blob, 0, length)]) if length else b""
    found = await asyncio.to_thread(preview, str(chosen["name"]), content[:length], int(blob["length"]))
    if found["kind"] != "blocks":
        return []
    return [pieces.panel(f"Card: {plain(chosen['name'], 80)}", registry.card(found["blocks"]))]
