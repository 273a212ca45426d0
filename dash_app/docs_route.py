"""/docs: the OpenAPI document to read and try, by Swagger UI, whose files are here: nothing is fetched.

Part of the page: whoever is logged in reads it. What is tried there needs a
token, as everywhere in the API; it is kept nowhere.
"""

import importlib.util
from functools import cache
from pathlib import Path

import msgspec
from fastapi import FastAPI
from starlette.responses import Response

from hq.rest.house import answer
from hq.rest.policy import DOCS
from hq.rest.problems import Problem

_OWN = Path(__file__).parent / "docs_page"
_OWN_FILES = {"start.js": "text/javascript", "page.css": "text/css"}
#: Of the package that carries Swagger UI, which is Apache 2.0, unchanged.
_SWAGGER_FILES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}
_KEPT = {"cache-control": "private, max-age=86400"}


def add_routes(app: FastAPI) -> None:
    """Add the routes."""

    @app.get(DOCS, include_in_schema=False)
    async def docs_page() -> Response:
        _find_swagger()
        return Response((_OWN / "page.html").read_bytes(), 200, {"cache-control": "no-store"}, "text/html")

    @app.get(f"{DOCS}/openapi.json", include_in_schema=False)
    async def docs_document() -> Response:
        return answer(msgspec.Raw(msgspec.json.encode(app.openapi())))

    @app.get(f"{DOCS}/{{file}}", include_in_schema=False)
    async def docs_file(file: str) -> Response:
        if file in _OWN_FILES:
            return Response((_OWN / file).read_bytes(), 200, {"cache-control": "no-cache"}, _OWN_FILES[file])
        if file not in _SWAGGER_FILES:
            raise Problem(404, "not_found", "There is no such file.")
        return Response((_find_swagger() / file).read_bytes(), 200, _KEPT, _SWAGGER_FILES[file])


@cache
def _find_swagger() -> Path:
    """Return the folder with Swagger UI's files.

    Raises:
        Problem: 501 if they are not installed.
    """
    found = importlib.util.find_spec("flask_swagger_ui")
    if found is None or found.origin is None:
        raise Problem(
            501,
            "not_installed",
            "Swagger UI is not installed where the web process runs: `pip install flask-swagger-ui`. "
            "/api/openapi.json is the document all the same.",
        )
    return Path(found.origin).parent / "dist"
