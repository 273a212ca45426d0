"""What Home Assistant is told of the house itself, and the figures that it is made of."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from bus.memory_bus import MemoryBus, MemoryHub
from bus.port import Connected, Plain
from hq.announcing import LOOK_SECONDS, STATE_SECONDS, Announcer
from hq.house_device import CONFIG_TOPIC, STATE_TOPIC, Best, HouseState, announce_house
from hq.house_figures import HouseFigures, day_of, midnight_before
from schemas.facts import Energy
from schemas.requests import CancelSweep, DeployService
from schemas.specs import Needs, ServiceSpec
from tests.contract.bus_worlds import Recorder, eventually
from tests.fixtures.home_assistant import check_message, check_topic, read_sensor, render
from tests.unit.hq.core.small_house import WALL, Key, SmallHouse, spec, success
from tests.unit.hq.core.test_sweeps import propose, submit, sweep_spec

BEST = Best("s" + "a" * 12, "Lernrate übers Jahr", "loss", 0.03125, 7)


def announced() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(announce_house("idlehands/v1", "3.0"))
    return found


def shown(state: HouseState) -> dict[str, Any]:
    """Return what Home Assistant shows of each entity."""
    payload = msgspec.json.encode({"data": state})
    return {part: read_sensor(given, payload) for part, given in announced()["components"].items()}


def test_the_announcement_fits_the_schema_and_is_no_machines() -> None:
    check_topic(CONFIG_TOPIC)
    check_message(announced(), "idlehands")
    assert not STATE_TOPIC.endswith("/config")


def test_every_figure_is_read_as_what_it_is() -> None:
    state = HouseState(12, 3, 2, "2026-11-22T18:04:00+00:00", BEST, 1.25)

    found = shown(state)

    assert found == {
        "waiting": 12,
        "running": 3,
        "machines": 2,
        "empty_at": datetime(2026, 11, 22, 18, 4, tzinfo=UTC),
        "best": 0.03125,
        "energy_today": 1.25,
    }
    attributes = announced()["components"]["best"]["json_attributes_template"]
    assert json.loads(render(attributes, msgspec.json.encode({"data": state}))) == msgspec.to_builtins(BEST)


def test_what_is_not_known_is_unknown_there_and_not_zero() -> None:
    state = HouseState(0, 0, 0, None, None, None)

    found = shown(state)

    assert [part for part, value in found.items() if value is None] == ["empty_at", "best", "energy_today"]
    attributes = announced()["components"]["best"]["json_attributes_template"]
    assert json.loads(render(attributes, msgspec.json.encode({"data": state}))) == {}


# --- the figures ------------------------------------------------------------------------


class Counted:
    """A house, and its figures as HQ's shell keeps them."""

    def __init__(self, **known: Any) -> None:
        self.house = SmallHouse()
        self.seen = 0
        self.figures = HouseFigures(self.house.authority.books, lambda: self.house.wall, **known)

    def read(self) -> HouseState:
        self.figures.note(self.house.changes[self.seen :])
        self.seen = len(self.house.changes)
        return self.figures.read(self.house.now)

    def seconds_left(self) -> float:
        empty_at = self.read().empty_at
        assert empty_at is not None
        return datetime.fromisoformat(empty_at).timestamp() - self.house.wall

    def end(self, key: Key, seconds: float = 1.0, kwh: float | None = None) -> None:
        energy = None if kwh is None else Energy(kwh, "measured")
        self.house.deliver(replace(success(key, seconds), energy=energy))
        self.house.settle()
        self.read()


@pytest.fixture
def counted() -> Counted:
    return Counted()


def test_jobs_and_machines_are_counted_and_a_guess_follows_how_long_they_took(counted: Counted) -> None:
    house = counted.house
    assert counted.read() == HouseState(0, 0, 0, None, None, None)
    key = house.start()
    house.submit(spec(needs=Needs(gpus=1)), spec(needs=Needs(gpus=1)), spec(needs=Needs(gpus=1)))
    other = house.start()

    first = counted.read()
    assert (first.waiting, first.running, first.machines, first.empty_at) == (3, 2, 1, None)

    counted.end(key, seconds=600)
    # Three wait and one runs for a while already, one after the other: three and a half times ten minutes.
    assert 2100 <= counted.seconds_left() <= 2160
    counted.end(other)
    assert counted.read().empty_at is None


def test_many_ends_tell_how_fast_it_goes_on(counted: Counted) -> None:
    house = counted.house
    house.submit(*[spec(needs=Needs(gpus=1))] * 100)
    for _ in range(30):
        counted.end(house.start(), seconds=0.5)
        house.skip(2.0)
        house.heartbeat()

    # One in two seconds.
    assert 190 <= counted.seconds_left() <= 270


