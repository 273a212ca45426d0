"""The machines of the house, live: a card is made anew when something on it changed, and only then."""

import time
from typing import Any

from dash_app import component_ids
from dash_app.live.hearing import Changes, Hearing
from dash_app.live.push import Push, Sent
from dash_app.presenters import loads, machines
from dash_app.presenters.queue_end import queue_end
from hq.rest import board, queries
from hq.rest.house import House
from hq.rest.house_routes import read_house
from hq.rest.today import read_today

Document = dict[str, Any]


#: What was heard needs no database, and is drawn within two frames; what jobs became is read less often.
_HEARD_PAUSE = 0.03
_READ_PAUSE = 0.1


class MachinesFeed:
    """Cards of machines, and how far what runs on them is."""

    pause = _HEARD_PAUSE
    unfinished = False

    def __init__(self, house: House, hearing: Hearing) -> None:
        self._house, self._hearing = house, hearing
        self._agents: dict[str, Document] = {}
        self._running: dict[str, list[Document]] = {}
        self._heard: set[str] = set()
        self._jobs = False
        self._bars: dict[str, float] = {}
        self._position = 0

    def touch(self, changes: Changes) -> bool:
        self._heard |= changes.agents
        self._jobs |= bool(changes.jobs)
        self._bars |= changes.percents
        self._position = max(self._position, changes.position)
        return bool(changes.agents or changes.jobs or changes.percents)

    async def whole(self) -> Push:
        await self._read_agents()
        await self._read_running()
        return Push(cards={component_ids.HOUSE_MACHINES: {"all": self._cards()}})

    async def push(self) -> Push:
        # Taken before anything is waited for: what is touched meanwhile is for the next push.
        heard, jobs, bars = self._heard, self._jobs, self._bars
        self._heard, self._jobs, self._bars = set(), False, {}
        known = set(self._agents)
        self.pause = _READ_PAUSE if jobs else _HEARD_PAUSE
        try:
            changed = await self._read(heard, jobs)
        except BaseException:
            self._heard |= heard
            self._jobs |= jobs
            raise
        if set(self._agents) != known:
            return Push(cards={component_ids.HOUSE_MACHINES: {"all": self._cards()}}, bars=bars)
        percents = self._hearing.percents()
        # What did not change on a card, the page itself does not draw again.
        put = [self._card(name, percents) for name in sorted(changed & self._agents.keys())]
        return Push(cards={component_ids.HOUSE_MACHINES: {"put": put}} if put else {}, bars=bars)

    async def _read(self, heard: set[str], jobs: bool) -> set[str]:
        """Read what changed, and return the machines whose cards may have."""
        if heard - self._agents.keys() or any(self._is_other_boot(name) for name in heard):
            await self._read_agents()
        if not jobs:
            return heard
        await queries.catch_up(self._house.database, self._position)
        before = self._running
        await self._read_running()
        names = before.keys() | self._running.keys()
        return heard | {name for name in names if _ids(before.get(name)) != _ids(self._running.get(name))}

    def _cards(self) -> Any:
        percents = self._hearing.percents()
        live = self._house.live
        return machines.cards(list(self._agents.values()), self._running, percents, live.loads, live.since)

    def _card(self, name: str, percents: dict[str, float]) -> Any:
        live = self._house.live
        self._agents[name].update(live.agent(name))
        running = self._running.get(name, [])
        return machines.card(self._agents[name], running, percents, live.loads(name), live.since(name))

    def _is_other_boot(self, name: str) -> bool:
        boot = self._house.live.boot(name)
        return boot is not None and boot != self._agents[name].get("boot")

    async def _read_agents(self) -> None:
        self._agents = {agent["name"]: agent for agent in await read_house(self._house)}

    async def _read_running(self) -> None:
        self._running = machines.by_agent(await board.read_running(self._house.database))


class TodayFeed:
    """What each machine did today, and when the queue will be empty."""

    pause = 3.0
    unfinished = False

    def __init__(self, house: House) -> None:
        self._house = house
        self._position = 0
        self._sent = Sent()

    def touch(self, changes: Changes) -> bool:
        self._position = max(self._position, changes.position)
        # Machines come and go, and rest: that moves the queue's end as well.
        return bool(changes.jobs or changes.agents)

    async def whole(self) -> Push:
        self._sent.forget()
        return await self.push()

    async def push(self) -> Push:
        await queries.catch_up(self._house.database, self._position)
        now = time.time()
        found = await read_today(self._house, now)
        props = {component_ids.HOUSE_QUEUE: {"children": queue_end(found["queue"], now)}}
        return Push(
            props=self._sent.only_new(props),
            cards={component_ids.HOUSE_MACHINES: {"today": [loads.days(found)]}},
        )


def _ids(jobs: list[Document] | None) -> list[str]:
    return [job["id"] for job in jobs or ()]
