"""The household's own broker: a real mosquitto with passwords beside the house."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bus.memory_bus import MemoryBus
from bus.plain_broker import PlainBroker
from bus.port import Inbound, Plain
from bus.topics import GUEST
from hq.core.state import AgentRecord
from hq.home_assistant import announcement, state_topic_of, topic_of
from hq.house_device import CONFIG_TOPIC, STATE_TOPIC, announce_house
from hq.outside import household
from schemas.facts import MachineFacts
from tests.contract.bus_worlds import Recorder
from tests.fixtures.household import PASSWORD, USER, HouseholdServer, Resident
from tests.unit.dash_app.conftest import LittleHouse
from tests.unit.dash_app.little_house import eventually

SETTINGS = "/api/v1/settings"
JOB = {"script": {"bundle": "0" * 64, "entry": "a.py"}}
STATE = "idlehands/v1/hq/state"
ATTIC = "homeassistant/device/idlehands-attic/config"
WAIT = 60.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HouseholdServer]:
    found = HouseholdServer(tmp_path_factory.mktemp("household"))
    found.start()
    yield found
    found.stop()


@pytest.fixture(scope="module")
def admin(house: LittleHouse) -> Iterator[httpx.Client]:
    with house.client("admin") as found:
        yield found


class Prompt(PlainBroker):
    """A connection that stands before anybody has it: what is known then must be said all the same."""

    def start(self) -> None:
        before = self.state
        super().start()
        # Also a refusal is an end of waiting.
        eventually(lambda: self.state is not before, WAIT)


@pytest.fixture(scope="module")
def prompt() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(household, "PlainBroker", Prompt)
        yield


@pytest.fixture(scope="module")
def resident(
    server: HouseholdServer, house: LittleHouse, admin: httpx.Client, prompt: None
) -> Iterator[Resident]:
    """Somebody there, once the house is there too and has announced a machine."""
    house.agent.start()
    facts = MachineFacts(processor="i5", version="0.1.0")
    record = AgentRecord(
        name="attic", boot=1, instance="0" * 32, slots=4, facts=facts, position=1, booted_at=1
    )
    bus = MemoryBus(house.hub, "announcer")
    bus.start(lambda _: None)
    bus.publish_plain(topic_of("attic"), announcement(record, "idlehands/v1", "0"), retained=True)
    body = {"host": "127.0.0.1", "port": server.port, "user": USER, "secret": PASSWORD}
    made = admin.post(f"{SETTINGS}/household", json={**body, "conditions": ["home/#", "solar/+/watts"]})
    assert made.status_code == 201, made.text
    assert PASSWORD not in made.text
    found = Resident(server.port)
    eventually(lambda: connected(admin), WAIT)
    yield found
    found.stop()
    bus.stop()


def connected(admin: httpx.Client) -> bool:
    state = admin.get(f"{SETTINGS}/household").json()["state"]
    return bool(state and state["connected"])


def test_a_machine_is_announced_with_commands_that_are_words(resident: Resident, house: LittleHouse) -> None:
    eventually(lambda: resident.heard(ATTIC), WAIT)
    message = json.loads(resident.heard(ATTIC)[-1])
    switch = message["components"]["accept_jobs"]
    assert (switch["command_topic"], switch["payload_on"], switch["payload_off"]) == (
        "idlehands/command/attic",
        "resume",
        "pause",
    )
    # No request of the house's own bus is anywhere in it.
    assert "up/request" not in resident.heard(ATTIC)[-1].decode()
    house.agent.beat()
    eventually(lambda: resident.heard(message["state_topic"]), WAIT)
    beat = json.loads(resident.heard(message["state_topic"])[-1])["data"]
    assert set(beat) == {"slots", "free", "degraded", "guest", "load"}
    assert message["components"]["hour"]["payload_press"] == "pause-hour"


def test_the_house_is_told_there_as_on_its_own_bus_and_not_what_else_is_beside_it(
    resident: Resident, house: LittleHouse
) -> None:
    bus = MemoryBus(house.hub, "hq-itself")
    bus.start(lambda _: None)
    said = {CONFIG_TOPIC: announce_house("idlehands/v1", "0"), STATE_TOPIC: b'{"data":{"waiting":3}}'}
    said[state_topic_of("attic")] = b'{"data":{"running":"train.py"}}'
    bus.publish_plain("homeassistant/device/other/config", b'{"components":{}}', retained=True)
    for topic, payload in said.items():
        bus.publish_plain(topic, payload, retained=True)
    eventually(lambda: all(resident.heard(topic)[-1:] == [payload] for topic, payload in said.items()), WAIT)
    assert not resident.heard("homeassistant/device/other/config")
    bus.stop()


def test_a_condition_is_passed_on_to_agents_and_kept_for_later_ones(
    resident: Resident, house: LittleHouse
) -> None:
    heard = Recorder()
    bus = MemoryBus(house.hub, "den")
    bus.subscribe_plain("home/film_night")
    bus.subscribe_plain("home/solar/roof/watts")
    bus.start(heard)
    resident.say("home/film_night", "on")
    resident.say("solar/roof/watts", "412.5")
    resident.say("private/diary", "dear diary")
    wanted = {("home/film_night", b"on"), ("home/solar/roof/watts", b"412.5")}
    eventually(lambda: wanted <= {(one.topic, one.payload) for one in heard.of(Plain)}, WAIT)
    assert not any("diary" in one.topic for one in heard.of(Plain))
    bus.stop()


def test_a_word_asks_a_machine_to_rest_and_nothing_else_is_understood(
    resident: Resident, house: LittleHouse, admin: httpx.Client
) -> None:
    # HQ asks only whom it heard of late, and that may have been in another test.
    house.agent.beat()
    asked = Recorder()
    bus = MemoryBus(house.hub, "attic-listener")
    bus.subscribe(GUEST, agent="attic")
    bus.start(asked)
    before = len(admin.get("/api/v1/jobs").json()["jobs"])
    request = {"specversion": "1.0", "id": "x", "source": "x", "type": "idlehands.request"}
    for topic, payload in (
        ("idlehands/v1/client/homeassistant/up/request", json.dumps({**request, "data": {"kind": "ping"}})),
        ("idlehands/v1/client/web/up/request", json.dumps({"kind": "submit", "jobs": [JOB]})),
        ("idlehands/command/attic", "submit"),
        ("idlehands/command/ATTIC", "pause"),
        ("idlehands/command/no-such-machine", "pause"),
        ("idlehands/command/attic", "drain"),
        ("idlehands/command/attic", "pause-hour"),
    ):
        resident.say(topic, payload)
    eventually(lambda: len(asked.of(Inbound)) == 2, WAIT)
    assert {(one.data.command, one.data.seconds) for one in asked.of(Inbound)} == {
        ("drain", None),
        ("pause", 3600),
    }
    assert asked.of(Inbound)[0].data.asked_by == "household"
    assert len(admin.get("/api/v1/jobs").json()["jobs"]) == before
    bus.stop()


def test_only_a_mapped_topic_submits_and_only_what_is_said_now(
    resident: Resident, admin: httpx.Client
) -> None:
    body = {
        "name": "sun",
        "topic": "solar/forecast",
        "submits": {"job": JOB},
        "parameters": {"watts": {"pointer": "", "type": "number", "minimum": 0, "maximum": 20_000}},
    }
    resident.say("solar/forecast", "1", retained=True)
    assert admin.post(f"{SETTINGS}/topics", json=body).status_code == 201
    shown = lambda: admin.get(f"{SETTINGS}/topics/sun").json()  # noqa: E731

    def sees_it() -> bool:
        # Subscribed within moments; what was retained before submits nothing.
        resident.say("solar/forecast", "4200")
        return bool(shown()["submitted"])

    eventually(sees_it, WAIT)
    job = shown()["last"]
    found = eventually(lambda: _job(admin, job), WAIT)
    assert (found["spec"]["params"], found["submitter"]) == ({"watts": 4200}, "topic-sun")

    def is_refused() -> bool:
        # Again and again: what was said before may be taken after it, and then that is the last.
        resident.say("solar/forecast", "99999999")
        return "must be from" in shown()["trouble"]

    eventually(is_refused, WAIT)
    assert admin.delete(f"{SETTINGS}/topics/sun").status_code == 200
    resident.say("solar/forecast", "", retained=True)


def _job(admin: httpx.Client, job: str) -> Any:
    found = admin.get(f"/api/v1/jobs/{job}")
    return found.json() if found.status_code == 200 else None


def test_a_broker_that_is_away_disturbs_nobody_and_is_told_everything_when_it_is_back(
    resident: Resident, server: HouseholdServer, admin: httpx.Client, house: LittleHouse
) -> None:
    server.stop()
    eventually(lambda: not connected(admin), WAIT)
    standing = json.loads((Path(house.outside_folder) / "household.json").read_bytes())
    assert standing["address"] == f"127.0.0.1:{server.port}"
    assert admin.get("/api/v1/status").json()["household"]["connected"] is False
    assert admin.get("/api/v1/jobs").status_code == 200
    before = len(resident.heard(ATTIC))
    server.start()
    # It kept nothing: all is said again.
    eventually(lambda: connected(admin) and len(resident.heard(ATTIC)) > before, WAIT)


def test_a_wrong_password_is_said(server: HouseholdServer, resident: Resident, admin: httpx.Client) -> None:
    body = {"host": "127.0.0.1", "port": server.port, "user": USER}
    admin.post(f"{SETTINGS}/household", json={**body, "secret": "not the password"})
    try:
        eventually(lambda: "refused" in (_state(admin).get("why") or ""), WAIT)
    finally:
        admin.post(f"{SETTINGS}/household", json={**body, "secret": PASSWORD})
    eventually(lambda: connected(admin), WAIT)


def _state(admin: httpx.Client) -> dict[str, Any]:
    return dict(admin.get(f"{SETTINGS}/household").json()["state"] or {})


@pytest.mark.parametrize(
    "more",
    [
        {"host": ""},
        {"host": "a b"},
        {"port": 0},
        {"conditions": ["home/#/x"]},
        {"conditions": ["#"]},
        {"conditions": ["idlehands/#"]},
        {"conditions": ["home/a+"]},
        {"user": "a\nb"},
    ],
)
def test_what_cannot_be_a_broker_is_refused(admin: httpx.Client, more: dict[str, Any]) -> None:
    before = admin.get(f"{SETTINGS}/household").json()["household"]
    assert admin.post(f"{SETTINGS}/household", json={"host": "127.0.0.1", **more}).status_code == 422
    assert admin.get(f"{SETTINGS}/household").json()["household"] == before


def test_the_house_leaves_and_says_so(resident: Resident, admin: httpx.Client) -> None:
    assert admin.delete(f"{SETTINGS}/household").status_code == 200
    eventually(lambda: b'"online":false' in (resident.heard(STATE) or [b""])[-1], WAIT)
    assert admin.get(f"{SETTINGS}/household").json() == {"household": None, "state": None, "unusable": {}}
    assert "household" not in admin.get("/api/v1/status").json()
