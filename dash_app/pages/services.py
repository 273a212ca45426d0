"""Services: scripts and functions that are called; and one of them, with a form to call it from here."""

from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dash_app import component_ids as ids
from dash_app.presenters import pieces, service_form, services
from dash_app.presenters.plain import plain
from dash_app.service_schema import Schemas
from hq.rest.database import Document
from hq.rest.house import House
from hq.rest.problems import Problem
from hq.rest.service_routes import find_service, read_services


async def list_page(house: House, may_change: bool) -> list[Any]:
    """Return all services.

    Raises:
        Problem: 503 if HQ does not answer.
    """
    found = await read_services(house)
    new = [pieces.button("New service", "/new")] if may_change else []
    return [
        pieces.head("Services", *new),
        *([] if found["services"] else [_none_yet()]),
        html.Div(services.listed(found["services"]), id=ids.SERVICES, className="cards"),
        *(
            [html.P("There are more: `idlehands services` lists all.", className="quiet")]
            if found["more"]
            else []
        ),
    ]


async def page(house: House, schemas: Schemas, name: str, may_change: bool) -> list[Any]:
    """Return one service.

    Raises:
        Problem: 404 when there is none, 503 if HQ does not answer.
    """
    found = await find_service(house, name)
    try:
        schema, trouble = await schemas.read(found), ""
    except Problem as problem:
        schema, trouble = {"type": "object"}, problem.detail
    about = plain(schema.get("description") or "", 300)
    stop = html.Button(
        "Stop", className="button is-plain", **pieces.attributes(data_service_ask="stop", type="button")
    )
    return [
        pieces.head(
            name,
            *([stop] if may_change and found["is_running"] else []),
            over=html.A("Services", href="/services"),
        ),
        html.Div(
            services.status(found),
            id=ids.SERVICE_STATUS,
            className="status",
            **pieces.attributes(data_service=name),
        ),
        html.Div(
            [
                html.Div(
                    [_call(about, trouble, schema, may_change), _elsewhere(name, schema)], className="column"
                ),
                html.Div(
                    [
                        pieces.panel("Now", services.now(found), id=ids.SERVICE_NOW),
                        pieces.panel("Workers", services.workers(found), id=ids.SERVICE_WORKERS),
                        *([_warm(found)] if may_change else []),
                        pieces.panel(
                            "Versions", services.versions(found, may_change), id=ids.SERVICE_VERSIONS
                        ),
                    ],
                    className="column",
                ),
            ],
            className="panels",
        ),
    ]


def _call(about: str, trouble: str, schema: Document, may_change: bool) -> Component:
    said = [html.P(about, className="quiet")] if about else []
    if trouble:
        said.append(html.P(plain(trouble, 500), className="failure"))
    if not may_change:
        said.append(html.P("You are logged in as viewer, who can look and call nothing.", className="quiet"))
        return pieces.panel("Call it", said)
    return pieces.panel(
        "Call it",
        [
            *said,
            html.Div(service_form.fields(schema), className="fields", id="service-form"),
            html.Div(
                [
                    html.Button("Call", className="button", id="service-call", type="button"),
                    html.Span(id="service-took", className="quiet", role="status"),
                ],
                className="submit",
            ),
            html.Pre(id="service-answer", className="log service-answer", tabIndex="0", hidden=True),
        ],
        kind="calling",
    )


def _elsewhere(name: str, schema: Document) -> Component:
    shown: list[Component] = []
    for title, text in service_form.snippets(name, service_form.example(schema)):
        identity = f"service-{title.lower()}"
        copy = html.Button(
            "Copy", className="ask", **pieces.attributes(data_copy=identity, aria_label=f"Copy {title}")
        )
        shown += [
            html.Div([html.H3(title), copy], className="snippet-head"),
            html.Pre(text, className="snippet", id=identity, tabIndex="0"),
        ]
    token = pieces.code("idlehands token create --role operator --name etl")
    return pieces.panel(
        "From elsewhere",
        [*shown, html.P(["$TOKEN is a token of the house: ", token], className="quiet")],
        kind="elsewhere",
    )


def _warm(found: Document) -> Component:
    field = dmc.NumberInput(
        label="Machines with a worker that is ready",
        value=found["min_warm"],
        min=1,
        max=100,
        id="service-warm",
    )
    keep = html.Button(
        "Keep so many",
        className="button is-plain",
        **pieces.attributes(data_service_ask="warm", type="button"),
    )
    return pieces.panel(
        "Kept warm",
        [
            html.Div([field, keep], className="warm"),
            html.P("Changing it makes a new version, as deploying does.", className="quiet explained"),
        ],
    )


def _none_yet() -> Component:
    return pieces.empty(
        "No service yet.",
        html.P(
            "A service is a script or a function that a machine keeps warm, and that is called: over HTTP, "
            "over MQTT or here."
        ),
        html.P(["From a terminal: ", pieces.code("idlehands serve encoding.py:encode --name encode")]),
        html.P(["Or choose a script on the page ", html.A("New", href="/new"), " and run it as a service."]),
    )
