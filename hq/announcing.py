"""Announces the machines of the house and itself to Home Assistant, and takes back those that were removed.

Announcements are retained. A broker that was away has forgotten them, so all is said
again with every connection. A machine whose certificate was revoked is taken back: by
an empty message, which is how Home Assistant removes a device. Of that the broker keeps
nothing, and a revocation cuts all connections, so it is said again and again.
"""

from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec

from bus.port import Bus
from hq.core.state import AgentRecord, Change
from hq.home_assistant import announcement, state_topic_of, topic_of
from hq.house_device import CONFIG_TOPIC, STATE_TOPIC, announce_house
from hq.house_figures import HouseFigures

#: Somebody who was removed is gone from Home Assistant after so long.
LOOK_SECONDS = 3.0
#: Who was away hears of it after so long: Home Assistant, or a bridge to its broker.
AGAIN_SECONDS = 30.0
#: How the house stands is said this often, where it changed.
STATE_SECONDS = 15.0


class Announcer:
    """Says on the bus what is new; used on the loop's thread only.

    Args:
        bus: Where to.
        root: The first levels of every topic of the house.
        version: Of HQ.
        read_members: Returns the names of all that have a certificate; the same object while nothing changed.
        house: Knows how the house stands.
    """

    def __init__(
        self,
        bus: Bus,
        root: str,
        version: str,
        read_members: Callable[[], Collection[str]],
        house: HouseFigures | None = None,
    ) -> None:
        self._house = house
        #: How the house and its machines stand, as it was said last, by topic.
        self._states: dict[str, bytes] = {}
        self._bus, self._root, self._version = bus, root, version
        self._read_members = read_members
        self._members: Collection[str] | None = None
        self._new: set[str] = set()
        #: What is retained at the broker now, empty for what was taken back.
        self._said: dict[str, bytes] = {}
        self._due = self._again_at = self._state_at = 0.0

    def begin_again(self) -> None:
        """Note that the broker may have forgotten everything."""
        self._said.clear()
        self._members = None
        self._states.clear()
        self._due = self._state_at = 0.0

    def note(self, changes: Iterable[Change]) -> None:
        """Note what was decided: what machines say anew of themselves, and how the house stands."""
        changes = list(changes)
        self._new |= {change.name for change in changes if isinstance(change, AgentRecord)}
        if self._house is not None:
            self._house.note(changes)

    def announce(self, agents: Mapping[str, AgentRecord], now: float) -> None:
        """Say what is new. Cheap when nothing is."""
        if not self._new and now < self._due:
            return
        self._due = now + LOOK_SECONDS
        if now >= self._again_at:
            self._again_at = now + AGAIN_SECONDS
            for name in [name for name, said in self._said.items() if not said]:
                self._bus.publish_plain(topic_of(name), b"", retained=True)
                self._bus.publish_plain(state_topic_of(name), b"", retained=True)
        members = self._read_members()
        wanted: Iterable[str] = self._new & agents.keys() if members is self._members else list(agents)
        self._members, self._new = members, set()
        for name in wanted:
            said = announcement(agents[name], self._root, self._version) if name in members else b""
            if self._said.get(name) != said:
                self._said[name] = said
                self._bus.publish_plain(topic_of(name), said, retained=True)
        if self._house is not None and now >= self._state_at:
            self._state_at = now + STATE_SECONDS
            self._say_states(self._house, agents, now)

    def _say_states(self, house: HouseFigures, agents: Mapping[str, AgentRecord], now: float) -> None:
        if STATE_TOPIC not in self._states:
            self._bus.publish_plain(CONFIG_TOPIC, announce_house(self._root, self._version), retained=True)
        self._say_state(STATE_TOPIC, msgspec.json.encode({"data": house.read(now)}))
        for name in agents:
            # Of a machine that was taken back nothing stays, not even at a broker.
            is_here = self._said.get(name, b"") != b""
            said = msgspec.json.encode({"data": house.read_machine(name)}) if is_here else b""
            self._say_state(state_topic_of(name), said)

    def _say_state(self, topic: str, said: bytes) -> None:
        if said != self._states.get(topic, b""):
            self._states[topic] = said
            self._bus.publish_plain(topic, said, retained=True)
