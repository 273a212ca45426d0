"""What agents say right now: their latest heartbeats, heard on the bus.

Nothing of this is stored: heartbeats are no events. After a start of the
server it takes up to one heartbeat's pause until everybody was heard; until
then an agent is `heard: null`, which is the truth.
"""

import threading
import time
from collections import deque
from typing import Any

from msgspec import Struct, field, to_builtins

from bus.port import Bus, BusInput, Connected, Disconnected, Inbound
from bus.topics import HEARTBEAT, HQ_STATE, PRESENCE
from schemas.facts import MachineLoad
from schemas.messages import Heartbeat, HqState

#: Three heartbeats missed: HQ's lease, without its guard.
FRESH_SECONDS = 30.0
#: Ten minutes.
LOADS_KEPT = 60
_BETWEEN_LOADS_SECONDS = 2.0


class Heard(Struct):
    """The latest of one agent, and how busy it was before. `at` is monotonic."""

    heartbeat: Heartbeat
    at: float
    gone: bool = False
    #: Unix time since which it does what it does; None when it did so already as it was first heard.
    since: float | None = None
    #: (Unix time, load), the oldest first.
    loads: deque[tuple[float, MachineLoad]] = field(default_factory=lambda: deque(maxlen=LOADS_KEPT))


def _doing(beat: Heartbeat) -> tuple[bool, bool, bool]:
    """Return what an agent does, as people tell it apart: it works, it may not, it stands still."""
    return bool(beat.attempts), beat.guest.accepting and not beat.degraded, bool(beat.guest.frozen)


class Live:
    """Latest heartbeats by agent. Fed by the bus's thread, read by the server's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._heard: dict[str, Heard] = {}
        self._hq: HqState | None = None
        self._connected = False

    def subscribe(self, bus: Bus) -> None:
        """Ask the bus for what `handle` takes."""
        for topic in (HEARTBEAT, PRESENCE, HQ_STATE):
            bus.subscribe(topic)

    def handle(self, what: BusInput) -> None:
        """Take what arrives on the bus; called on the bus's thread."""
        now = time.monotonic()
        with self._lock:
            match what:
                case Connected():
                    self._connected = True
                case Disconnected():
                    self._connected = False
                    self._hq = None
                case Inbound() if what.topic is HQ_STATE:
                    self._hq = what.data
                case Inbound() if what.topic is HEARTBEAT:
                    self._note(what.names["agent"], what.data, now)
                case Inbound() if what.topic is PRESENCE and not what.retained:
                    heard = self._heard.get(what.names["agent"])
                    if heard is not None and heard.heartbeat.boot == what.data.boot:
                        heard.gone = not what.data.online

    @property
    def connected(self) -> bool:
        """Tell whether the broker is reached."""
        return self._connected

    def hq_state(self) -> dict[str, Any] | None:
        """Return what HQ last said of itself, or None."""
        hq = self._hq
        return None if hq is None else to_builtins(hq)

    def agent(self, name: str) -> dict[str, Any]:
        """Return what is known live of one agent."""
        with self._lock:
            heard = self._heard.get(name)
            if heard is None:
                return {"heard": None, "online": None}
            silent = time.monotonic() - heard.at
            beat = heard.heartbeat
            return {
                "heard": {
                    "seconds_ago": round(silent, 1),
                    "slots": beat.slots,
                    "free": beat.free,
                    "guest": {name: getattr(beat.guest, name) for name in beat.guest.__struct_fields__},
                    "degraded": beat.degraded,
                    "load": None if beat.load is None else to_builtins(beat.load),
                    "attempts": [
                        {"job": one.job, "token": one.token, "phase": str(one.phase)} for one in beat.attempts
                    ],
                },
                "online": not heard.gone and silent < FRESH_SECONDS,
            }

    def loads(self, name: str) -> list[tuple[float, MachineLoad]]:
        """Return an agent's load in the last minutes, as it was heard: Unix times and loads, oldest first."""
        with self._lock:
            heard = self._heard.get(name)
            return [] if heard is None else list(heard.loads)

    def since(self, name: str) -> float | None:
        """Return the Unix time since which an agent does what it does; None where that was not seen.

        Of one that is away, when it was heard last.
        """
        with self._lock:
            heard = self._heard.get(name)
            if heard is None:
                return None
            silent = time.monotonic() - heard.at
            if heard.gone or silent >= FRESH_SECONDS:
                return time.time() - silent
            return heard.since

    def _note(self, name: str, beat: Heartbeat, now: float) -> None:
        before, unix = self._heard.get(name), time.time()
        heard = Heard(beat, now)
        if before is not None:
            is_other = before.gone or _doing(before.heartbeat) != _doing(beat)
            heard.since = unix if is_other else before.since
            heard.loads = before.loads
        # Heartbeats that follow each other at once say nothing new.
        if beat.load is not None and not (heard.loads and unix - heard.loads[-1][0] < _BETWEEN_LOADS_SECONDS):
            heard.loads.append((unix, beat.load))
        self._heard[name] = heard

    def boot(self, name: str) -> int | None:
        """Return the boot of an agent's last heartbeat; None if it was not heard."""
        with self._lock:
            heard = self._heard.get(name)
            return None if heard is None else heard.heartbeat.boot

    def names(self) -> list[str]:
        """Return the agents that were heard, by name."""
        with self._lock:
            return sorted(self._heard)
