"""The household's own broker: what the house tells there, and what it takes from there.

    house's broker                 web process                   household's broker
    announcements, presence, ----> the same, with commands ----> Home Assistant
      heartbeats, HQ's state        as words
    home/... , retained     <----  conditions             <----  solar, tariff, presence
    requests                <----  a word for a machine   <----  idlehands/command/NAME
                                    a job that was mapped  <----  that one topic

Nothing there can submit but what an operator has mapped. It may be away for as long as it likes.
"""

import asyncio
import logging
import time
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from bus.plain_broker import PlainBroker, PlainMessage, PlainSettings
from bus.port import Bus, BusInput, Inbound, Plain
from bus.topics import HEARTBEAT, HQ_STATE, PRESENCE
from hq.outside import retelling
from hq.outside.keeping import Kept
from hq.outside.mapping import TopicJob
from hq.outside.taking import Takings
from hq.outside.targets import Host, Line, Port
from hq.rest.asking import Asking, NoAnswer
from hq.rest.problems import Problem
from schemas.names import GuestCommand
from schemas.requests import AskAgent
from trust.private_files import write_private
from trust.vault import VaultUnusable

#: Its settings are the only ones of their kind, under this name.
NAME = "broker"
#: In the web process's folder, as long as there is such a broker: how the connection is.
STANDING = "household.json"
_LOOK_SECONDS = 2.0
_FILTER_PATTERN = r"^([^+#/\x00-\x1f\x7f]+|\+)(/([^+#/\x00-\x1f\x7f]*|\+))*(/#)?$"
#: What agents are told in one second; a home says less.
_PER_SECOND = 200
_LONGEST_CONDITION = 4096
#: Jobs and commands that are under way.
_AT_ONCE = 50
log = logging.getLogger(__name__)
Filter = Annotated[str, Meta(pattern=_FILTER_PATTERN, max_length=200)]


