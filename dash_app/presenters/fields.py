"""One argument as a field: its value, or its range when it is varied. The style sheet shows one of them."""

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dash_app import component_ids as ids
from dash_app.form_state import key_of
from dash_app.presenters.plain import plain
from schemas.arguments.suggesting import suggest_range, write_number
from schemas.arguments.vocabulary import Argument

_MODES = {"int": "numeric", "float": "decimal"}


def field(argument: Argument, *, may_vary: bool = True, datasets: Sequence[str] = ()) -> Component:
    """Return the field of one argument; empty means the script's own default.

    Args:
        argument: The argument.
        may_vary: Whether there is a tick that makes it a range.
        datasets: What a text can be chosen from, besides whatever is written.
    """
    parts = [html.Div(_value(argument, datasets), className="its-value")]
    if may_vary and argument.flag and not argument.many:
        parts.append(html.Div(_range(argument), className="its-range"))
        # Labels must differ for those who hear them.
        words = html.Span(["Vary", html.Span(f" {_title(argument)}", className="unseen")])
        tick = dmc.Checkbox(id=ids.vary(key_of(argument)), label=words, size="xs", checked=False)
        parts.append(html.Div(tick, className="vary"))
    return html.Div(parts, className="argument")


def _title(argument: Argument) -> str:
    # A flag that only itself can name is shown as people write it.
    return plain(argument.name.lstrip("-"), 80)


def _about(argument: Argument) -> str:
    bounds = ""
    if argument.low is not None or argument.high is not None:
        low, high = ("" if end is None else f"{end:g}" for end in (argument.low, argument.high))
        bounds = f"from {low} to {high}" if low and high else f"at least {low}" if low else f"at most {high}"
    about = plain(argument.help, 300)
    return f"{about} ({bounds})" if about and bounds else about or bounds


def _value(argument: Argument, datasets: Sequence[str]) -> Any:
    about = _about(argument) or None
    identity = ids.field(key_of(argument), argument.kind)
    if argument.kind == "bool":
        is_on = argument.default is True and bool(argument.off)
        return dmc.Switch(id=identity, label=_title(argument), description=about, checked=is_on)
    common = {
        "id": identity,
        "label": _title(argument),
        "description": about,
        "required": argument.required,
        "placeholder": _placeholder(argument),
    }
    if argument.choices:
        data = _choices(argument)
        shared = {**common, "data": data, "clearable": True, "searchable": len(data) > 8}
        return (
            dmc.MultiSelect(**{**shared, "value": []})
            if argument.many
            else dmc.Select(**{**shared, "value": None})
        )
    mode = _MODES.get(argument.kind, "text")
    if argument.kind == "text" and datasets and not argument.many:
        return dmc.Autocomplete(
            **common, value="", data=list(datasets), limit=20, inputProps={"autoComplete": "off"}
        )
    return dmc.TextInput(**common, value="", inputProps={"inputMode": mode, "autoComplete": "off"})


def _placeholder(argument: Argument) -> str | None:
    if argument.computed:
        return plain(argument.computed, 80)
    if argument.default not in (None, [], ()):
        several = isinstance(argument.default, list)
        return plain(" ".join(map(str, argument.default)) if several else argument.default, 80)
    return "several, with spaces between" if argument.many else None


def _choices(argument: Argument) -> list[str]:
    return list(dict.fromkeys(plain(choice, 80) for choice in argument.choices))


def _range(argument: Argument) -> Any:
    key, title = key_of(argument), _title(argument)
    if argument.kind == "bool":
        return html.P([html.Strong(title), " on and off"], className="both")
    if argument.choices:
        data = _choices(argument)
        return dmc.MultiSelect(
            id=ids.end("among", key), label=f"{title}: those to try", data=data, value=data
        )
    if argument.kind == "text":
        return dmc.TextInput(
            id=ids.end("among", key), label=f"{title}: those to try", placeholder="a, b, c", value=""
        )
    found = suggest_range(argument)
    low, high = ("", "") if found is None else (write_number(one, argument.kind) for one in found[:2])
    props = {"inputMode": _MODES[argument.kind], "autoComplete": "off"}
    return [
        html.Div(
            [
                dmc.TextInput(id=ids.end("low", key), label=f"{title} from", value=low, inputProps=props),
                dmc.TextInput(id=ids.end("high", key), label="to", value=high, inputProps=props),
            ],
            className="ends",
        ),
        dmc.Switch(id=ids.log(key), label="Logarithmic", size="xs", checked=found is not None and found[2]),
    ]
