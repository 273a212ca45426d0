"""Datasets from the browser: pieces of a file, and the name it gets. What REST does, for a session.

    GET /data/blobs/{sha256}/pieces                how much is there
    PUT /data/blobs/{sha256}/pieces/{offset}       the next piece
    PUT /data/sets/{dataset}/{sha256}              the name

The gate lets operators here only, from the page itself only.
"""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from hq.rest import blob_routes, dataset_routes
from hq.rest.house import House
from hq.rest.policy import DATA_PIECE, DATA_PIECES, DATA_SET


def add_routes(app: FastAPI, house: House) -> None:
    """Add the routes: the same handlers as REST's, at paths that a session opens."""
    handlers: dict[str, Callable[..., Any]] = {
        route.name: route.endpoint
        for router in (blob_routes.build_router(house), dataset_routes.build_router(house))
        for route in router.routes
        if isinstance(route, APIRoute)
    }
    for path, method, name in (
        (DATA_PIECES, "GET", "get_pieces"),
        (DATA_PIECE, "PUT", "put_piece"),
        (DATA_SET, "PUT", "put_dataset"),
    ):
        app.add_api_route(path, handlers[name], methods=[method], include_in_schema=False)
