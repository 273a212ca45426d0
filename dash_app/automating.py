"""What Settings adds by a form: schedules, and webhooks and topics that submit. Each step checks the role."""

from typing import Any

import msgspec
from dash import no_update

from dash_app.changing import note
from dash_app.presenters.taking import Unread, read_parameters
from dash_app.reaching import Reaching
from dash_app.visitor import admin, writer
from hq.outside.mapping import TopicJob
from hq.rest import queries
from hq.rest.bodies import HookBody
from hq.rest.house import House
from hq.rest.notification_routes import outside_of
from hq.rest.outside_routes import keep_hook, keep_taking, remove_taking
from hq.rest.problems import Problem
from hq.rest.schedule_routes import read_schedules
from schemas.requests import AddSchedule
from schemas.schedules import ScheduleSpec

#: Of a job that was: of its own time and place, not of what it does.
_ITS_OWN = (
    *("not_before", "expires", "retry_of", "sweep", "trial", "lineage", "asked", "after", "after_any"),
    *("pipeline", "serves"),
)


class Automating:
    """On behalf of the visitor."""

    def __init__(self, house: House, reaching: Reaching) -> None:
        self._house, self._reaching = house, reaching

    async def add_schedule(self, name: Any, cron: Any, zone: Any, what: Any) -> tuple[Any, Any]:
        """Add a schedule or change the one of that name; return the panel and a note."""
        try:
            by = writer().name
            given = {"name": _text(name), "cron": _text(cron), "zone": _text(zone) or "UTC"}
            submits = await self._submits(_text(what)) or await self._of_schedule(given["name"])
            wanted = AddSchedule(
                on_behalf_of=by, schedule=msgspec.convert({**given, **submits}, ScheduleSpec)
            )
            await self._house.asking.change(wanted)
        except msgspec.ValidationError as error:
            return no_update, note(f"This cannot be added: {error}.")
        except (Problem, Unread) as error:
            return no_update, note(_words(error))
        return await self._reaching.schedules(), note(f"{wanted.schedule.name} holds from now on.", "done")

    async def add_taking(
        self, kind: Any, name: Any, what: Any, topic: Any, secret: Any, parameters: Any
    ) -> tuple[Any, Any]:
        """Let a webhook or topic submit, or change the one of that name; return the panel and a note."""
        try:
            by, house = admin().name, self._house
            submits = await self._submits(_text(what)) or self._of_taking(str(kind), _text(name))
            given: dict[str, Any] = {
                "name": _text(name),
                "submits": submits,
                "parameters": read_parameters(_text(parameters)),
            }
            if kind == "topic":
                job = msgspec.convert({**given, "topic": _text(topic)}, TopicJob)
                await keep_taking(house, outside_of(house).topics, job, None, by)
                outside_of(house).household.wake()
            else:
                await keep_hook(
                    house, msgspec.convert({**given, "secret": _text(secret) or None}, HookBody), by
                )
        except msgspec.ValidationError as error:
            return no_update, note(f"This cannot be added: {error}.")
        except (Problem, Unread) as error:
            return no_update, note(_words(error))
        return await self._reaching.incoming(), note(f"{given['name']} submits from now on.", "done")

    async def remove_taking(self, kind: str, name: str) -> tuple[Any, Any]:
        """Remove a webhook or topic that submits; return the panel and a note."""
        try:
            by, outside = admin().name, outside_of(self._house)
            await remove_taking(self._house, outside.topics if kind == "topic" else outside.hooks, name, by)
            outside.household.wake()
        except Problem as problem:
            return no_update, note(problem.detail)
        return await self._reaching.incoming(), note(f"{name} submits nothing any more.", "done")

    async def _submits(self, what: str) -> dict[str, Any]:
        """Return the job or sweep to submit, as one that there is; nothing where nothing is said."""
        if not what:
            return {}
        database = self._house.database
        job = await queries.read_job(database, what)
        if job is not None:
            return {"job": _as_new(job["spec"])}
        sweep = await queries.read_sweep(database, what)
        if sweep is None:
            raise Unread(f"There is no job and no sweep {what[:40]!r}. Its id stands on its page.")
        return {"sweep": {**sweep["spec"], "job": _as_new(sweep["spec"]["job"])}}

    async def _of_schedule(self, name: str) -> dict[str, Any]:
        found = (await read_schedules(self._house, name))["schedules"] if name else []
        if not found:
            raise Unread("Say as which job or sweep it is to be: the id of one that ran.")
        return {
            which: found[0]["spec"][which]
            for which in ("job", "sweep", "pipeline")
            if found[0]["spec"].get(which)
        }

    def _of_taking(self, kind: str, name: str) -> dict[str, Any]:
        outside = outside_of(self._house)
        kept = outside.topics if kind == "topic" else outside.hooks
        found = next((one for one in kept.all() if one.name == name), None)
        if found is None:
            raise Unread("Say as which job or sweep it is to be: the id of one that ran.")
        submits: dict[str, Any] = msgspec.to_builtins(found.submits)
        return submits


def _as_new(spec: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in spec.items() if name not in _ITS_OWN}


def _text(given: Any) -> str:
    return str(given or "").strip()


def _words(error: Problem | Unread) -> str:
    return error.detail if isinstance(error, Problem) else str(error)