def test_trials_that_are_still_to_be_proposed_are_waited_for_and_the_best_of_the_latest_sweep_is_told(
    counted: Counted,
) -> None:
    house = counted.house
    house.boot()
    sweep = submit(house, sweep_spec(trials=10, metric="accuracy", name="lr"))
    propose(house, sweep, 0, 0.25, 0.5)
    first, second = (house.take(offer.job) for offer in house.offers())
    assert counted.read().best is None

    counted.end(first, seconds=60)

    found = counted.read()
    assert (found.waiting, found.running) == (0, 1)
    assert found.best == Best(sweep, "lr", "accuracy", 0.5, 0)
    assert 8 * 60 <= counted.seconds_left() <= 9.5 * 60
    house.request(CancelSweep(sweep=sweep))
    assert counted.read().best == found.best
    assert second[0] != first[0]


@pytest.mark.parametrize(("trials", "jobs"), [(100_000, 0), (1, 1)])
def test_a_guess_of_more_than_a_year_is_none(counted: Counted, trials: int, jobs: int) -> None:
    counted.end(counted.house.start(), seconds=1e9 if jobs else 1e6)
    submit(counted.house, sweep_spec(trials=trials))
    counted.house.start()

    assert counted.read().empty_at is None


def test_workers_of_services_are_no_jobs_that_somebody_waits_for(counted: Counted) -> None:
    house = counted.house
    house.boot()
    house.request(DeployService(service=ServiceSpec("encode", spec())))

    found = counted.read()

    assert (found.waiting, found.running) == (0, 0)


def test_energy_is_told_from_the_first_result_that_tells_it_and_begins_anew_with_the_day(
    counted: Counted,
) -> None:
    counted.end(counted.house.start())
    assert counted.read().energy_today_kwh is None
    counted.end(counted.house.start(), kwh=0.25)
    counted.end(counted.house.start(), kwh=0.5)
    assert counted.read().energy_today_kwh == 0.75

    counted.house.wall = midnight_before(counted.house.wall) + 86_400 + 7200
    assert counted.read().energy_today_kwh == 0
    counted.end(counted.house.start(), kwh=0.125)
    assert counted.read().energy_today_kwh == 0.125


def test_a_start_goes_on_with_what_is_known_of_today_and_says_nothing_where_that_could_not_be_read() -> None:
    known, unknown = Counted(energy_today_kwh={"attic": 2.0}), Counted(energy_is_known=False)
    for counted in (known, unknown):
        counted.end(counted.house.start(), kwh=0.5)
    assert (known.read().energy_today_kwh, unknown.read().energy_today_kwh) == (2.5, None)

    unknown.house.wall = midnight_before(unknown.house.wall) + 86_400 + 7200
    unknown.end(unknown.house.start(), kwh=0.5)
    assert unknown.read().energy_today_kwh == 0.5


def test_a_day_begins_at_its_midnight() -> None:
    midnight = midnight_before(WALL)
    assert 0 <= WALL - midnight < 90_000
    assert [day_of(midnight + seconds) == day_of(WALL) for seconds in (-1, 0, 1)] == [False, True, True]


# --- what is said -----------------------------------------------------------------------


def test_the_house_is_announced_and_its_state_is_said_when_it_changed() -> None:
    hub, counted = MemoryHub(), Counted()
    bus, other, heard = MemoryBus(hub, "hq"), MemoryBus(hub, "homeassistant"), Recorder()
    for topic in (CONFIG_TOPIC, STATE_TOPIC, "the/end"):
        other.subscribe_plain(topic)
    for one, handler in ((bus, Recorder()), (other, heard)):
        one.start(handler)
        handler.wait(Connected)
    announcer = Announcer(bus, "idlehands/v1", "3.0", lambda: frozenset(), counted.figures)

    def said_at(now: float) -> list[str]:
        before = len(heard.seen)
        announcer.announce({}, now)
        bus.publish_plain("the/end", b"", retained=False)
        eventually(lambda: Plain("the/end", b"") in heard.seen[before:])
        return [one.topic for one in heard.seen[before:] if isinstance(one, Plain)][:-1]

    assert said_at(0) == [CONFIG_TOPIC, STATE_TOPIC]
    counted.house.submit(spec())
    assert said_at(STATE_SECONDS - LOOK_SECONDS) == []
    assert said_at(STATE_SECONDS) == [STATE_TOPIC]
    assert said_at(STATE_SECONDS * 2) == []
    announcer.begin_again()
    assert said_at(STATE_SECONDS * 2 + LOOK_SECONDS) == [CONFIG_TOPIC, STATE_TOPIC]
    bus.stop()
    other.stop()
