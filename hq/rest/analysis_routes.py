"""/sweeps/{sweep}/analysis: what the trials of a sweep say, as JSON; the page draws the same."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from hq.analysis.questions import Kind, Method, Question
from hq.rest import queries
from hq.rest.analyses import analyse
from hq.rest.house import House, answer
from hq.rest.parameters import AtLeast, OnePathSweep, checked_sweep

Named = Annotated[str, Query(max_length=200)]


def build_router(house: House) -> APIRouter:
    """Return the routes below the API's root."""
    router = APIRouter(tags=["sweeps"])

    @router.get("/sweeps/{sweep}/analysis/{kind}")
    async def analyse_sweep(
        sweep: OnePathSweep,
        kind: Kind,
        value: Annotated[str, Query(max_length=200, description="The objective; the first without.")] = "",
        x: Annotated[str, Query(max_length=200, description="First parameter of a contour.")] = "",
        y: Annotated[str, Query(max_length=200, description="Second parameter of a contour.")] = "",
        trial: Annotated[list[int] | None, Query(max_length=16, description="Trials to compare.")] = None,
        at_least: AtLeast = None,
    ) -> Response:
        """Return one analysis of a sweep's trials, for instance the best so far or the Pareto front."""
        checked_sweep(sweep)
        await queries.catch_up(house.database, at_least)
        asked = Question(value, x, y, tuple(trial or ()))
        return answer(await analyse(house.database, sweep, kind, asked))

    @router.get("/sweeps/{sweep}/importance")
    async def find_importance(
        sweep: OnePathSweep, method: Method = "fanova", value: Named = "", at_least: AtLeast = None
    ) -> Response:
        """Return how much each parameter matters to an objective."""
        checked_sweep(sweep)
        await queries.catch_up(house.database, at_least)
        return answer(await house.importance.of(house.database, sweep, value, method))

    return router
