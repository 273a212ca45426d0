"""What the command palette offers beside the pages: the newest jobs and sweeps, and the machines."""

from fastapi import FastAPI
from starlette.responses import Response

from dash_app.addresses import of_job, of_sweep
from dash_app.presenters import words
from dash_app.presenters.plain import plain
from hq.rest import board, queries
from hq.rest.house import House, answer
from hq.rest.policy import PALETTE

_JOBS = 200
_SWEEPS = 50


def add_routes(app: FastAPI, house: House) -> None:
    """Add the route; the gate lets nobody here who is not logged in."""

    @app.get(PALETTE, include_in_schema=False)
    async def palette() -> Response:
        jobs = await board.read_newest(house.database, status=None, limit=_JOBS)
        sweeps = await queries.read_sweeps(house.database, limit=_SWEEPS)
        agents = await queries.read_agents(house.database)
        places = [("Job", f"{words.job_name(job['spec'])} {job['id']}", of_job(job["id"])) for job in jobs]
        places += [
            ("Sweep", f"{plain(one['spec'].get('name') or '', 80)} {one['id']}".strip(), of_sweep(one["id"]))
            for one in sweeps["sweeps"]
        ]
        places += [
            ("Machine", plain(agent["name"], 64), f"/events?kind=machines&about={agent['name']}")
            for agent in agents
        ]
        return answer([{"kind": kind, "name": name, "address": address} for kind, name, address in places])
