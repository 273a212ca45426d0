"""What the callbacks of a sweep's page call: draws the tab that is seen, the coordinates, the comparison."""

from typing import Any

from dash.development.base_component import Component

from dash_app.addresses import View
from dash_app.presenters import compared_files, sweep, sweep_tabs
from dash_app.sweep_state import SweepState, read_brush, read_numbers
from hq.analysis.questions import Question
from hq.rest.analyses import analyse, read_all_trials
from hq.rest.house import House
from hq.rest.kept import read_kept
from hq.rest.problems import Problem

Children = list[Component]


class SweepLooking:
    """Reads through the same functions as REST; has no data of its own."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def tab(self, view: View, state: SweepState) -> Children:
        """Return what the chosen tab shows, or why it cannot."""
        try:
            return await self._tab(view.identity, state)
        except Problem as problem:
            return sweep_tabs.trouble(problem.detail)

    async def _tab(self, identity: str, state: SweepState) -> Children:
        database = self._house.database
        if state.tab == "importance":
            found = await self._house.importance.of(database, identity, state.value, state.method)
            return sweep_tabs.importance(found)
        found = await analyse(database, identity, state.tab, Question(state.value, state.x, state.y))
        match state.tab:
            case "slice":
                best = await analyse(database, identity, "best", Question(state.value))
                return sweep_tabs.slices(found, best["winner"])
            case "contour":
                return sweep_tabs.contour(found)
            case "pareto":
                return sweep_tabs.pareto(found)
            case "timeline":
                return sweep_tabs.timeline(found)
            case "distribution":
                return sweep_tabs.distribution(found)

    async def coordinates(self, view: View, value: Any, brush: Any) -> tuple[Children, list[int] | None]:
        """Return the parallel coordinates, and the trials in the brush; None without one: all of them."""
        try:
            found, trials = await read_all_trials(self._house.database, view.identity)
        except Problem as problem:
            return sweep_tabs.trouble(problem.detail), None
        return sweep.coordinates(found, trials, str(value or ""), read_brush(brush))

    async def compare(self, view: View, chosen: Any) -> Children:
        """Return the chosen trials side by side."""
        numbers = read_numbers(chosen)
        if len(numbers) < 2:
            return sweep_tabs.compare({"trials": []})
        database = self._house.database
        try:
            found = await analyse(database, view.identity, "compare", Question(compare=numbers))
            jobs = [one["job"] for one in found["trials"]]
            kept = await read_kept(database, jobs) if jobs else {}
        except Problem as problem:
            return sweep_tabs.trouble(problem.detail)
        return [*sweep_tabs.compare(found), *compared_files.side_by_side(found["trials"], kept)]
