"""What Home Assistant is told of a machine, held against its own schema, and what it then reads and sends.

The schema is written down here by hand, from DEVICE_DISCOVERY_SCHEMA, COMPONENT_CONFIG_SCHEMA and
TOPIC_MATCHER in `homeassistant/components/mqtt/` of github.com/home-assistant/core (schemas.py at
0f5c1b547043, discovery.py at 00b08a436e4d; device-based discovery came with its release 2024.11).
"""

import json
import re
from typing import Any

import jinja2
import pytest

from bus.codec import encode
from bus.memory_bus import MemoryBus, MemoryHub
from bus.port import Connected, Inbound, Plain
from bus.router import route
from bus.topics import HEARTBEAT, HQ_STATE, PRESENCE, REQUEST
from hq.announcing import AGAIN_SECONDS, LOOK_SECONDS, Announcer
from hq.core.state import AgentRecord
from hq.home_assistant import announcement, topic_of
from schemas.facts import GuestState, MachineFacts
from schemas.messages import Heartbeat, HqState, Presence
from schemas.requests import AskAgent
from tests.contract.bus_worlds import Recorder, eventually

ROOT = "idlehands/v1"
#: Of the root of a message: required, or of one type.
_MESSAGE = {"device": dict, "components": dict, "origin": dict}
_OPTIONAL = {"availability", "availability_mode", "state_topic", "command_topic", "qos", "encoding"}
_DEVICE = {
    *("identifiers", "connections", "manufacturer", "model", "name", "hw_version", "serial_number"),
    *("sw_version", "via_device", "suggested_area", "configuration_url"),
}
#: What each platform of ours takes beside what every entity has.
_EVERY = {"platform", "unique_id", "name", "icon", "state_topic", "value_template", "command_topic"}
_PLATFORM = {
    "switch": {"payload_on", "payload_off", "state_on", "state_off"},
    "button": {"payload_press"},
    "sensor": {"device_class", "options", "expire_after", "state_class", "unit_of_measurement"},
}


def record(name: str = "attic", **more: Any) -> AgentRecord:
    facts = MachineFacts(processor="Core 2 Duo", version="1.2", cores=2)
    made = {"name": name, "boot": 1, "instance": "a" * 32, "slots": 2, "facts": facts}
    return AgentRecord(**{**made, "position": 1, "booted_at": 1.0, **more})


def message() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(announcement(record(), ROOT, "3.0"))
    return found


def read(template: str, topic: Any, data: Any) -> str:
    """Return what Home Assistant makes of a message of ours: its templates are Jinja's."""
    payload = json.loads(encode(topic, data, message_id="m", source="attic"))
    environment = jinja2.Environment(autoescape=False, undefined=jinja2.StrictUndefined)  # noqa: S701 - no HTML
    return environment.from_string(template).render(value_json=payload)


def beat(free: int = 2, **more: Any) -> Heartbeat:
    return Heartbeat(boot=1, instance="a" * 32, seq=1, slots=2, free=free, **more)


def shown(part: str, heartbeat: Heartbeat) -> str:
    return read(message()["components"][part]["value_template"], HEARTBEAT, heartbeat)


def test_the_topic_is_one_that_home_assistant_takes() -> None:
    matcher = re.compile(
        r"(?P<component>\w+)/(?:(?P<node_id>[a-zA-Z0-9_-]+)/)?(?P<object_id>[a-zA-Z0-9_-]+)/config"
    )

    found = matcher.fullmatch(topic_of("attic-pc").removeprefix("homeassistant/"))

    assert found is not None
    assert (found["component"], found["node_id"], found["object_id"]) == (
        "device",
        None,
        "idlehands-attic-pc",
    )


def test_the_message_fits_the_schema() -> None:
    found = message()

    assert {name: type(found[name]) for name in _MESSAGE} == _MESSAGE
    assert set(found) <= _MESSAGE.keys() | _OPTIONAL
    assert found["device"]["identifiers"] == ["idlehands-attic"]
    assert set(found["device"]) <= _DEVICE
    assert set(found["origin"]) <= {"name", "sw_version", "support_url"}
    assert found["availability_mode"] in ("all", "any", "latest")
    assert all(set(one) == {"topic", "value_template"} for one in found["availability"])
    for part, given in found["components"].items():
        assert set(given) <= _EVERY | _PLATFORM[given["platform"]], part
        assert given["unique_id"] == f"idlehands-attic-{part}"
        assert all(isinstance(given[name], str) for name in given.keys() & _EVERY)
    topics = [found["state_topic"], *(one["topic"] for one in found["availability"])]
    assert not any("+" in topic or "#" in topic for topic in topics)


def test_every_template_reads_what_is_really_sent() -> None:
    first, second = (one["value_template"] for one in message()["availability"])

    assert [read(first, HQ_STATE, HqState(online, 1, "3")) for online in (True, False)] == [
        "online",
        "offline",
    ]
    assert [read(second, PRESENCE, Presence(online, 1)) for online in (True, False)] == ["online", "offline"]


