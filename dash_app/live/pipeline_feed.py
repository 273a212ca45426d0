"""A pipeline, live: on its own page, and on those of its steps."""

from dash_app import component_ids as ids
from dash_app.live.hearing import Changes
from dash_app.live.push import Props, Push, Sent
from dash_app.presenters import pipelines as shown
from hq.rest import pipelines, queries
from hq.rest.database import Document
from hq.rest.house import House


class PipelineFeed:
    """How a pipeline stands.

    Args:
        house: To read from.
        identity: A pipeline's id, or that of a job or sweep which may be a step of one.
    """

    pause = 0.25

    def __init__(self, house: House, identity: str) -> None:
        self._house, self._identity = house, identity
        self._pipeline: str | None = None
        self._steps: set[str] = set()
        self._position = 0
        self._sent = Sent()
        self.unfinished = False

    def touch(self, changes: Changes) -> bool:
        self._position = max(self._position, changes.position)
        changed = changes.jobs | set(changes.sweeps) | set(changes.deleted)
        return not self._steps.isdisjoint(changed)

    async def whole(self) -> Push:
        self._sent.forget()
        self._pipeline = await self._find()
        return Push(props=await self._read())

    async def push(self) -> Push:
        await queries.catch_up(self._house.database, self._position)
        return Push(props=self._sent.only_new(await self._read()))

    async def _find(self) -> str | None:
        identity = self._identity
        if identity.startswith("p"):
            return identity
        read = queries.read_sweep if identity.startswith("s") else queries.read_job
        found: Document = await read(self._house.database, identity) or {}
        spec = found.get("spec") or {}
        of = (spec.get("job") or {} if identity.startswith("s") else spec).get("pipeline")
        return str(of) if of else None

    async def _read(self) -> Props:
        if self._pipeline is None:
            return {}
        found = await pipelines.read_pipeline(self._house.database, self._pipeline)
        if found is None:
            return {}
        self._steps = {step["id"] for step in found["steps"]}
        props: Props = {ids.PIPELINE_STEPS: {"children": [shown.steps(found, self._identity)]}}
        if self._identity.startswith("p"):
            props[ids.PIPELINE_STATUS] = {
                "children": shown.status(found),
                "data-status": str(found["status"]),
            }
        return props
