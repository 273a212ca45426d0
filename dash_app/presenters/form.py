"""The form of a script: its arguments, what it needs, how it is searched, and the command for it."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from dash_app import component_ids as ids
from dash_app.presenters import pieces
from dash_app.presenters.fields import field
from dash_app.presenters.form_search import becoming, search
from dash_app.presenters.plain import plain
from dash_app.script_folders import Found
from schemas.arguments.vocabulary import Script


def upload(are_allowed: bool) -> Component:
    """Return the place to drop a script; `assets/upload.js` puts a field for files there and sends it."""
    if not are_allowed:
        how = pieces.code("idlehands scripts uploads on")
        return html.P(["Scripts from this browser: ", how, " on the HQ host allows them."], className="quiet")
    return html.Div(
        [
            html.Div(id="script-choose"),
            html.P(id="script-said", className="quiet", role="status"),
        ],
        id="script-upload",
        className="upload script-upload",
    )


def choices(scripts: list[Found], found: Found | None, chosen: str) -> list[Component]:
    """Return the scripts to choose from, each with what it says of itself; an uploaded one first."""
    own = [one for one in scripts if not one.is_allowed]
    beside = [one for one in scripts if one.is_allowed]
    shown: list[Component] = []
    if found is not None and found.bundle:
        shown.append(html.H2("Uploaded", className="scripts-of"))
        shown += [
            _choice(entry, "", f"upload:{found.bundle}/{entry}", chosen) for entry in found.entries[:30]
        ]
    for title, some in (("Of the house", own), ("In allowed folders", beside)):
        if (some and len(scripts) > len(some)) or shown:
            shown.append(html.H2(title, className="scripts-of"))
        shown += [_choice(one.name, one.script.about or one.script.trouble, one.name, chosen) for one in some]
    return shown


def _choice(title: str, about: str, name: str, chosen: str) -> Component:
    words = [html.Span(plain(title, 120), className="script-name")]
    if about:
        words.append(html.Span(plain(about, 160), className="script-about"))
    is_chosen = name == chosen
    return html.A(
        words,
        href=f"/new?script={quote(name, safe='')}",
        className="script is-chosen" if is_chosen else "script",
        **(pieces.attributes(aria_current="true") if is_chosen else {}),
    )


def no_scripts(folders: list[str]) -> Component:
    """Return what New says when there is nothing to choose."""
    return pieces.empty(
        "No script to choose from yet.",
        html.P(
            [
                "Put Python files into ",
                pieces.code(plain(folders[0], 300) if folders else "scripts"),
                " on the HQ host, or name a folder that has some: ",
                pieces.code("idlehands scripts allow DIR"),
                ". Their arguments become a form here.",
            ]
        ),
        html.P(["From a terminal, any script: ", pieces.code("idlehands run train.py --epochs 3")]),
    )


def fields(script: Script, datasets: Sequence[str] = ()) -> list[Any]:
    """Return a field for each argument; those of a command under its name."""
    if not script.arguments:
        return [html.P("It takes no arguments that could be read.", className="quiet")]
    shown: list[Any] = []
    for command in ("", *script.commands):
        own = [one for one in script.arguments if one.command == command]
        if own and command:
            shown.append(html.H3(plain(command, 80), className="of-command"))
        # What stands before a command cannot be varied: parameters come last on the command line.
        shown += [field(one, may_vary=bool(command) or not script.commands, datasets=datasets) for one in own]
    return shown


def form(
    found: Found, machines: list[str], environments: list[str], key: str, datasets: Sequence[str] = ()
) -> list[Any]:
    """Return the whole form of one script.

    Args:
        found: The script.
        machines: Names of those that there are.
        environments: Interpreters that they have, by name.
        key: Of the form: the same form sent twice is one job.
        datasets: What a text can be instead, as `data://NAME`.
    """
    script = found.script
    commands = [plain(one, 80) for one in script.commands]
    shown: list[Any] = [
        dcc.Store(id=ids.FORM_KEY, data=key),
        *([html.P(plain(script.trouble, 500), className="failure")] if script.trouble else []),
        dmc.Select(
            id=ids.FORM_COMMAND,
            label="Command",
            description="What it is to do; fields of the others are left out.",
            data=commands,
            value=commands[0] if commands else None,
            style=None if commands else {"display": "none"},
        ),
        html.Div(fields(script, datasets), className="fields its-arguments"),
        becoming(found),
        search(),
        dmc.Textarea(
            id=ids.FORM_MORE,
            label="More parameters",
            description="One per line: name=value. They become flags too."
            + (" This script may take more than could be read." if script.more else ""),
            autosize=True,
            minRows=2,
            maxRows=12,
            value="",
            className="its-lines",
        ),
        html.Div(_needs(found, machines, environments), className="fields is-narrow"),
        dcc.Store(id=ids.FORM_WRONG),
        dcc.Store(id=ids.FORM_REFUSED),
        html.Div(
            [
                html.Button("Run", id=ids.SUBMIT, className="button"),
                html.Button("Clear", id=ids.FORM_CLEAR, className="button is-plain", title="Empty the form"),
                html.Div(id=ids.FORM_EXPECTED, className="expected"),
                html.Div(id=ids.SUBMIT_NOTE),
            ],
            className="submit",
        ),
        html.Div(id=ids.FORM_PREVIEW, className="preview"),
    ]
    _keep(shown, found.name)
    return shown


def _keep(parts: list[Any], script: str) -> None:
    """Let what is entered outlive a reload of the page: the browser keeps it, script by script."""
    for part in parts:
        inside = part._traverse() if isinstance(part, Component) else ()  # type: ignore[no-untyped-call]
        for one in (part, *inside):
            if "persistence" in getattr(one, "available_properties", ()) and hasattr(one, "id"):
                one.persistence, one.persistence_type = script, "session"


def _needs(found: Found, machines: list[str], environments: list[str]) -> list[Component]:
    kept = [
        {"value": "auto", "label": "By its header"},
        {"value": "agent", "label": "The machine's own"},
        {"value": "script", "label": "Built for it"},
        *({"value": one, "label": one} for one in environments if one not in ("auto", "agent", "script")),
    ]
    return [
        dmc.TextInput(id=ids.FORM_NAME, label="Name", placeholder=plain(found.file.stem, 60), value=""),
        dmc.Select(
            id=ids.FORM_MACHINE,
            label="Machine",
            placeholder="Any that fits",
            data=machines,
            clearable=True,
            value=None,
        ),
        dmc.Select(
            id=ids.FORM_ENVIRONMENT, label="Environment", data=kept, value="auto", allowDeselect=False
        ),
        dmc.NumberInput(id=ids.FORM_MEMORY, label="Memory, MB", min=0, value=0, hideControls=True),
        dmc.NumberInput(id=ids.FORM_GPUS, label="GPUs", min=0, value=0, hideControls=True),
        dmc.NumberInput(id=ids.FORM_RETRIES, label="Retries", min=0, value=0, hideControls=True),
        dmc.TextInput(id=ids.FORM_ARTIFACTS, label="Keep files", placeholder="out/*.png, *.csv", value=""),
    ]


def preview(command: str) -> list[Any]:
    """Return the command that does what the form does."""
    return [
        html.Span("The same from a terminal", className="preview-title"),
        pieces.code(plain(command, 4_000)),
    ]


def preview_trouble(words: str) -> list[Any]:
    """Return what stands there while the form cannot be sent."""
    return [html.Span(plain(words, 400), className="preview-trouble")]
