"""From a filled-in form to a job or a sweep in the queue: bundle the script, store it, ask HQ."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from dash import no_update
from msgspec.structs import replace

from dash_app import addresses
from dash_app.changing import note
from dash_app.command_line import command_line
from dash_app.form_state import FormError, Given, read_form
from dash_app.forms import Parts, build_spec, build_sweep, read_parts
from dash_app.presenters import form as form_words
from dash_app.script_folders import Found, ScriptFolders
from dash_app.visitor import writer
from hq.rest import queries
from hq.rest.house import House
from hq.rest.problems import Problem
from idlehands.bundle import Bundle, BundleError, build_bundle
from idlehands.environments import choose_environment
from schemas.requests import Submit, SubmitSweep
from schemas.specs import JobSpec, ScriptRef

#: What checks a form before anything of the script is stored.
_NOWHERE = "0" * 64


class Submitting:
    """Submits on behalf of the visitor."""

    def __init__(self, house: House, folders: ScriptFolders) -> None:
        self._house, self._folders = house, folders

    async def submit(self, name: str, form: Mapping[str, Any], key: Any) -> tuple[Any, Any]:
        """Submit a job, or a sweep when something is varied; return a note, and its address if it has one.

        The same form sent twice is one job: `key` belongs to the form.

        Args:
            name: Of the script.
            form: What `read_form` takes.
            key: Of the form.
        """
        try:
            by = writer().name
            given = read_form(form)
            if not isinstance(key, str):
                raise FormError("This form has no key. Reload the page.")
            found = await self._find(name)
            parts = read_parts(found.script, found.source, given)
            # Checked before anything is stored: a mistake in the form leaves nothing behind.
            checked = build_spec(ScriptRef(_NOWHERE, found.name, found.file.stem[:200]), parts, given)
            if parts.space:
                build_sweep(checked, parts, given)
            spec = await self._stored(found, parts, given)
            if parts.space:
                sweep = build_sweep(spec, parts, given)
                made = await self._house.asking.change(SubmitSweep(key=key, on_behalf_of=by, sweep=sweep))
                address = addresses.of_sweep(made["sweep"])
            else:
                made = await self._house.asking.change(Submit(key=key, on_behalf_of=by, jobs=(spec,)))
                address = addresses.of_job(made["jobs"][0])
            # Its page is next; it must be there to be shown.
            await queries.catch_up(self._house.database, made["position"])
        except (FormError, BundleError) as error:
            return note(str(error)), no_update
        except Problem as problem:
            return note(problem.detail), no_update
        return None, address

    async def preview(self, name: str, form: Mapping[str, Any]) -> tuple[Any, str]:
        """Return the command that does what the form does, or what is wrong, and the word on the button."""
        try:
            given = read_form(form)
            found = await self._find(name)
            word = "Run the sweep" if given.ranges else "Run"
        except FormError as error:
            return form_words.preview_trouble(str(error)), "Run"
        try:
            parts = read_parts(found.script, found.source, given)
            checked = build_spec(ScriptRef(_NOWHERE, found.name, found.file.stem[:200]), parts, given)
            if parts.space:
                build_sweep(checked, parts, given)
        except FormError as error:
            return form_words.preview_trouble(str(error)), word
        return form_words.preview(command_line(found.name, found.source, parts, given)), word

    async def _find(self, name: str) -> Found:
        found = await asyncio.to_thread(self._folders.find, name)
        if found is None:
            raise FormError(f"There is no script {name[:100]!r} any more. Choose one that there is.")
        return found

    async def _stored(self, found: Found, parts: Parts, given: Given) -> JobSpec:
        """Store the script and return the job of it."""
        environment, files = await asyncio.to_thread(choose_environment, found.file, given.environment)
        bundle = await asyncio.to_thread(build_bundle, found.file, files)
        await self._house.blobs.store(bundle.sha256, _pieces(bundle))
        spec = build_spec(ScriptRef(bundle.sha256, bundle.entry, found.file.stem[:200]), parts, given)
        return replace(spec, needs=replace(spec.needs, environment=environment))


async def _pieces(bundle: Bundle) -> AsyncIterator[bytes]:
    yield bundle.content
