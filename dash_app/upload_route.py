"""A script from the browser: `PUT /new/upload?name=train.py` with its bytes, or those of a zip.

The gate lets operators here only, from the page itself only, and no more than it says for this path.
"""

from typing import Annotated

from fastapi import FastAPI, Query
from starlette.requests import Request
from starlette.responses import Response

from dash_app.uploaded_scripts import UploadedScripts, UploadsOff
from dash_app.uploads import UploadRefused
from hq.rest.house import House, answer
from hq.rest.policy import NEW_UPLOAD
from hq.rest.problems import Problem


def add_routes(app: FastAPI, house: House, uploaded: UploadedScripts) -> None:
    """Add the route."""

    async def take_script(request: Request, name: Annotated[str, Query(max_length=200)]) -> Response:
        try:
            script = await uploaded.store(house.blobs, name, await request.body())
        except UploadsOff:
            raise Problem(
                403,
                "uploads_off",
                "This house takes no scripts from browsers. `idlehands scripts uploads on` on the HQ host "
                "changes that.",
            ) from None
        except UploadRefused as error:
            raise Problem(422, "bad_script", str(error)) from None
        return answer({"script": script}, 201)

    app.add_api_route(NEW_UPLOAD, take_script, methods=["PUT"], include_in_schema=False)