class Household(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the household's broker is, and what is said there. The secret is the password of `user`."""

    name: str = NAME
    host: Host
    port: Port = 1883
    user: Line = ""
    tls: bool = False
    #: Topics that agents may make conditions of. What does not begin with `home/` is there below it.
    conditions: Annotated[tuple[Filter, ...], Meta(max_length=20)] = ("home/#",)
    #: Whether machines are announced there to Home Assistant.
    announces: bool = True
    #: Whether whoever publishes there may let machines rest.
    switches: bool = True


class HouseholdBroker:
    """Keeps the connection as its settings want it. `run` and `wake` on the server's event loop."""

    def __init__(
        self, bus: Bus, asking: Asking, kept: Kept, topics: Kept, takings: Takings, file: Path
    ) -> None:
        self._bus, self._asking = bus, asking
        self._kept, self._topics, self._takings = kept, topics, takings
        self._file, self._written = file, b"?"
        self._broker: PlainBroker | None = None
        self._wanted: tuple[Household, str] | None = None
        self._filters: dict[str, int] = {}
        self._jobs: dict[str, list[TopicJob]] = {}
        self._awake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        #: What is said there now, by topic: said again with every connection.
        self._said: dict[str, bytes] = {}
        self._second, self._forwarded, self.left_out = 0, 0, 0

    def subscribe(self) -> None:
        """Ask the house's bus for what `handle` takes."""
        self._bus.subscribe_plain(retelling.ANNOUNCEMENTS)
        self._bus.subscribe_plain(retelling.STATES)

    async def run(self) -> None:
        """Follow the settings until cancelled."""
        self._loop = asyncio.get_running_loop()
        try:
            while True:
                await self._follow_settings()
                try:
                    await asyncio.wait_for(self._awake.wait(), _LOOK_SECONDS)
                except TimeoutError:
                    continue
                self._awake.clear()
        finally:
            broker, self._broker = self._broker, None
            if broker is not None:
                broker.publish(retelling.HQ_TOPIC, retelling.OFFLINE, retained=True)
                await asyncio.to_thread(broker.stop)
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def wake(self) -> None:
        """Look at once: settings are new."""
        self._awake.set()

    def standing(self) -> dict[str, Any] | None:
        """Return how the connection is; None if there is none to be."""
        broker = self._broker
        if self._wanted is None or broker is None:
            return None
        household, state = self._wanted[0], broker.state
        return {
            "address": f"{household.host}:{household.port}",
            "connected": state.connected,
            "since": state.since,
            "why": state.why,
            "conditions_left_out": self.left_out,
        }

    def publish(self, topic: str, payload: bytes) -> bool:
        """Publish once, and tell whether it could be sent."""
        broker = self._broker
        return broker is not None and broker.publish(topic, payload, retained=False)

    # --- the connection -----------------------------------------------------------------

    async def _follow_settings(self) -> None:
        found: list[Household] = self._kept.all()
        try:
            wanted = (found[0], self._kept.secret(NAME)) if found else None
        except VaultUnusable as error:
            log.error("the household's broker is left alone: %s", error)
            wanted = None
        if wanted != self._wanted:
            self._wanted = wanted
            if self._broker is not None:
                self._broker.publish(retelling.HQ_TOPIC, retelling.OFFLINE, retained=True)
                await asyncio.to_thread(self._broker.stop)
            self._broker = None
            if wanted is not None:
                self._connect(*wanted)
        if self._broker is not None and wanted is not None:
            self._listen(self._broker, wanted[0])
        await asyncio.to_thread(self._write_standing)

    def _write_standing(self) -> None:
        """Say in a file how the connection is, for `idlehands status`."""
        standing = self.standing()
        content = b"" if standing is None else msgspec.json.encode(standing)
        if content == self._written:
            return
        try:
            if content:
                write_private(self._file, content)
            else:
                self._file.unlink(missing_ok=True)
            self._written = content
        except OSError as error:
            log.error("%s cannot be written: %s", self._file, error)

    def _connect(self, household: Household, password: str) -> None:
        settings = PlainSettings(household.host, household.port, household.user, password, household.tls)
        will = (retelling.HQ_TOPIC, retelling.OFFLINE) if household.announces else None
        broker = PlainBroker(
            settings,
            will=will,
            on_message=self._arrived,
            on_connected=lambda: self._say_all(broker, household),
        )
        self._filters = {}
        # Before it starts: it may be connected at once, and what is said from then on goes there.
        self._broker = broker
        broker.start()

    def _listen(self, broker: PlainBroker, household: Household) -> None:
        jobs: dict[str, list[TopicJob]] = {}
        for one in self._topics.all():
            jobs.setdefault(one.topic, []).append(one)
        self._jobs = jobs
        filters = dict.fromkeys([*household.conditions, *jobs], 0)
        if household.switches:
            filters[retelling.COMMANDS] = 0
        if filters != self._filters:
            self._filters = filters
            broker.subscribe(filters)

    # --- from the house -------------------------------------------------------------------

    def handle(self, what: BusInput) -> None:
        """Take what arrives on the house's bus; called on its thread."""
        match what:
            case Plain(topic=topic, payload=payload) if retelling.is_told_as_it_is(topic):
                self._say(topic, payload, retained=True)
            case Plain(topic=topic, payload=payload):
                agent = retelling.announced_agent(topic)
                if agent is not None:
                    try:
                        self._say(topic, retelling.retell_announcement(agent, payload), retained=True)
                    except (ValueError, LookupError, TypeError, AttributeError) as error:
                        log.warning("an announcement cannot be retold: %s", error)
            case Inbound() if what.topic is HEARTBEAT:
                beat = retelling.retell_heartbeat(what.data)
                self._say(retelling.heartbeat_topic(what.names["agent"]), beat, retained=False)
            case Inbound() if what.topic is PRESENCE:
                online = retelling.ONLINE if what.data.online else retelling.OFFLINE
                self._say(retelling.presence_topic(what.names["agent"]), online, retained=True)
            case Inbound() if what.topic is HQ_STATE:
                online = retelling.ONLINE if what.data.online else retelling.OFFLINE
                self._say(retelling.HQ_TOPIC, online, retained=True)

    def _say(self, topic: str, payload: bytes, *, retained: bool) -> None:
        if retained:
            if self._said.get(topic) == payload:
                return
            self._said[topic] = payload
        broker, wanted = self._broker, self._wanted
        if broker is not None and wanted is not None and wanted[0].announces:
            broker.publish(topic, payload, retained=retained)

    def _say_all(self, broker: PlainBroker, household: Household) -> None:
        if not household.announces:
            return
        for topic, payload in list(self._said.items()):
            broker.publish(topic, payload, retained=True)

    # --- from the household: on the connection's thread -----------------------------------

    def _arrived(self, message: PlainMessage) -> None:
        wanted = self._wanted
        if wanted is None or self._loop is None:
            return
        household = wanted[0]
        command = retelling.read_command(message.topic, message.payload)
        if command is not None and household.switches and not message.retained:
            self._loop.call_soon_threadsafe(self._begin, self._ask(*command))
        if not message.retained:
            # A broker repeats what it retains with every connection: it was taken when it was sent.
            for one in self._jobs.get(message.topic, ()):
                self._loop.call_soon_threadsafe(self._begin, self._take(one, message.payload))
        if any(retelling.matches(one, message.topic) for one in household.conditions):
            self._forward(message)

    def _forward(self, message: PlainMessage) -> None:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._forwarded = second, 0
        self._forwarded += 1
        if self._forwarded > _PER_SECOND or len(message.payload) > _LONGEST_CONDITION:
            self.left_out += 1
            return
        # Retained: an agent that comes later hears of it too.
        self._bus.publish_plain(retelling.condition_topic(message.topic), message.payload, retained=True)

    def _begin(self, work: Any) -> None:
        if len(self._tasks) >= _AT_ONCE:
            work.close()
            log.warning("more comes from the household's broker than can be asked of HQ: left out")
            return
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(self, agent: str, command: GuestCommand, seconds: float | None) -> None:
        wanted = AskAgent(agent=agent, command=command, seconds=seconds, on_behalf_of="household")
        try:
            reply = await self._asking.ask(wanted)
            if reply.error is not None:
                log.warning("%s cannot be asked to %s: %s", agent, command, reply.error.message)
        except NoAnswer as error:
            log.warning("%s cannot be asked to %s: %s", agent, command, error)

    async def _take(self, topic: TopicJob, payload: bytes) -> None:
        try:
            message = msgspec.json.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            message = payload.decode("utf-8", "replace")
        try:
            await self._takings.take("topic", topic, message, None)
        except Problem as problem:
            log.warning("what came on %s submitted nothing: %s", topic.topic, problem.detail)
