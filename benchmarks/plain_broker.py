"""What TLS adds to a message's way: the house's broker beside one that takes plain TCP.

One client sends a small message to itself through each of them by turns: two
hops there and back. The plain broker has the settings of the house's but for
TLS and access rules; the product has no such mode.
"""

import contextlib
import queue
import socket
import subprocess
import time
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure
from bus.paho_bus import PahoBus
from bus.port import BusInput, Connected, Inbound
from bus.settings import BusSettings, HouseContext
from bus.topics import JOB_LOG
from idlehands.house.broker import find_mosquitto
from idlehands.house.home import Home
from schemas.messages import JobLog, LogLines

_JOB = "jaaaaaaaaaaaa"
_CONFIGURATION = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_packet_size 300000
set_tcp_nodelay true
log_type error
"""


class _PlainSocket(socket.socket):
    """What a TLS socket is asked for besides."""

    def do_handshake(self) -> None:
        """Do nothing."""

    def pending(self) -> int:
        """Return how much was decrypted and not read: never anything."""
        return 0


class _PlainContext(HouseContext):
    def wrap_socket(self, *args: Any, **_kwargs: Any) -> Any:
        self.made = _PlainSocket(fileno=args[0].detach())  # type: ignore[assignment]
        return self.made


class _PlainSettings(BusSettings):
    @cached_property
    def name(self) -> str:
        return "hq"

    def read_context(self) -> HouseContext:
        import ssl

        return _PlainContext(ssl.PROTOCOL_TLS_CLIENT)


def measure_way(home: Home, folder: Path, count: int) -> list[Figure]:
    """Return how long a message takes to the broker and back, with TLS and without."""
    secure = BusSettings.parse(home.broker_address, home.service("hq"))
    found: dict[str, list[float]] = {"TLS": [], "plain": []}
    with _plain_broker(folder) as port:
        plain = _PlainSettings("127.0.0.1", port, home.service("hq"))
        with _echo(secure) as one, _echo(plain) as other:
            for number in range(count + 50):
                for name, echo in (("TLS", one), ("plain", other)):
                    taken = echo(number) * 1000
                    if number >= 50:
                        found[name].append(taken)
    added = tuple(a - b for a, b in zip(found["TLS"], found["plain"], strict=True))
    return [
        *(Figure(f"signatures: two hops, {name}", "ms", tuple(values)) for name, values in found.items()),
        Figure("signatures: TLS adds to two hops", "ms", added, note="a job takes ten hops"),
    ]


@contextlib.contextmanager
def _echo(settings: BusSettings) -> Iterator[Any]:
    heard: queue.SimpleQueue[BusInput] = queue.SimpleQueue()
    bus = PahoBus(settings)
    bus.subscribe(JOB_LOG, job=_JOB)
    bus.start(heard.put)

    def send(number: int) -> float:
        began = time.perf_counter()
        bus.publish(JOB_LOG, JobLog("attic", LogLines(_JOB, 1, number, ("a line",))), job=_JOB)
        while not isinstance(heard.get(timeout=10), Inbound):
            pass
        return time.perf_counter() - began

    try:
        while not isinstance(heard.get(timeout=10), Connected):
            pass
        yield send
    finally:
        bus.stop()


@contextlib.contextmanager
def _plain_broker(folder: Path) -> Iterator[int]:
    folder.mkdir()
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port: int = chosen.getsockname()[1]
    (folder / "mosquitto.conf").write_text(_CONFIGURATION.format(port=port))
    process = subprocess.Popen([str(find_mosquitto()), "-c", str(folder / "mosquitto.conf")])
    try:
        yield port
    finally:
        process.terminate()
        process.wait(10)
