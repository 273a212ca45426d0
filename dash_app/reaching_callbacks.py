"""The callbacks of Settings beside pairing: two lines each, as in `callbacks`."""

from typing import Any

from dash import ALL, Dash, Input, Output, State

from dash_app import component_ids as ids
from dash_app.accessing import Accessing
from dash_app.automating import Automating
from dash_app.clicks import clicked, pressed
from dash_app.reaching import Reaching


def register(app: Dash, reaching: Reaching, automating: Automating, accessing: Accessing) -> None:
    """Add all callbacks."""

    @app.callback(
        Output(ids.SCHEDULES, "children", allow_duplicate=True),
        Output(ids.NOTE, "children", allow_duplicate=True),
        Input(ids.SCHEDULE_ADD, "n_clicks"),
        State(ids.SCHEDULE_NAME, "value"),
        State(ids.SCHEDULE_CRON, "value"),
        State(ids.SCHEDULE_ZONE, "value"),
        State(ids.SCHEDULE_WHAT, "value"),
        prevent_initial_call=True,
    )
    async def add_schedule(clicks: int | None, name: Any, cron: Any, zone: Any, what: Any) -> tuple[Any, Any]:
        clicked(clicks)
        return await automating.add_schedule(name, cron, zone, what)

    @app.callback(
        Output(ids.INCOMING, "children", allow_duplicate=True),
        Output(ids.NOTE, "children", allow_duplicate=True),
        Input(ids.TAKING_ADD, "n_clicks"),
        State(ids.TAKING_KIND, "value"),
        State(ids.TAKING_NAME, "value"),
        State(ids.TAKING_WHAT, "value"),
        State(ids.TAKING_TOPIC, "value"),
        State(ids.TAKING_SECRET, "value"),
        State(ids.TAKING_PARAMETERS, "value"),
        prevent_initial_call=True,
    )
    async def add_taking(
        clicks: int | None, kind: Any, name: Any, what: Any, topic: Any, secret: Any, parameters: Any
    ) -> tuple[Any, Any]:
        clicked(clicks)
        return await automating.add_taking(kind, name, what, topic, secret, parameters)

    @app.callback(
        Output(ids.INCOMING, "children", allow_duplicate=True),
        Output(ids.NOTE, "children", allow_duplicate=True),
        Input(ids.taken_all(ALL), "n_clicks"),
        prevent_initial_call=True,
    )
    async def remove_taking(_: Any) -> tuple[Any, Any]:
        identity = pressed()
        return await automating.remove_taking(identity["taken"], identity["name"])

    @app.callback(
        Output(ids.TOKENS, "children", allow_duplicate=True),
        Output(ids.NOTE, "children", allow_duplicate=True),
        Input(ids.TOKEN_ADD, "n_clicks"),
        State(ids.TOKEN_NAME, "value"),
        State(ids.TOKEN_ROLE, "value"),
        State(ids.TOKEN_DAYS, "value"),
        prevent_initial_call=True,
    )
    async def make_token(clicks: int | None, name: Any, role: Any, days: Any) -> tuple[Any, Any]:
        clicked(clicks)
        return await accessing.make(name, role, days)

    @app.callback(
        Output(ids.TOKENS, "children", allow_duplicate=True),
        Output(ids.NOTE, "children", allow_duplicate=True),
        Input(ids.tokens_all(ALL), "n_clicks"),
        prevent_initial_call=True,
    )
    async def revoke_token(_: Any) -> tuple[Any, Any]:
        identity = pressed()
        return await accessing.revoke(identity["token"])

    @app.callback(
        Output(ids.TOLD, "children", allow_duplicate=True),
        Output(ids.NOTE, "children", allow_duplicate=True),
        Input(ids.TOLD_ADD, "n_clicks"),
        State(ids.TOLD_KIND, "value"),
        State(ids.TOLD_NAME, "value"),
        State(ids.TOLD_WHERE, "value"),
        State(ids.TOLD_SECRET, "value"),
        State(ids.TOLD_HOST, "value"),
        State(ids.TOLD_SENDER, "value"),
        State(ids.TOLD_ABOUT, "value"),
        prevent_initial_call=True,
    )
    async def add_notification(clicks: int | None, *fields: Any) -> tuple[Any, Any]:
        clicked(clicks)
        return await reaching.add(*fields)

    @app.callback(
        *[Output(identity, "value", allow_duplicate=True) for identity in ids.TOLD_FIELDS],
        Input(ids.told_edit(ALL), "n_clicks"),
        prevent_initial_call=True,
    )
    async def edit_notification(_: Any) -> Any:
        identity = pressed()
        return await reaching.fill(identity["edited"])

    @app.callback(
        Output(ids.TOLD, "children", allow_duplicate=True),
        Output(ids.NOTE, "children", allow_duplicate=True),
        Input(ids.told_all(ALL), "n_clicks"),
        prevent_initial_call=True,
    )
    async def change_notification(_: Any) -> tuple[Any, Any]:
        identity = pressed()
        return await reaching.change_notification(identity["told"], identity["do"])

    @app.callback(
        Output(ids.SCHEDULES, "children", allow_duplicate=True),
        Output(ids.NOTE, "children", allow_duplicate=True),
        Input(ids.scheduled_all(ALL), "n_clicks"),
        prevent_initial_call=True,
    )
    async def change_schedule(_: Any) -> tuple[Any, Any]:
        identity = pressed()
        return await reaching.change_schedule(identity["scheduled"], identity["do"])
