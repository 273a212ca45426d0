"""The events of the house, live: what comes is laid on top of what is there."""

from dash_app import component_ids
from dash_app.addresses import View
from dash_app.live.hearing import Changes
from dash_app.live.push import Push
from dash_app.presenters.happenings import row, types_of
from hq.rest.house import House
from hq.rest.looking_back import read_back, read_since

_SHOWN = 200
_KEPT = 1000
_AT_ONCE = 500


class HappeningsFeed:
    """Rows of new events. A page of older ones is not live."""

    pause = 0.25

    def __init__(self, house: House, view: View) -> None:
        given = dict(view.given)
        self._house, self._types, self._about = house, types_of(given.get("kind", "")), given.get("about", "")
        self._live = view.before is None
        self._before = view.before
        self._read = 0
        self._ids: list[str] = []
        self.unfinished = False

    def touch(self, changes: Changes) -> bool:
        # A machine that started says so by its heartbeat, which is no event.
        return self._live and bool(changes.position or changes.agents)

    async def whole(self) -> Push:
        found = await read_back(
            self._house.database, before=self._before, limit=_SHOWN, types=self._types, about=self._about
        )
        rows = [row(one) for one in found["events"]]
        if not self._read and rows:
            self._read = int(found["events"][0]["position"])
        self._ids = [one["id"] for one in reversed(rows)]
        return Push(rows={component_ids.EVENTS_GRID: {"all": rows}})

    async def push(self) -> Push:
        events, self._read = await read_since(
            self._house.database, self._read, limit=_AT_ONCE, types=self._types, about=self._about
        )
        rows = [row(one) for one in events]
        self._ids += [one["id"] for one in rows]
        gone, self._ids = self._ids[:-_KEPT], self._ids[-_KEPT:]
        changed = {name: some for name, some in (("put", rows), ("drop", gone)) if some}
        return Push(rows={component_ids.EVENTS_GRID: changed} if changed else {})
