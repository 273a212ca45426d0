"""A real house for the tests of one module: two agents with two slots each."""

from collections.abc import Iterator

import pytest

from idlehands.house.components import AgentOptions
from idlehands.house.running import RunningHouse, start_house
from tests.e2e.workplace import Workplace, at_work


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHouse]:
    """A house of this module alone, whose processes may be killed."""
    folder = tmp_path_factory.mktemp("house") / "house"
    with start_house(folder, AgentOptions(count=2, slots=2), wait_seconds=120) as running:
        yield running


@pytest.fixture(scope="module")
def work(house: RunningHouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    """A client of that house, and a ledger."""
    with at_work(house, tmp_path_factory.mktemp("ledger") / "ledger") as workplace:
        yield workplace
