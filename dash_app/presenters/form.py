"""A script's arguments as fields: types, choices, defaults and help as the script has them."""

from typing import Any
from urllib.parse import quote

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from dash_app import component_ids as ids
from dash_app.presenters import pieces
from dash_app.presenters.plain import plain
from dash_app.script_folders import Found
from schemas.arguments.vocabulary import Argument, Script


def choices(scripts: list[Found], chosen: str) -> list[Component]:
    """Return the scripts to choose from, each with what it says of itself."""
    return [
        html.A(
            [
                html.Span(plain(one.name, 120), className="script-name"),
                html.Span(
                    plain(one.script.about or one.script.trouble or " ", 160), className="script-about"
                ),
            ],
            href=f"/new?script={quote(one.name, safe='')}",
            className="script is-chosen" if one.name == chosen else "script",
        )
        for one in scripts
    ]


def no_scripts(folders: list[str]) -> Component:
    """Return what New says when there is nothing to choose."""
    return pieces.empty(
        "No script to choose from yet.",
        html.P(
            [
                "Put Python files into ",
                pieces.code(plain(folders[0], 300) if folders else "scripts"),
                " on the HQ host; their arguments become a form here.",
            ]
        ),
        html.P(["From a terminal, any script: ", pieces.code("idlehands run train.py --epochs 3")]),
    )


def fields(script: Script) -> list[Any]:
    """Return a field for each argument."""
    shown: list[Any] = [field(argument) for argument in script.arguments]
    if not script.arguments:
        shown.append(html.P("It takes no arguments that could be read.", className="quiet"))
    return shown


def field(argument: Argument) -> Any:
    """Return the field of one argument; empty means the script's own default."""
    about = plain(argument.help, 300)
    identity = ids.field(argument.name, argument.kind)
    title = plain(argument.name, 80)
    if argument.kind == "bool":
        return dmc.Switch(id=identity, label=title, description=about or None, checked=False)
    default = "" if argument.default in (None, [], ()) else plain(argument.default, 80)
    common = {
        "id": identity,
        "label": title,
        "description": about or None,
        "required": argument.required,
        "placeholder": default or ("several, with spaces between" if argument.many else None),
    }
    if argument.choices and not argument.many:
        data = [plain(choice, 80) for choice in argument.choices]
        return dmc.Select(
            **{**common, "data": data, "clearable": True, "searchable": len(data) > 8, "value": None}
        )
    mode = {"int": "numeric", "float": "decimal"}.get(argument.kind, "text")
    return dmc.TextInput(**common, value="", inputProps={"inputMode": mode, "autoComplete": "off"})


def form(found: Found, machines: list[str], key: str) -> list[Any]:
    """Return the whole form of one script."""
    return [
        dcc.Store(id=ids.FORM_KEY, data=key),
        html.Div(fields(found.script), className="fields"),
        dmc.Textarea(
            id=ids.FORM_MORE,
            label="More parameters",
            description="One per line: name=value. They become flags too."
            + (" Some arguments of this script could not be read." if found.script.more else ""),
            autosize=True,
            minRows=2,
            maxRows=12,
            value="",
        ),
        html.Div(
            [
                dmc.TextInput(
                    id=ids.FORM_NAME, label="Name", placeholder=plain(found.file.stem, 60), value=""
                ),
                dmc.Select(
                    id=ids.FORM_MACHINE,
                    label="Machine",
                    placeholder="Any that fits",
                    data=machines,
                    clearable=True,
                    value=None,
                ),
                dmc.NumberInput(id=ids.FORM_MEMORY, label="Memory, MB", min=0, value=0, hideControls=True),
                dmc.NumberInput(id=ids.FORM_GPUS, label="GPUs", min=0, value=0, hideControls=True),
                dmc.NumberInput(id=ids.FORM_RETRIES, label="Retries", min=0, value=0, hideControls=True),
            ],
            className="fields is-narrow",
        ),
        html.Div(
            [html.Button("Run", id=ids.SUBMIT, className="button"), html.Div(id=ids.SUBMIT_NOTE)],
            className="submit",
        ),
    ]
