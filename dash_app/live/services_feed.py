"""Services, live: HQ is asked once a second while somebody looks, as calls are in no read model."""

from dash_app import component_ids as ids
from dash_app.live.hearing import Changes
from dash_app.live.push import Props, Push, Sent
from dash_app.presenters import services
from hq.rest.house import House
from hq.rest.service_routes import find_service, read_services


class _Asked:
    """What is asked for again and again, and sent where it changed."""

    pause = 1.0
    #: Calls make no sound that this could wait for.
    unfinished = True

    def __init__(self, house: House) -> None:
        self._house = house
        self._sent = Sent()

    def touch(self, changes: Changes) -> bool:
        return False

    async def whole(self) -> Push:
        self._sent.forget()
        return await self.push()

    async def push(self) -> Push:
        return Push(props=self._sent.only_new(await self._read()))

    async def _read(self) -> Props:
        raise NotImplementedError


class ServicesFeed(_Asked):
    """The cards of all services."""

    async def _read(self) -> Props:
        found = (await read_services(self._house))["services"]
        return {ids.SERVICES: {"children": services.listed(found)}}


class ServiceFeed(_Asked):
    """What one service does; its versions are part of the page."""

    def __init__(self, house: House, name: str) -> None:
        super().__init__(house)
        self._name = name

    async def _read(self) -> Props:
        found = await find_service(self._house, self._name)
        return {
            ids.SERVICE_STATUS: {"children": services.status(found)},
            ids.SERVICE_NOW: {"children": services.now(found)},
            ids.SERVICE_WORKERS: {"children": services.workers(found)},
        }
