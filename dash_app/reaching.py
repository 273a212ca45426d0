"""What Settings shows and changes of what reaches outside, and of schedules. Each step checks the role."""

import secrets
from typing import Any

import msgspec
from dash import no_update
from dash.exceptions import PreventUpdate

from dash_app.changing import note
from dash_app.presenters import outside as words
from dash_app.visitor import admin, may_change, visitor, writer
from hq.rest.bodies import NotificationBody
from hq.rest.house import House
from hq.rest.notification_routes import keep, outside_of, remove, show
from hq.rest.outside_routes import show_hook, show_household, show_topic
from hq.rest.policy import ADMINS
from hq.rest.problems import Problem
from hq.rest.schedule_routes import read_schedules
from schemas.requests import PauseSchedule, RemoveSchedule, ResumeSchedule, RunSchedule

_SCHEDULES: dict[str, Any] = {
    "run": (RunSchedule, "Submitted."),
    "pause": (PauseSchedule, "Paused."),
    "resume": (ResumeSchedule, "It goes on."),
    "remove": (RemoveSchedule, "Removed."),
}


class Reaching:
    """On behalf of the visitor."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def notifications(self) -> list[Any]:
        """Return the content of the panel."""
        try:
            outside = outside_of(self._house)
            return words.notifications([show(outside, one) for one in outside.notifications.all()])
        except Problem as problem:
            return [note(problem.detail)]

    async def schedules(self) -> list[Any]:
        """Return the content of the panel."""
        try:
            found = await read_schedules(self._house)
        except Problem as problem:
            return [note(problem.detail)]
        return words.schedules(found["schedules"], may_change())

    async def incoming(self) -> list[Any]:
        """Return the content of the panel."""
        try:
            house, outside = self._house, outside_of(self._house)
            hooks = [show_hook(house, one) for one in outside.hooks.all()]
            topics = [show_topic(house, one) for one in outside.topics.all()]
            return words.incoming(hooks, topics, show_household(house))
        except Problem as problem:
            return [note(problem.detail)]

    async def add(
        self, kind: Any, name: Any, where: Any, secret: Any, host: Any, sender: Any, about: Any
    ) -> tuple[Any, Any]:
        """Add a notification, or change the one with its name; return the panel and a note.

        What the form has no field for stays as it was, and so does the secret where none is given.
        """
        try:
            by = admin().name
            target = read_target(str(kind), _text(where), _text(host), _text(sender), has_secret=bool(secret))
            old = self._known(_text(name))
            chosen = {"name": _text(name), "secret": _text(secret) or None, "on": about or []}
            given = {**old, **chosen, "to": with_old(target, old.get("to", {}))}
            body: NotificationBody = msgspec.convert(given, NotificationBody)
            await keep(self._house, body, by)
        except msgspec.ValidationError as error:
            return no_update, note(f"This cannot be added: {error}.")
        except Problem as problem:
            return no_update, note(problem.detail)
        return await self.notifications(), note(f"{body.name} is told from now on.", "done")

    async def change_notification(self, name: str, do: str) -> tuple[Any, Any]:
        """Test or remove a notification; return the panel and a note."""
        try:
            by = admin().name
            if do == "remove":
                await remove(self._house, name, by)
                return await self.notifications(), note(f"{name} is told nothing any more.", "done")
            if do != "test":
                raise PreventUpdate
            why = await outside_of(self._house).notifier.test(name, by, secrets.token_hex(16))
        except Problem as problem:
            return no_update, note(problem.detail)
        if why:
            return no_update, note(f"The test was not taken: {why}.")
        return no_update, note("The test was taken. Look whether it arrived.", "done")

    async def fill(self, name: str) -> Any:
        """Return what the form's fields hold of a notification that is to be changed."""
        found = self._known(name) if visitor().role in ADMINS else {}
        if not found:
            raise PreventUpdate
        return words.filled(found)

    def _known(self, name: str) -> dict[str, Any]:
        for one in outside_of(self._house).notifications.all():
            if one.name == name:
                known: dict[str, Any] = msgspec.to_builtins(one)
                return known
        return {}

    async def change_schedule(self, name: str, do: str) -> tuple[Any, Any]:
        """Run, pause, resume or remove a schedule; return the panel and a note."""
        if do not in _SCHEDULES:
            raise PreventUpdate
        kind, said = _SCHEDULES[do]
        try:
            await self._house.asking.change(kind(schedule=name, on_behalf_of=writer().name))
        except Problem as problem:
            return no_update, note(problem.detail)
        return await self.schedules(), note(said, "done")


def with_old(target: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
    """Return a target with what the form cannot say of one of its kind as it was."""
    kept = {"mail": ("security", "user"), "mqtt": ("broker",)}.get(target["kind"], ())
    return {**{name: old[name] for name in kept if old.get("kind") == target["kind"]}, **target}


def _server(text: str) -> tuple[str, str]:
    """Return host and port, "" where none is named, of `host`, `host:port`, `[::1]:port` or `::1`."""
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        return host, port.removeprefix(":")
    if text.count(":") > 1:
        return text, ""
    host, _, port = text.partition(":")
    return host, port


def _text(given: Any) -> str:
    return str(given or "").strip()


def read_target(kind: str, where: str, host: str, sender: str, *, has_secret: bool) -> dict[str, Any]:
    """Return where to as the form's fields say it."""
    match kind:
        case "mail":
            to = [one.strip() for one in where.split(",") if one.strip()]
            server, port = _server(host)
            login = {"user": sender} if has_secret else {}
            more = {"port": int(port)} if port.isdecimal() else {}
            return {"kind": kind, "host": server, "sender": sender, "to": to, **login, **more}
        case "webhook":
            return {"kind": kind, "url": where}
        case "mqtt":
            return {"kind": kind, "topic": where}
        case _:
            server, _, topic = where.rpartition("/")
            return {"kind": "ntfy", "topic": topic, **({"server": server} if server else {})}
