"""The two worlds that the bus's contract test runs in: a hub in memory, and a real broker."""

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from bus.memory_bus import MemoryBus, MemoryHub
from bus.paho_bus import PahoBus
from bus.port import Bus, BusInput, Connected, Inbound, LastWill
from bus.settings import BusSettings
from tests.fixtures.broker import BrokerServer

ROLES = {"hq": "service", "attic": "agent", "cellar": "agent", "cli": "operator", "eve": "operator"}


T = TypeVar("T")


def eventually(read: Callable[[], T], seconds: float = 60.0) -> T:
    """Return the first true value of `read`; fail when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (found := read()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)
    return found


class Recorder:
    """A handler that keeps what it was called with."""

    def __init__(self) -> None:
        self.seen: list[BusInput] = []

    def __call__(self, what: BusInput) -> None:
        self.seen.append(what)

    def of(self, kind: type[T]) -> list[T]:
        return [what for what in self.seen if isinstance(what, kind)]

    def wait(self, kind: type[T], count: int = 1, seconds: float = 60.0) -> list[T]:
        """Return all of a kind once there are `count`."""
        eventually(lambda: len(self.of(kind)) >= count, seconds)
        return self.of(kind)

    def data(self) -> list[Any]:
        return [what.data for what in self.of(Inbound)]


class World(Protocol):
    def bus(self, name: str, *, will: LastWill | None = None) -> Bus: ...
    def raw(self, topic: str, payload: bytes, **more: Any) -> None: ...
    def cut(self, bus: Bus) -> None: ...
    def kill(self) -> None: ...
    def restart(self) -> None: ...


def join(bus: Bus) -> Recorder:
    """Start a bus and return its recorder once it is connected."""
    recorder = Recorder()
    bus.start(recorder)
    recorder.wait(Connected)
    return recorder


class MemoryWorld:
    def __init__(self) -> None:
        self.hub = MemoryHub()
        self.made: list[MemoryBus] = []

    def bus(self, name: str, *, will: LastWill | None = None) -> Bus:
        self.made.append(MemoryBus(self.hub, name, will=will))
        return self.made[-1]

    def raw(self, topic: str, payload: bytes, **more: Any) -> None:
        more.pop("qos", None)
        self.hub.publish_raw(topic, payload, **more)

    def cut(self, bus: Bus) -> None:
        assert isinstance(bus, MemoryBus)
        self.hub.cut(bus)

    def kill(self) -> None:
        self.hub.go_down()

    def restart(self) -> None:
        self.hub.come_back()

    def close(self) -> None:
        for bus in self.made:
            bus.stop()


class RealWorld:
    """A house with a real mosquitto, its real access rules and real certificates."""

    def __init__(self, folder: Path) -> None:
        self.server = BrokerServer(folder)
        for name in ROLES:
            self.settings(name)
        self.server.start()
        self.made: list[PahoBus] = []

    def settings(self, name: str) -> BusSettings:
        return self.server.settings(name, ROLES[name])

    def bus(self, name: str, *, will: LastWill | None = None, **more: Any) -> Bus:
        self.made.append(PahoBus(self.settings(name), will=will, **more))
        return self.made[-1]

    def raw(self, topic: str, payload: bytes, **more: Any) -> None:
        """Publish as HQ, who may write everywhere; returns when the broker has it."""
        properties = Properties(PacketTypes.PUBLISH)
        if more.get("response_topic"):
            properties.ResponseTopic = more["response_topic"]
        if more.get("correlation"):
            properties.CorrelationData = more["correlation"]
        client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        settings = self.settings("hq")
        client.tls_set_context(settings.read_context())
        there = threading.Event()
        client.on_connect = lambda *_: there.set()
        client.connect(settings.host, settings.port)
        client.loop_start()
        assert there.wait(60)
        client.publish(
            topic, payload, more.get("qos", 0), more.get("retained", False), properties
        ).wait_for_publish(60)
        client.disconnect()
        client.loop_stop()

    def cut(self, bus: Bus) -> None:
        assert isinstance(bus, PahoBus)
        assert bus._connection is not None
        assert bus._connection._socket is not None
        # As when somebody trips over the cable: neither side says goodbye.
        bus._connection._socket.shutdown(socket.SHUT_RDWR)

    def kill(self) -> None:
        self.server.kill()

    def restart(self) -> None:
        self.server.start()

    def close(self) -> None:
        for bus in self.made:
            bus.stop()
        self.server.kill()
