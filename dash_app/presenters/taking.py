"""Forms of Settings: a schedule, a webhook or topic that submits, and a token; and what they say."""

from typing import Any

import dash_mantine_components as dmc
from dash import html

from dash_app import component_ids as ids
from dash_app.presenters import pieces

_QUIET = {"autoComplete": "off", "spellCheck": "false"}
_WHAT = "As this job or sweep"


class Unread(ValueError):
    """A field cannot be understood; the message says which and how it would be right."""


def _text(identity: str, label: str, placeholder: str, **more: Any) -> Any:
    return dmc.TextInput(
        id=identity, label=label, placeholder=placeholder, value="", inputProps=_QUIET, **more
    )


def schedule_form() -> list[Any]:
    """Return the form that adds a schedule or changes one."""
    fields = [
        _text(ids.SCHEDULE_NAME, "Name", "nightly"),
        _text(ids.SCHEDULE_CRON, "When", "30 2 * * *"),
        _text(ids.SCHEDULE_ZONE, "Zone", "UTC"),
        _text(ids.SCHEDULE_WHAT, _WHAT, "j... or s..."),
    ]
    hint = (
        "Minute, hour, day, month, weekday. A name that there is already is changed; "
        "without a job it goes on with its own."
    )
    return _form(fields, ids.SCHEDULE_ADD, hint)


def taking_form() -> list[Any]:
    """Return the form that lets a webhook or a topic submit."""
    fields = [
        dmc.Select(
            id=ids.TAKING_KIND,
            label="By",
            data=[{"value": "hook", "label": "Webhook"}, {"value": "topic", "label": "MQTT topic"}],
            value="hook",
            allowDeselect=False,
        ),
        _text(ids.TAKING_NAME, "Name", "push"),
        _text(ids.TAKING_WHAT, _WHAT, "j... or s..."),
        _text(ids.TAKING_TOPIC, "Topic", "home/train"),
        dmc.PasswordInput(
            id=ids.TAKING_SECRET,
            label="Secret of the webhook",
            value="",
            inputProps={"autoComplete": "new-password"},
        ),
        _text(ids.TAKING_PARAMETERS, "Parameters out of the message", "lr=/lr number, branch=/ref"),
    ]
    hint = (
        "A parameter is name=/pointer and text, integer, number or boolean. A name that there is is changed."
    )
    return _form(fields, ids.TAKING_ADD, hint)


def token_form() -> list[Any]:
    """Return the form that makes a token."""
    roles = [{"value": one, "label": one} for one in ("viewer", "operator", "admin")]
    fields = [
        _text(ids.TOKEN_NAME, "For", "olga"),
        dmc.Select(id=ids.TOKEN_ROLE, label="Role", data=roles, value="viewer", allowDeselect=False),
        dmc.NumberInput(
            id=ids.TOKEN_DAYS, label="Days", description="", value="", min=1, max=3650, placeholder="for ever"
        ),
    ]
    return _form(
        fields, ids.TOKEN_ADD, "It is shown once. A login of the page: idlehands login --role viewer."
    )


def _form(fields: list[Any], add: str, hint: str) -> list[Any]:
    actions = [html.Button("Save", id=add, className="button is-plain"), html.Span(hint, className="quiet")]
    return [
        html.Details(
            [
                html.Summary("Add or change"),
                html.Div(fields, className="fields"),
                html.Div(actions, className="actions"),
            ],
            className="add-one",
        )
    ]


def read_parameters(text: str) -> dict[str, dict[str, str]]:
    """Return what `name=/pointer type, ...` says, as the parameters of a webhook or topic.

    Raises:
        Unread: If a part cannot be understood.
    """
    found: dict[str, dict[str, str]] = {}
    for part in (one.strip() for one in text.replace("\n", ",").split(",")):
        if not part:
            continue
        name, sign, rest = part.partition("=")
        words = rest.split()
        if not sign or not name.strip() or len(words) > 2 or (words and not words[0].startswith("/")):
            raise Unread(f"{part[:60]!r} is no parameter: write name=/pointer, and perhaps a type after it.")
        found[name.strip()] = {
            "pointer": words[0] if words else "",
            **({"type": words[1]} if len(words) > 1 else {}),
        }
    return found


def remove_button(kind: str, name: str) -> Any:
    """Return the button that removes a webhook or topic."""
    return html.Button(
        "Remove",
        id=ids.taken(kind, name),
        className="button is-plain",
        **pieces.attributes(aria_label=f"Remove {kind} {name}"),
    )
