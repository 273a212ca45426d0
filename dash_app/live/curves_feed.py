"""A job's curves, of its metrics and of what it uses of its machine, live, drawn at most twice a second."""

from typing import Any

from msgspec import to_builtins

from dash_app import component_ids as ids
from dash_app.curves_look import Look
from dash_app.live.hearing import Changes
from dash_app.live.push import Props, Push, Sent
from dash_app.presenters import charts, series
from hq.rest import board
from hq.rest.house import House

Document = dict[str, Any]
_POINTS_READ = 20_000


class CurvesFeed:
    """The points of one job's latest attempt."""

    pause = 0.5

    def __init__(self, house: House, job: str, look: Look = Look()) -> None:  # noqa: B008 - it is frozen
        self._house, self._job, self._look = house, job, look
        self._points: list[Document] = []
        # Points are stored a moment after they went past: read twice, so that none falls between.
        self._reads_left = 2
        self._sent = Sent()

    @property
    def unfinished(self) -> bool:
        return self._reads_left > 0

    def touch(self, changes: Changes) -> bool:
        new = [
            {"token": one.token, **to_builtins(point)}
            for one in changes.progress
            if one.job == self._job
            for point in one.points
        ]
        self._points += new
        return bool(new)

    async def whole(self) -> Push:
        self._sent.forget()
        return await self.push()

    async def push(self) -> Push:
        if self._reads_left:
            self._points += await board.read_points(self._house.database, [self._job], _POINTS_READ)
            self._reads_left -= 1
        return self._draw()

    def _draw(self) -> Push:
        self._points = series.of_latest(self._points)[-_POINTS_READ:]
        props: Props = {
            ids.JOB_CURVES: {
                "children": charts.curves(series.by_metric(self._points, self._look.x), self._look)
            },
            ids.JOB_USAGE: {"children": charts.usage(series.of_resources(self._points), self._job)},
        }
        # Mostly one of them is what it was.
        return Push(props=self._sent.only_new(props))
