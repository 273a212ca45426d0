"""The page mounted on the server that REST is on: login, live feed, Dash."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from dash import Dash
from fastapi import FastAPI

from dash_app import (
    artifacts_route,
    bulk_route,
    callbacks,
    data_route,
    docs_route,
    keeping_callbacks,
    layout_route,
    login_routes,
    palette_route,
    previews_route,
    reaching_callbacks,
    registering_callbacks,
    replay_route,
    resting_route,
    results_route,
    services_route,
    shell,
    sweep_callbacks,
    upload_route,
)
from dash_app.accessing import Accessing
from dash_app.automating import Automating
from dash_app.background import in_background
from dash_app.changing import Changing
from dash_app.checked_calls import CheckedCalls
from dash_app.first_document import FirstDocument
from dash_app.keeping import Keeping
from dash_app.live import events_route
from dash_app.live.feeds import feeds_of
from dash_app.live.hearing import Hearing
from dash_app.live.hub import Hub
from dash_app.pages.rendering import Pages
from dash_app.pairing import Pairing
from dash_app.reaching import Reaching
from dash_app.registering import Registering
from dash_app.script_folders import ScriptFolders
from dash_app.submitting import Submitting
from dash_app.sweep_looking import SweepLooking
from dash_app.uploaded_scripts import UploadedScripts
from hq.rest import queries
from hq.rest.house import House
from hq.rest.sessions import Sessions
from idlehands.pairing.on_page import PairingFiles

_INDEX = """<!DOCTYPE html>
<html lang="en">
<head>{%metas%}<title>{%title%}</title>{%favicon%}{%css%}</head>
<body>{%app_entry%}<footer>{%config%}{%scripts%}{%renderer%}</footer></body>
</html>"""


class Page:
    """The page of one house.

    Attributes:
        sessions: Who is logged in.
        policy: The Content-Security-Policy of its answers, once mounted.
    """

    def __init__(
        self,
        house: House,
        sessions: Sessions,
        folders: ScriptFolders,
        pairing: PairingFiles | None = None,
        uploads: Path | None = None,
    ) -> None:
        self.sessions = sessions
        self._pairing = Pairing(pairing)
        self.policy = ""
        self._house, self._folders, self._uploaded = house, folders, UploadedScripts(uploads)
        self._hearing = Hearing()
        self._hub = Hub(self._hearing, feeds_of(house, self._hearing), self._reach)

    def mount(self, app: FastAPI) -> None:
        """Add everything to the server."""
        login_routes.add_routes(app, self.sessions, self._house.trail)
        events_route.add_route(app, self._hub)
        artifacts_route.add_routes(app, self._house)
        previews_route.add_routes(app, self._house)
        resting_route.add_routes(app, self._house)
        results_route.add_routes(app, self._house)
        data_route.add_routes(app, self._house)
        bulk_route.add_routes(app, self._house, self._hearing)
        palette_route.add_routes(app, self._house)
        services_route.add_routes(app, self._house)
        replay_route.add_routes(app, self._house)
        docs_route.add_routes(app)
        upload_route.add_routes(app, self._house, self._uploaded)
        pages = Pages(self._house, self._hearing, self._folders, self._uploaded)
        layout_route.add_route(app, pages)
        dash = FirstDocument(
            __name__,
            server=app,  # type: ignore[arg-type]  # its words for types know Flask only
            title="Idlehands",
            update_title="",
            index_string=_INDEX,
            serve_locally=True,
            assets_folder=str(Path(__file__).parent / "assets"),
            suppress_callback_exceptions=True,
            add_log_handler=False,
            enable_mcp=False,
            meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
        )
        # The page has a WebSocket of its own; the gate knows no other.
        dash.backend.websocket_capability = False
        dash.layout = shell.layout()
        callbacks.register(
            dash,
            pages,
            Changing(self._house),
            Submitting(self._house, self._folders, self._uploaded),
            self._pairing,
        )
        reaching = Reaching(self._house)
        automating, accessing = Automating(self._house, reaching), Accessing(self._house)
        reaching_callbacks.register(dash, reaching, automating, accessing)
        keeping_callbacks.register(dash, Keeping(self._house))
        registering_callbacks.register(dash, Registering(self._house))
        sweep_callbacks.register(dash, SweepLooking(self._house), Changing(self._house))
        # By itself Dash looks for its assets at the first request for "/" or of its own: whoever came to
        # another address before that got a page without them.
        dash._setup_server()  # type: ignore[no-untyped-call]
        app.add_middleware(CheckedCalls, dash=dash)
        self.policy = _policy(dash)
        # Dash looks for our assets at the first request for "/" or its own paths. A server that starts anew
        # is asked for any page first, and gave it without them.
        dash._setup_server()  # type: ignore[no-untyped-call]

    async def _reach(self, position: int) -> None:
        await queries.catch_up(self._house.database, position)

    @contextlib.asynccontextmanager
    async def living(self) -> AsyncIterator[None]:
        """Listen while the server runs; to be entered before the house starts."""
        self._hearing.subscribe(self._house.bus)
        self._house.listeners.append(self._hearing.handle)
        async with in_background(self._hub.run()):
            yield


def _policy(dash: Dash) -> str:
    """Return the policy: scripts of ours only, and no request to anywhere else."""
    scripts = " ".join(["'self'", *(f"'{found.strip(chr(39))}'" for found in dash.csp_hashes())])
    return "; ".join(
        [
            "default-src 'self'",
            f"script-src {scripts}",
            # Mantine, AG Grid and Plotly write style elements.
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ]
    )
