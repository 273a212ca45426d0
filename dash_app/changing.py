"""What the page changes: cancel, run again, stop. Each checks the role, and HQ checks all the rest."""

from typing import Any

import msgspec
from dash import html, no_update
from dash.development.base_component import Component

from dash_app import addresses
from dash_app.addresses import View
from dash_app.presenters import labels as label_words
from dash_app.visitor import writer
from hq.rest import queries
from hq.rest.house import House
from hq.rest.problems import Problem
from schemas.requests import (
    Cancel,
    CancelPipeline,
    CancelSweep,
    ChangeSweep,
    Label,
    PauseSweep,
    ResumeSweep,
    Retry,
    RetryPipeline,
)

#: What a click on "more trials" adds.
MORE_TRIALS = 10


def note(words: str, kind: str = "trouble") -> Component:
    """Return a short word to whoever looks, at the foot of the page."""
    return html.Div(words, className=f"note-words is-{kind}")


def _explain(error: str) -> str:
    """Return what is wrong with labels that were written, by the field that the error names."""
    if "project" in error:
        return "A project is one word of at most 63 letters, digits, dots, hyphens and underscores."
    if "tags" in error and "length" not in error:
        return "A tag is a word in lower case: at most 40 letters, digits, dots, hyphens and underscores."
    if "tags" in error:
        return "There may be 32 tags at most."
    return "The note is too long."


class Changing:
    """Changes on behalf of the visitor."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def cancel(self, view: View) -> Any:
        """Cancel the job that is looked at; return a note."""
        try:
            by = writer().name
            await self._house.asking.change(Cancel(jobs=(view.identity,), on_behalf_of=by))
        except Problem as problem:
            return note(problem.detail)
        return note("Cancelled.", "done")

    async def retry(self, view: View) -> tuple[Any, Any]:
        """Run the job that is looked at again; return a note and where the new one is."""
        try:
            by = writer().name
            made = await self._house.asking.change(Retry(jobs=(view.identity,), on_behalf_of=by))
            # Its page is next; it must be there to be shown.
            await queries.catch_up(self._house.database, made["position"])
        except Problem as problem:
            return note(problem.detail), no_update
        return None, addresses.of_job(made["jobs"][0])

    async def cancel_pipeline(self, view: View) -> Any:
        """Cancel the pipeline that is looked at; return a note."""
        return await self._ask(CancelPipeline(pipeline=view.identity), "Cancelled.")

    async def retry_pipeline(self, view: View) -> tuple[Any, Any]:
        """Go on with the pipeline that is looked at; return a note and where the new one is."""
        try:
            wanted = RetryPipeline(pipeline=view.identity, on_behalf_of=writer().name)
            made = await self._house.asking.change(wanted)
            await queries.catch_up(self._house.database, made["position"])
        except Problem as problem:
            return note(problem.detail), no_update
        return None, addresses.of_pipeline(made["pipeline"])

    async def stop(self, view: View) -> Any:
        """Stop the sweep that is looked at; return a note."""
        try:
            await self._house.asking.change(CancelSweep(sweep=view.identity, on_behalf_of=writer().name))
        except Problem as problem:
            return note(problem.detail)
        return note("Stopped: no trial begins any more.", "done")

    async def pause(self, view: View) -> Any:
        """Pause the sweep that is looked at; return a note."""
        return await self._ask(PauseSweep(sweep=view.identity), "Paused: what runs goes on to its end.")

    async def resume(self, view: View) -> Any:
        """Let the sweep that is looked at go on; return a note."""
        return await self._ask(ResumeSweep(sweep=view.identity), "It goes on.")

    async def extend(self, view: View) -> Any:
        """Give the sweep that is looked at a few trials more; return a note."""
        found = await queries.read_sweep(self._house.database, view.identity)
        trials = (found or {}).get("spec", {}).get("trials", 0) + MORE_TRIALS
        return await self._ask(ChangeSweep(sweep=view.identity, trials=trials), f"{trials} trials now.")

    async def label(self, view: View, project: str, tags: str, text: str) -> tuple[Any, Any]:
        """Give the job or sweep that is looked at these labels; return a note and how they stand now."""
        try:
            by = writer().name
            found = await self._read(view)
            old, wanted = list(found.get("tags") or ()), tags.replace(",", " ").split()
            given = {
                "kind": "label",
                "ids": [view.identity],
                "project": project.strip(),
                "note": text.strip(),
                "add_tags": [one for one in wanted if one not in old],
                "remove_tags": [one for one in old if one not in wanted],
                "on_behalf_of": by,
            }
            made = await self._house.asking.change(msgspec.convert(given, Label))
            await queries.catch_up(self._house.database, made["position"])
            found = await self._read(view)
        except msgspec.ValidationError as error:
            return note(_explain(str(error))), no_update
        except Problem as problem:
            return note(problem.detail), no_update
        list_of = "jobs" if view.kind == "job" else "sweeps"
        return note("Saved.", "done"), label_words.body(found, list_of, True)

    async def _read(self, view: View) -> dict[str, Any]:
        read = queries.read_job if view.kind == "job" else queries.read_sweep
        return await read(self._house.database, view.identity) or {}

    async def _ask(self, request: PauseSweep | ResumeSweep | ChangeSweep | CancelPipeline, done: str) -> Any:
        try:
            by = writer().name
            await self._house.asking.change(msgspec.structs.replace(request, on_behalf_of=by))
        except Problem as problem:
            return note(problem.detail)
        return note(done, "done")
