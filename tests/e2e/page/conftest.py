"""One house, one browser and one operator for all tests of the page.

They last as long as this folder, whose files are one worker's (tests/fixtures/scheduling.py).
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from bus.settings import BusSettings
from idlehands.client import Client, connect
from idlehands.house.components import AgentOptions
from idlehands.house.running import RunningHouse, start_house
from schemas.specs import IntRange, JobSpec, SweepSpec
from tests.e2e.page.scripts import SCRIPTS, script_of
from tests.fixtures.browser import Visitor, log_in, open_browser

# The machine may be busy with other tests.
expect.set_options(timeout=60_000)


@pytest.fixture(scope="package")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHouse]:
    path = tmp_path_factory.mktemp("page") / "house"
    with start_house(path, AgentOptions(count=2, slots=2)) as running:
        (path / "scripts").mkdir()
        for name, source in SCRIPTS.items():
            (path / "scripts" / name).write_text(source)
        yield running


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="package")
def operator(browser: Browser, house: RunningHouse) -> Iterator[Visitor]:
    visitor = log_in(browser, house.home)
    yield visitor
    visitor.context.close()


@pytest.fixture(autouse=True)
def nothing_went_wrong(operator: Visitor) -> Iterator[None]:
    yield
    try:
        operator.check()
    finally:
        # What went wrong here is no other test's trouble.
        for watched in operator.pages:
            watched.page.close()
        operator.pages.clear()


@pytest.fixture(scope="package")
def client(house: RunningHouse) -> Iterator[Client]:
    with connect(BusSettings.parse(house.home.broker_address, house.home.client("cli"))) as opened:
        yield opened


@pytest.fixture(scope="package")
def done(client: Client, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A job and a sweep that have ended."""
    script = script_of(client, tmp_path_factory.mktemp("done"))
    job = client.submit([JobSpec(script, params={"pause": 0})]).jobs[0]
    sweep = client.submit_sweep(
        SweepSpec(JobSpec(script), {"steps": IntRange(1, 4)}, "grid", 4, "loss")
    ).sweep
    for _ in client.follow(job):
        pass
    return job, sweep
