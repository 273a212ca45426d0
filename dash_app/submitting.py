"""From a filled-in form to a job or a sweep in the queue: bundle the script, store it, ask HQ."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from dash import no_update
from msgspec.structs import replace
from pymongo.errors import PyMongoError

from dash_app import addresses
from dash_app.changing import note
from dash_app.command_line import command_line
from dash_app.expecting import expected_words, slots_of
from dash_app.fields import read_number
from dash_app.form_state import FormError, Given, read_form
from dash_app.forms import Parts, build_service, build_spec, build_sweep, read_parts
from dash_app.presenters import form as form_words
from dash_app.script_folders import Found, ScriptFolders
from dash_app.uploaded_scripts import PREFIX, UploadedScripts
from dash_app.uploads import UploadRefused
from dash_app.visitor import writer
from hq.rest import board, queries
from hq.rest.durations import read_durations
from hq.rest.house import House
from hq.rest.problems import Problem
from hq.search.grids import count_combinations
from idlehands.bundle import Bundle, BundleError, build_bundle
from idlehands.environments import choose_environment
from idlehands.house.allowed_scripts import AllowedUnreadable, NotAllowed
from schemas.requests import DeployService, Submit, SubmitSweep
from schemas.specs import JobSpec, ScriptRef

#: What checks a form before anything of the script is stored.
_NOWHERE = "0" * 64


class Submitting:
    """Submits on behalf of the visitor."""

    def __init__(self, house: House, folders: ScriptFolders, uploaded: UploadedScripts) -> None:
        self._house, self._folders, self._uploaded = house, folders, uploaded

    async def submit(self, name: str, form: Mapping[str, Any], key: Any) -> tuple[Any, Any, Any]:
        """Submit what the form becomes; return a note, what is wrong by field, and an address if it has one.

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
            # Checked before anything is stored: a mistake in the form leaves nothing behind.
            parts = _check(found, given)
            spec = await self._stored(found, parts, given)
            address, position = await self._ask(spec, parts, given, key, by)
            # Its page is next; it must be there to be shown.
            await queries.catch_up(self._house.database, position)
        except FormError as error:
            return note(str(error)), _marks(error), no_update
        except (BundleError, UploadRefused) as error:
            return note(str(error)), [], no_update
        except Problem as problem:
            return note(problem.detail), [], no_update
        if addresses.parse(address, None).kind == "nothing":
            return note(f"Done. It is called at /api/v1{address}.", "done"), [], no_update
        return None, [], address

    async def _ask(
        self, spec: JobSpec, parts: Parts, given: Given, key: str, by: str
    ) -> tuple[str, int | None]:
        ask = self._house.asking.change
        if given.becomes == "service":
            service = build_service(spec, given)
            made = await ask(DeployService(key=key, on_behalf_of=by, service=service))
            return addresses.of_service(service.name), made.get("position")
        if parts.space:
            sweep = build_sweep(spec, parts, given)
            made = await ask(SubmitSweep(key=key, on_behalf_of=by, sweep=sweep))
            return addresses.of_sweep(made["sweep"]), made["position"]
        made = await ask(Submit(key=key, on_behalf_of=by, jobs=(spec,)))
        return addresses.of_job(made["jobs"][0]), made["position"]

    async def preview(self, name: str, form: Mapping[str, Any]) -> tuple[Any, str, Any, str]:
        """Return the command that does what the form does, or what is wrong; the word on the button; what is
        wrong by field; and how long it will take."""
        word = "Run"
        try:
            given = read_form(form)
            found = await self._find(name)
            is_service = given.becomes == "service"
            word = "Keep it ready" if is_service else "Run the sweep" if given.ranges else "Run"
            parts = _check(found, given)
            command = command_line(found.title, found.source, parts, given)
        except FormError as error:
            # What is not there yet is no mistake before the form is sent.
            return form_words.preview_trouble(str(error)), word, _marks(error, are_missing=False), ""
        expected = "" if is_service else await self._expected(found, parts, given)
        return form_words.preview(command), word, [], expected

    async def _expected(self, found: Found, parts: Parts, given: Given) -> str:
        """Return how long it will take; what cannot be read is not worth an error here."""
        try:
            taken = await read_durations(self._house.database, found.file.stem[:200])
            agents = await queries.read_agents(self._house.database)
            counts = await board.count_jobs(self._house.database)
        except (Problem, PyMongoError):
            return ""
        slots = slots_of(agents, given.machine, read_number("GPUs", given.gpus))
        runs, parallel = 1, 1
        if parts.space:
            runs, parallel = read_number("Trials", given.trials), read_number("At a time", given.parallel)
            if given.sampler == "grid":
                runs = min(runs, count_combinations(parts.space))
        return expected_words(taken, slots, runs, parallel, counts.get("queued", 0))

    async def _find(self, name: str) -> Found:
        if name.startswith(PREFIX):
            found = await self._uploaded.find(self._house.blobs, name)
        else:
            found = await asyncio.to_thread(self._folders.find, name)
        if found is None and name.startswith(PREFIX):
            raise FormError("What was uploaded is not stored any more. Upload it again.")
        if found is None:
            raise FormError(f"There is no script {name[:100]!r} any more. Choose one that there is.")
        return found

    async def _stored(self, found: Found, parts: Parts, given: Given) -> JobSpec:
        """Store the script and return the job of it."""
        if found.bundle:
            blobs = self._house.blobs
            environment = await self._uploaded.choose_environment(blobs, found, given.environment)
            sha256, entry = found.bundle, found.file.name
        else:
            environment, files = await asyncio.to_thread(choose_environment, found.file, given.environment)
            bundle = await asyncio.to_thread(build_bundle, found.file, files)
            self._check_place(found, bundle)
            await self._house.blobs.store(bundle.sha256, _pieces(bundle))
            sha256, entry = bundle.sha256, bundle.entry
        spec = build_spec(ScriptRef(sha256, entry, found.file.stem[:200]), parts, given)
        return replace(spec, needs=replace(spec.needs, environment=environment))

    def _check_place(self, found: Found, bundle: Bundle) -> None:
        """Return if all that was packed lies where it may: modules beside a script may be links."""
        if not found.is_allowed:
            return
        root = found.file.resolve().parent
        try:
            self._folders.check([found.file, *(root / name for name in bundle.files)])
        except NotAllowed:
            raise FormError(
                "A file that this script needs leads out of the folders that `idlehands scripts allow` names."
            ) from None
        except AllowedUnreadable as error:
            raise FormError(f"{error}.") from None


def _check(found: Found, given: Given) -> Parts:
    """Return what a form comes to, if all of it could be submitted.

    Raises:
        FormError: If not.
    """
    is_service = given.becomes == "service"
    parts = Parts({}, (), {}) if is_service else read_parts(found.script, found.source, given)
    checked = build_spec(ScriptRef(_NOWHERE, found.file.name, found.file.stem[:200]), parts, given)
    if is_service:
        build_service(checked, given)
    elif parts.space:
        build_sweep(checked, parts, given)
    return parts


def _marks(error: FormError, *, are_missing: bool = True) -> list[dict[str, Any]]:
    """Return what is wrong by field, for the browser to say beside each."""
    return [
        {"id": one.at, "words": str(one)}
        for one in error.all()
        if one.at is not None and (are_missing or not one.is_missing)
    ]


async def _pieces(bundle: Bundle) -> AsyncIterator[bytes]:
    yield bundle.content
