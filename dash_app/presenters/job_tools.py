"""What a job's page offers beside what it shows: tools of its log and curves, and commands for a terminal."""

import shlex
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dash_app import component_ids as ids
from dash_app.curves_look import WEIGHTS, Look
from dash_app.presenters import pieces
from dash_app.presenters.plain import plain
from schemas.specs import BUILT

Document = dict[str, Any]


def log(job: str) -> Component:
    """Return the log with a search, a way to its end, and one to have it all."""
    tools = html.Div(
        [
            dmc.TextInput(
                id="log-search",
                placeholder="Find in the log",
                value="",
                size="xs",
                w=170,
                inputProps={"aria-label": "Find in the log", "autoComplete": "off", "data-search": "yes"},
            ),
            html.Span(id="log-found", className="quiet", role="status"),
            html.Button(
                "Follow",
                id="log-follow",
                className="ask",
                title="Stay at the end as lines come",
                **pieces.attributes(aria_pressed="true"),
            ),
            html.A("Download", href=f"/jobs/{job}/log.txt", download=f"{job}.log", className="ask"),
        ],
        className="log-tools",
    )
    return html.Section(
        [
            html.Div([html.H2("Log"), tools], className="panel-head"),
            # Its lines come by the live feed, as text; nothing else ever writes into it.
            html.Pre(id=ids.JOB_LOG, className="log is-empty", tabIndex="0"),
        ],
        className="panel",
    )


def curve_tools(look: Look) -> Component:
    """Return how curves can be looked at; the address says it, and the live feed draws them so."""
    smooth = {"": "Raw", **{name: name.capitalize() for name in WEIGHTS if name}}
    return html.Div(
        [
            _choice("x", "Across", {"step": "Step", "time": "Time", "epoch": "Epoch"}, look.x),
            _choice("smooth", "Smoothing", smooth, look.smooth),
            _choice("scale", "Scale", {"": "Linear", "log": "Log"}, "log" if look.is_log else ""),
        ],
        className="curve-tools",
    )


def _choice(name: str, label: str, choices: dict[str, str], chosen: str) -> Component:
    return html.Div(
        [
            html.Button(
                words,
                className="ask",
                **pieces.attributes(
                    data_look=name, data_value=value, aria_pressed="true" if value == chosen else "false"
                ),
            )
            for value, words in choices.items()
        ],
        className="look-choice",
        role="group",
        **pieces.attributes(aria_label=label),
    )


def commands(job: Document) -> list[Component]:
    """Return commands for a terminal: the same again with what differs, as a run of one's own, its files."""
    shown = [
        ("The same once more, and what differs", "command-again", f"idlehands reproduce {job['id']}"),
        ("As a new run", "command-run", run_command(job["spec"])),
        ("Its files", "command-get", f"idlehands get {job['id']}"),
    ]
    return [
        html.Div(
            [
                html.Div(
                    [
                        html.Span(title, className="preview-title"),
                        html.Button("Copy", className="ask", **pieces.attributes(data_copy=identity)),
                    ],
                    className="command-head",
                ),
                html.Code(plain(words, 4_000), id=identity, className="command"),
            ],
            className="command-block",
        )
        for title, identity, words in shown
    ]


def run_command(spec: Document) -> str:
    """Return `idlehands run ...` for a job's spec, where its script lies in the present folder."""
    needs, words = spec.get("needs") or {}, ["idlehands", "run"]
    if needs.get("environment"):
        words += ["--env", "script" if needs["environment"] == BUILT else str(needs["environment"])]
    for name, flag in (("agent", "--agent"), ("memory_mb", "--memory-mb"), ("gpus", "--gpus")):
        words += [flag, str(needs[name])] if needs.get(name) else []
    for label in needs.get("labels") or ():
        words += ["--label", str(label)]
    for pattern in spec.get("artifacts") or ():
        words += ["--artifact", str(pattern)]
    if spec.get("retry_on_failure"):
        words += ["--retry-on-failure", str(spec["retry_on_failure"])]
    if spec.get("name"):
        words += ["--name", str(spec["name"])]
    words += [str(spec["script"].get("entry", "")), *map(str, spec.get("argv") or ())]
    return " ".join([*map(shlex.quote, words), *_flags(spec)])


def _flags(spec: Document) -> list[str]:
    params = spec.get("params") or {}
    style = spec.get("arguments", "flags")
    if style == "positional":
        return [shlex.quote(str(value)) for value in params.values()]
    if style == "stdin":
        return []
    words: list[str] = []
    for name, value in params.items():
        flag = name if str(name).startswith("-") else "--" + str(name).replace("_", "-")
        if value is None or value is False:
            continue
        words.append(shlex.quote(flag))
        if value is not True:
            words += [shlex.quote(str(one)) for one in (value if isinstance(value, list) else [value])]
    return words
