"""What Home Assistant is told of a machine, held against its own schema, and what it then reads and sends."""

import json
from typing import Any

import msgspec
import pytest

from bus.codec import encode
from bus.memory_bus import MemoryBus, MemoryHub
from bus.port import Connected, Inbound, Plain
from bus.router import route
from bus.topics import HEARTBEAT, HQ_STATE, PRESENCE, REQUEST
from hq.announcing import AGAIN_SECONDS, LOOK_SECONDS, Announcer
from hq.core.state import AgentRecord
from hq.home_assistant import MachineState, announcement, state_topic_of, topic_of
from schemas.facts import GuestState, MachineFacts, MachineLoad
from schemas.messages import Heartbeat, HqState, Presence
from schemas.requests import AskAgent
from tests.contract.bus_worlds import Recorder, eventually
from tests.fixtures.home_assistant import check_message, check_topic, read_sensor, render

ROOT = "idlehands/v1"
GAUGES = ("cpu", "memory", "cpu_celsius")


def record(name: str = "attic", **more: Any) -> AgentRecord:
    facts = MachineFacts(processor="Core 2 Duo", version="1.2", cores=2)
    made = {"name": name, "boot": 1, "instance": "a" * 32, "slots": 2, "facts": facts}
    return AgentRecord(**{**made, "position": 1, "booted_at": 1.0, **more})


def message() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(announcement(record(), ROOT, "3.0"))
    return found


def read(template: str, topic: Any, data: Any) -> str:
    """Return what Home Assistant makes of a message of ours."""
    return render(template, encode(topic, data, message_id="m", source="attic"))


def beat(free: int = 2, **more: Any) -> Heartbeat:
    return Heartbeat(boot=1, instance="a" * 32, seq=1, slots=2, free=free, **more)


def shown(part: str, heartbeat: Heartbeat) -> str:
    return read(message()["components"][part]["value_template"], HEARTBEAT, heartbeat)


def test_the_topic_is_one_that_home_assistant_takes() -> None:
    check_topic(topic_of("attic-pc"))


def test_the_message_fits_the_schema() -> None:
    check_message(message(), "idlehands-attic")


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
        ("hour", "payload_press", "pause"),
    ],
)
def test_what_is_pressed_is_a_request_on_the_topic_of_one_certificate(
    part: str, payload: str, command: str
) -> None:
    given = message()["components"][part]

    sent = route(given["command_topic"].removeprefix(f"{ROOT}/"), given[payload].encode())

    assert isinstance(sent, Inbound)
    assert (sent.topic, sent.names) == (REQUEST, {"client": "homeassistant"})
    seconds = 3600 if part == "hour" else None
    assert sent.data == AskAgent(agent="attic", command=command, seconds=seconds)  # type: ignore[arg-type]


def test_what_a_machine_measures_is_shown_and_what_it_cannot_tell_is_unknown() -> None:
    parts = json.loads(announcement(record(facts=MachineFacts(gpus=1)), ROOT, "3.0"))["components"]
    measured = [*GAUGES, "gpu", "gpu_celsius"]
    load = MachineLoad(cpu=12.5, memory=40, cpu_celsius=61, gpu=97, gpu_celsius=70.5)

    def values(heartbeat: Heartbeat) -> list[Any]:
        payload = encode(HEARTBEAT, heartbeat, message_id="m", source="attic")
        return [read_sensor(parts[part], payload) for part in measured]

    assert values(beat(load=load)) == [12.5, 40, 61, 97, 70.5]
    assert values(beat(load=MachineLoad(cpu=3))) == [3, None, None, None, None]
    assert values(beat()) == [None] * 5
    assert not message()["components"].keys() & {"gpu", "gpu_celsius"}


@pytest.mark.parametrize(
    ("state", "running", "energy"),
    [
        (MachineState("", None), "nothing", None),
        (MachineState("train.py, wine", 0.25), "train.py, wine", 0.25),
        (MachineState("x" * 400, 0), "x" * 247 + "...", 0),
    ],
)
def test_what_hq_tells_of_a_machine_is_on_a_topic_beside_the_announcement(
    state: MachineState, running: str, energy: float | None
) -> None:
    parts, payload = message()["components"], msgspec.json.encode({"data": state})

    assert {parts[one]["state_topic"] for one in ("running", "energy_today")} == {state_topic_of("attic")}
    assert (read_sensor(parts["running"], payload), read_sensor(parts["energy_today"], payload)) == (
        running,
        energy,
    )


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
