"""The page of a service: its form, how it is, and the same call for other programs."""

import ast
import json
import shlex
from typing import Any

import pytest

from dash_app.presenters import service_form, services
from dash_app.service_schema import schema_of_function, schema_of_script

ENCODE = schema_of_function(
    b'''
from typing import Literal, Optional
def encode(text: str, times: int = 1, kind: Literal["a", "b"] = "a", loud: bool = False, deep=None,
           names: list[str] = [], limit: Optional[float] = None, **more):
    """Encode."""
''',
    "encode",
)
HOSTILE = '<img src=x onerror="window.hacked=1">\u202egnp'


def service(**more: Any) -> dict[str, Any]:
    return {
        "service": "encode",
        "version": 2,
        "is_running": True,
        "is_healthy": True,
        "why": "",
        "function": "encode",
        "script": "encoding",
        "min_warm": 2,
        "concurrency": 1,
        "queue": 100,
        "deadline_seconds": 30.0,
        "log": True,
        "versions": [{"version": 1, "by": "cli", "at": 1.0}, {"version": 2, "by": "cli", "at": 2.0}],
        "workers": [
            {"job": "jaaaaaaaaaaaa", "agent": "attic", "version": 2, "status": "running", "is_ready": True}
        ],
        "running": 0,
        "waiting": 0,
        "calls": 7,
        "failures": 1,
        "refused": 0,
        "median_seconds": 0.0053,
        "p95_seconds": 0.25,
        "minutes": [0] * 25 + [1, 0, 5, 0, 1],
    } | more


def test_every_parameter_has_a_field_of_its_kind() -> None:
    shown = service_form.fields(ENCODE)
    kinds = {getattr(one, "data-param", "more"): getattr(one, "data-kind", "") for one in shown}

    assert kinds == {
        "text": "text",
        "times": "int",
        "kind": "text",
        "loud": "bool",
        "deep": "json",
        "names": "json",
        "limit": "float",
        "more": "",
    }
    assert [type(one.children).__name__ for one in shown][:4] == [
        "TextInput",
        "TextInput",
        "Select",
        "Switch",
    ]
    assert getattr(shown[0], "data-required") == "yes"


def test_a_call_is_the_same_in_a_shell_in_python_and_on_the_command_line() -> None:
    params = {"text": 'it\'s "so" $HOME', "times": 2}
    curl, python, terminal = (text for _, text in service_form.snippets("encode", params))

    words = shlex.split(curl)
    assert json.loads(words[words.index("-d") + 1]) == params
    assert json.loads(words[words.index("-d") + 1]) in [
        ast.literal_eval(node)
        for node in ast.walk(ast.parse(python))
        if isinstance(node, ast.Dict)
        and len(node.keys) == 2
        and all(isinstance(value, ast.Constant) for value in node.values)
    ]
    assert shlex.split(terminal) == [
        "idlehands",
        "services",
        "call",
        "encode",
        "-p",
        'text=it\'s "so" $HOME',
        "-p",
        "times=2",
    ]


@pytest.mark.parametrize("schema", [ENCODE, schema_of_script(b"import sys"), {"type": "object"}, {}])
def test_there_is_an_example_of_whatever_a_service_takes(schema: dict[str, Any]) -> None:
    params = service_form.example(schema)

    assert json.loads(json.dumps(params)) == params
    assert set(schema.get("required", ())) <= set(params)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({}, ("idle", "Ready")),
        ({"is_healthy": False}, ("resting", "Not ready")),
        ({"is_running": False, "is_healthy": False}, ("away", "Stopped")),
    ],
)
def test_a_service_says_how_it_is(more: dict[str, Any], says: tuple[str, str]) -> None:
    assert services.state_of(service(**more))[:2] == says
    assert services.listed([service(**more)])[0].href == "/services/encode"


def test_times_and_calls_are_short() -> None:
    one = service()

    assert (services.latency(0.0053), services.latency(0.25), services.latency(12.0)) == (
        "5.3 ms",
        "250 ms",
        "12 s",
    )
    assert services.latency(None) == "\N{EN DASH}"
    assert services.per_minute(one) == "1.4"
    assert services.about(one) == "encode of encoding \N{MIDDLE DOT} 1 of 2 workers ready"


def test_only_who_may_change_something_can_go_back() -> None:
    def buttons(may_change: bool) -> list[str]:
        text = json.dumps(
            [one.to_plotly_json() for one in services.versions(service(), may_change)],
            default=lambda o: o.to_plotly_json(),
        )
        return [word for word in ("Go back to it", "takes the calls") if word in text]

    assert buttons(may_change=True) == ["Go back to it", "takes the calls"]
    assert buttons(may_change=False) == ["takes the calls"]


def test_hostile_words_stay_words() -> None:
    schema = {"properties": {HOSTILE: {"type": "string", "description": HOSTILE, "default": HOSTILE}}}
    shown = service_form.fields(schema)

    assert "\u202e" not in str(shown[0].children.label) + str(shown[0].children.placeholder)
    assert "\u202e" not in services.about(service(function=HOSTILE, script=HOSTILE))
    assert "\u202e" not in services.state_of(service(is_healthy=False, why=HOSTILE))[2]
