"""/certificate: the newest certificate of whoever asks, for machines that joined and live elsewhere.

The HQ host renews it in good time (`idlehands.house.remote_certificates`); here
it is only handed out. It is public, and of use to nobody who has not its key.
"""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from hq.rest.house import House, answer, principal_of
from hq.rest.problems import Problem

_MOST_BYTES = 16_384


def build_router(house: House) -> APIRouter:
    """Return the routes below the API's root."""
    router = APIRouter(tags=["house"])

    @router.get("/certificate")
    def get_certificate(request: Request) -> Response:
        """Return the newest certificate, as PEM, of the machine whose token this is."""
        name = principal_of(request).name
        # Names of principals are checked where they are given out: this one stays in its folder.
        file = None if house.renewals is None else house.renewals / f"{name}.pem"
        if file is None or not file.is_file():
            raise Problem(
                404, "not_found", f"There is no renewed certificate for {name}: it did not join by pairing."
            )
        return answer({"certificate": file.read_text("ascii")[:_MOST_BYTES]})

    return router
