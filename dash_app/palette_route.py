"""What the command palette offers beside the pages: the newest jobs and sweeps, machines, what words find."""

from typing import Annotated, Any

from fastapi import FastAPI, Query
from starlette.responses import Response

from dash_app.addresses import of_job, of_sweep
from dash_app.presenters import words
from dash_app.presenters.plain import plain
from hq.rest import board, queries
from hq.rest.house import House, answer
from hq.rest.policy import PALETTE

_JOBS = 200
_SWEEPS = 50
_FOUND = 8
Place = tuple[str, str, str]


def add_routes(app: FastAPI, house: House) -> None:
    """Add the route; the gate lets nobody here who is not logged in."""

    @app.get(PALETTE, include_in_schema=False)
    async def palette(q: Annotated[str, Query(max_length=200)] = "") -> Response:
        places = await _find(q) if q.strip() else await _newest()
        return answer([{"kind": kind, "name": name, "address": address} for kind, name, address in places])

    async def _newest() -> list[Place]:
        jobs = await board.read_newest(house.database, status=None, limit=_JOBS)
        sweeps = await queries.read_sweeps(house.database, limit=_SWEEPS)
        agents = await queries.read_agents(house.database)
        return [
            *(_job(job) for job in jobs),
            *(_sweep(one) for one in sweeps["sweeps"]),
            *(
                ("Machine", plain(agent["name"], 64), f"/events?kind=machines&about={agent['name']}")
                for agent in agents
            ),
        ]

    async def _find(asked: str) -> list[Place]:
        """Return what `idlehands search` finds; how it is labelled is said, as that is why it was found."""
        sweeps = await queries.read_sweeps(house.database, limit=_FOUND, words=asked)
        jobs = await queries.read_jobs(house.database, limit=_FOUND, words=asked)
        return [
            *(_labelled(_sweep(one), one) for one in sweeps["sweeps"]),
            *(_labelled(_job(one), one) for one in jobs["jobs"]),
        ]


def _job(job: dict[str, Any]) -> Place:
    return "Job", f"{words.job_name(job['spec'])} {job['id']}", of_job(job["id"])


def _sweep(sweep: dict[str, Any]) -> Place:
    name = plain(sweep["spec"].get("name") or "", 80)
    return "Sweep", f"{name} {sweep['id']}".strip(), of_sweep(sweep["id"])


def _labelled(place: Place, thing: dict[str, Any]) -> Place:
    kind, name, address = place
    said = (thing.get("project"), *(thing.get("tags") or ()), thing.get("note"))
    labels = ", ".join(str(one) for one in said if one)
    return kind, f"{name}: {plain(labels, 100)}" if labels else name, address
