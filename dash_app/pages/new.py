"""New: choose a script of the house or upload one, fill in its arguments, run it."""

import asyncio
import secrets
from typing import Any

from dash import html

from dash_app import component_ids as ids
from dash_app.presenters import form, pieces
from dash_app.presenters.plain import plain
from dash_app.script_folders import ScriptFolders
from dash_app.uploaded_scripts import PREFIX, UploadedScripts
from hq.rest import queries
from hq.rest.house import House
from schemas.specs import BUILT


async def page(
    house: House, folders: ScriptFolders, uploaded: UploadedScripts, chosen: str, may_change: bool
) -> list[Any]:
    """Return the page."""
    if not may_change:
        why = "You are logged in as viewer, who can look at everything and change nothing."
        return [
            pieces.head("New job"),
            pieces.empty(
                "Only operators submit jobs.",
                html.P(why),
                html.P(["A login that may: ", pieces.code("idlehands login --role operator")]),
            ),
        ]
    scripts = await asyncio.to_thread(folders.all)
    if chosen.startswith(PREFIX):
        found = await uploaded.find(house.blobs, chosen)
    else:
        found = next((one for one in scripts if one.name == chosen), None)
    if not scripts and found is None:
        hint = form.no_scripts([str(folder) for folder in folders.folders])
        return [pieces.head("New job"), form.upload(uploaded.are_allowed()), hint]
    others = html.A("Other scripts", href="/new", className="script-others")
    choices = [
        form.upload(uploaded.are_allowed()),
        *form.choices(scripts, found, chosen),
        *([others] if found else []),
    ]
    picking = html.Nav(
        choices, className="scripts", id=ids.SCRIPT_CHOICE, **pieces.attributes(aria_label="Scripts")
    )
    if found is None:
        why = _why_none(chosen)
        return [pieces.head("New job"), html.P(why, className="quiet lead"), picking]
    agents = await queries.read_agents(house.database)
    machines = [agent["name"] for agent in agents]
    known = [f"data://{one['name']}" for one in await house.datasets.list_all()]
    parts = form.form(found, machines, _environments(agents), secrets.token_hex(16), known)
    filled = html.Div(parts, id=ids.SCRIPT_FORM, className="form")
    return [
        pieces.head("New job"),
        html.Div(
            [
                picking,
                html.Section(
                    [html.H2(plain(found.title, 120)), _about(found.script.about), filled],
                    className="panel new-panel",
                ),
            ],
            className="new",
        ),
    ]


def _environments(agents: list[dict[str, Any]]) -> list[str]:
    """Return the interpreters that machines name, without the environments that they build."""
    named = {str(one) for agent in agents for one in (agent.get("facts") or {}).get("environments") or ()}
    return sorted(plain(one, 63) for one in named if one != BUILT)


def _why_none(chosen: str) -> str:
    if not chosen:
        return "Choose a script."
    if chosen.startswith(PREFIX):
        return "What was uploaded is not stored any more. Upload it again, or choose another script."
    return f"There is no script {plain(chosen, 100)!r}; choose one."


def _about(text: str) -> Any:
    return html.P(plain(text, 300), className="quiet")
