"""The form of a service's call, made of its JSON Schema, and the same call for other programs.

`assets/services.js` reads the fields, each by the kind that is said beside it,
sends the call and writes down what came of it.
"""

import json
import shlex
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dash_app.presenters import pieces
from dash_app.presenters.plain import plain

Schema = dict[str, Any]
#: Stands for the house's own address, which the browser knows.
HERE = "\N{HORIZONTAL ELLIPSIS}"
_TYPES = {"string": "text", "integer": "int", "number": "float", "boolean": "bool"}
_MODES = {"int": "numeric", "float": "decimal"}
_EXAMPLES: dict[str, Any] = {"text": "text", "int": 1, "float": 0.5, "bool": True}


def kind_of(schema: Schema) -> tuple[str, Schema]:
    """Return how a value is written down, as a word, and the schema of it without `null`."""
    choices = [one for one in schema.get("anyOf") or () if one.get("type") != "null"]
    inner = choices[0] if len(choices) == 1 else schema
    return _TYPES.get(str(inner.get("type")), "json"), inner


def fields(schema: Schema) -> list[Component]:
    """Return a field for each parameter, and one for more where there may be more."""
    required = set(schema.get("required") or ())
    shown = [_field(name, one, name in required) for name, one in (schema.get("properties") or {}).items()]
    if schema.get("additionalProperties", True) is not False:
        more = dmc.JsonInput(
            label="More parameters" if shown else "Parameters",
            description="As a JSON object.",
            placeholder='{"name": "value"}',
            autosize=True,
            minRows=2,
            value="",
        )
        shown.append(html.Div(more, className="argument is-wide", **pieces.attributes(data_more="yes")))
    if not shown:
        shown.append(html.P("It takes no parameters.", className="quiet"))
    return shown


def _field(name: str, schema: Schema, is_required: bool) -> Component:
    kind, inner = kind_of(schema)
    title, default = plain(name, 80), schema.get("default")
    common: dict[str, Any] = {
        "label": title,
        "description": plain(schema.get("description", ""), 300) or None,
    }
    if kind == "bool":
        shown: Any = dmc.Switch(**common, checked=default is True)
    elif inner.get("enum"):
        data = list(dict.fromkeys(plain(one, 80) for one in inner["enum"]))
        shown = dmc.Select(**common, data=data, value=None, clearable=True, required=is_required)
        shown.placeholder = _written(default)
    else:
        placeholder = _written(default) or ("JSON" if kind == "json" else None)
        shown = dmc.TextInput(
            **common,
            value="",
            required=is_required,
            placeholder=placeholder,
            inputProps={"inputMode": _MODES.get(kind, "text"), "autoComplete": "off"},
        )
    told = {
        "data_param": name,
        "data_kind": kind,
        "data_required": "yes" if is_required else "no",
        "data_default": json.dumps(default) if kind == "bool" else "",
    }
    return html.Div(shown, className="argument", **pieces.attributes(**told))


def _written(value: Any) -> str | None:
    return None if value is None else plain(value if isinstance(value, str) else json.dumps(value), 80)


def example(schema: Schema) -> dict[str, Any]:
    """Return parameters to show how a call looks: those that it needs, else the first."""
    known = schema.get("properties") or {}
    names = list(schema.get("required") or list(known)[:1])
    return {name: _example(known.get(name) or {}) for name in names}


def _example(schema: Schema) -> Any:
    kind, inner = kind_of(schema)
    if inner.get("enum"):
        return inner["enum"][0]
    if kind == "json":
        return [] if inner.get("type") == "array" else "text"
    return _EXAMPLES[kind]


def snippets(service: str, params: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the same call for a shell, for Python and for the command line of the house."""
    url, body = f"{HERE}/api/v1/services/{service}", json.dumps(params)
    curl = (
        f'curl -sS "{url}" \\\n  -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\\n'
        f"  -d {shlex.quote(body)}"
    )
    python = (
        "import json, os, urllib.request\n\n"
        "request = urllib.request.Request(\n"
        f'    "{url}",\n'
        f"    json.dumps({params!r}).encode(),\n"
        '    {"Authorization": "Bearer " + os.environ["TOKEN"], "Content-Type": "application/json"},\n'
        ")\n"
        'print(json.load(urllib.request.urlopen(request))["result"])'
    )
    words = " ".join(
        f"-p {shlex.quote(f'{name}={value if isinstance(value, str) else json.dumps(value)}')}"
        for name, value in params.items()
    )
    return [
        ("curl", curl),
        ("Python", python),
        ("Terminal", f"idlehands services call {service} {words}".strip()),
    ]