@pytest.mark.parametrize(
    ("heartbeat", "says"),
    [
        (beat(), ("ON", "ready", "takes jobs", "0")),
        (beat(free=1), ("ON", "working", "takes jobs", "1")),
        (
            beat(guest=GuestState(False, "paused from the house until 18:30", house_wish="pause")),
            ("OFF", "resting", "paused from the house until 18:30", "0"),
        ),
        (
            beat(free=1, guest=GuestState(False, "someone is typing", frozen=1)),
            ("ON", "resting", "someone is typing", "1"),
        ),
        (beat(degraded="the disk is full " + "x" * 400), ("ON", "resting", None, "0")),
    ],
)
def test_what_a_heartbeat_says_is_shown(heartbeat: Heartbeat, says: tuple[str, str, str | None, str]) -> None:
    found = [shown(part, heartbeat) for part in ("accept_jobs", "doing", "why", "busy_slots")]

    assert (found[0], found[1], found[3]) == (says[0], says[1], says[3])
    assert says[2] in (None, found[2])
    # A state of Home Assistant has at most 255 characters.
    assert 0 < len(found[2]) <= 255
    assert found[1] in message()["components"]["doing"]["options"]


@pytest.mark.parametrize(
    ("part", "payload", "command"),
    [
        ("accept_jobs", "payload_on", "resume"),
        ("accept_jobs", "payload_off", "pause"),
        ("drain", "payload_press", "drain"),
    ],
)
def test_what_is_pressed_is_a_request_on_the_topic_of_one_certificate(
    part: str, payload: str, command: str
) -> None:
    given = message()["components"][part]

    sent = route(given["command_topic"].removeprefix(f"{ROOT}/"), given[payload].encode())

    assert isinstance(sent, Inbound)
    assert (sent.topic, sent.names) == (REQUEST, {"client": "homeassistant"})
    assert sent.data == AskAgent(agent="attic", command=command)  # type: ignore[arg-type]


class House:
    """An announcer, and Home Assistant, which keeps what is retained."""

    def __init__(self) -> None:
        self.hub = MemoryHub()
        self.members = frozenset({"attic", "cellar"})
        self.agents = {name: record(name) for name in ("attic", "cellar")}
        self.bus, self.other = MemoryBus(self.hub, "hq"), MemoryBus(self.hub, "homeassistant")
        self.heard = Recorder()
        for name in self.agents:
            self.other.subscribe_plain(topic_of(name))
        for bus, handler in ((self.bus, Recorder()), (self.other, self.heard)):
            bus.start(handler)
            handler.wait(Connected)
        self.announcer = Announcer(self.bus, ROOT, "3.0", lambda: self.members)
        self.now = 0.0

    def look(self) -> list[tuple[str, bool]]:
        """Let the announcer look; return who was told of since the last look, and whether as there."""
        self.now += LOOK_SECONDS
        before = len(self.heard.seen)
        self.announcer.announce(self.agents, self.now)
        self.bus.publish_plain(topic_of("attic"), b"the end", retained=False)
        eventually(lambda: Plain(topic_of("attic"), b"the end") in self.heard.seen[before:])
        found = [what for what in self.heard.seen[before:] if isinstance(what, Plain)][:-1]
        return [(what.topic.split("/")[2].removeprefix("idlehands-"), bool(what.payload)) for what in found]

    def stop(self) -> None:
        self.bus.stop()
        self.other.stop()


def test_machines_are_announced_once_and_again_when_they_say_something_new() -> None:
    house = House()
    assert house.look() == [("attic", True), ("cellar", True)]
    assert house.look() == []

    house.agents["cellar"] = record("cellar", facts=MachineFacts(version="1.3"))
    house.announcer.note([house.agents["cellar"]])

    assert house.look() == [("cellar", True)]
    house.stop()


def test_a_machine_that_was_removed_is_taken_back_and_again_for_who_was_away() -> None:
    house = House()
    house.look()

    house.members = frozenset({"attic"})

    assert house.look() == [("cellar", False)]
    assert house.look() == []
    house.now += AGAIN_SECONDS
    assert house.look() == [("cellar", False)]
    assert house.look() == []
    # It joined again.
    house.members = frozenset({"attic", "cellar"})
    assert house.look() == [("cellar", True)]
    house.now += AGAIN_SECONDS
    assert house.look() == []
    house.stop()


def test_a_new_broker_and_a_new_hq_are_told_everything_and_what_is_gone() -> None:
    house = House()
    house.members = frozenset({"attic"})
    assert house.look() == [("attic", True), ("cellar", False)]

    house.announcer.begin_again()

    assert house.look() == [("attic", True), ("cellar", False)]
    house.stop()
