"""From a filled-in form to a job in the queue: bundle the script, store it, ask HQ."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from dash import no_update
from msgspec.structs import replace

from dash_app import addresses
from dash_app.changing import note
from dash_app.forms import FormError, build_spec, read_form
from dash_app.script_folders import ScriptFolders
from dash_app.visitor import writer
from hq.rest import queries
from hq.rest.house import House
from hq.rest.problems import Problem
from idlehands.bundle import Bundle, BundleError, build_bundle
from idlehands.environments import choose_environment
from schemas.requests import Submit
from schemas.specs import ScriptRef


class Submitting:
    """Submits on behalf of the visitor."""

    def __init__(self, house: House, folders: ScriptFolders) -> None:
        self._house, self._folders = house, folders

    async def submit(self, name: str, form: Sequence[Any], key: Any) -> tuple[Any, Any]:
        """Submit one job; return a note, and the job's address when there is one.

        The same form sent twice is one job: `key` belongs to the form.

        Args:
            form: What `read_form` takes.
        """
        try:
            by = writer().name
            given = read_form(*form)
            if not isinstance(key, str):
                raise FormError("This form has no key. Reload the page.")
            found = await asyncio.to_thread(self._folders.find, name)
            if found is None:
                raise FormError(f"There is no script {name[:100]!r} any more. Choose one that there is.")
            # Checked before anything is stored: a mistake in the form leaves nothing behind.
            reference = ScriptRef("0" * 64, found.name, found.file.stem[:200])
            build_spec(reference, found.script.arguments, given)
            environment, files = await asyncio.to_thread(choose_environment, found.file)
            bundle = await asyncio.to_thread(build_bundle, found.file, files)
            await self._house.blobs.store(bundle.sha256, _pieces(bundle))
            reference = ScriptRef(bundle.sha256, bundle.entry, found.file.stem[:200])
            spec = build_spec(reference, found.script.arguments, given)
            spec = replace(spec, needs=replace(spec.needs, environment=environment))
            made = await self._house.asking.change(Submit(key=key, on_behalf_of=by, jobs=(spec,)))
            # Its page is next; it must be there to be shown.
            await queries.catch_up(self._house.database, made["position"])
        except (FormError, BundleError) as error:
            return note(str(error)), no_update
        except Problem as problem:
            return note(problem.detail), no_update
        return None, addresses.of_job(made["jobs"][0])


async def _pieces(bundle: Bundle) -> AsyncIterator[bytes]:
    yield bundle.content
