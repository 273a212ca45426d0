"""Models from the page: register a job, give a version another stage, remove one. HQ checks all the rest."""

from typing import Any

import msgspec
from dash import no_update

from dash_app.addresses import View
from dash_app.changing import note
from dash_app.presenters import registry
from dash_app.visitor import may_change, writer
from hq.rest import queries
from hq.rest.house import House
from hq.rest.models import read_model
from hq.rest.problems import Problem
from schemas.requests import PromoteModel, RemoveModel, StageModel

_WRONG_NAME = "A model's name has lower-case letters, digits, dots, hyphens and underscores, at most 63."


class Registering:
    """On behalf of the visitor."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def register(self, view: View, name: Any) -> tuple[Any, Any]:
        """Make the job that is looked at the next version of a model; return a note and where it is."""
        try:
            by = writer().name
            given = {"model": str(name or "").strip(), "job": view.identity, "on_behalf_of": by}
            made = await self._house.asking.change(msgspec.convert(given, PromoteModel))
            await queries.catch_up(self._house.database, made["position"])
        except msgspec.ValidationError:
            return note(_WRONG_NAME), no_update
        except Problem as problem:
            return note(problem.detail), no_update
        return None, registry.of_model(made["model"], made["version"])

    async def change(self, view: View, version: str, do: str) -> tuple[Any, Any]:
        """Give a version of the model that is looked at a stage, or remove it; return table and note."""
        try:
            by = writer().name
            given: dict[str, Any] = {"model": view.identity, "version": int(version), "on_behalf_of": by}
            kind: Any = RemoveModel if do == "remove" else StageModel
            wanted = msgspec.convert(given if do == "remove" else {**given, "stage": do}, kind)
            made = await self._house.asking.change(wanted)
            await queries.catch_up(self._house.database, made["position"])
            model = await read_model(self._house.database, view.identity)
        except (msgspec.ValidationError, ValueError):
            return no_update, note("This cannot be done with a version.")
        except Problem as problem:
            return no_update, note(problem.detail)
        said = "Removed." if do == "remove" else f"Version {version} is in {do} now."
        if model is None:
            return "It has no version any more.", note(said, "done")
        return registry.versions(model, 0, may_change()), note(said, "done")
