"""Everything of the house that speaks with the world outside, put together for the web process."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from pymongo.errors import PyMongoError

from bus.port import Bus, BusInput
from hq.outside.household import STANDING, Household, HouseholdBroker
from hq.outside.keeping import Kept
from hq.outside.mapping import Hook, TopicJob
from hq.outside.notifier import Notifier
from hq.outside.sending import NotTaken, Sender
from hq.outside.taking import Takings
from hq.outside.targets import Notification
from hq.rest.asking import Asking
from hq.rest.database import Database
from hq.rest.live import Live
from trust.vault import Vault

_LOAD_AGAIN_SECONDS = 2.0
log = logging.getLogger(__name__)


class Outside:
    """Starts and stops with the server.

    Args:
        folder: Private to the web process: secrets, and what is remembered over a restart.
        bus: The house's.
        asking: The way to HQ.
        live: What is heard on it.
        read_database: Returns the database, on the event loop.
        allows_private: Whether anything may be posted to this machine and into private networks.
    """

    def __init__(
        self,
        folder: Path,
        bus: Bus,
        asking: Asking,
        live: Live,
        read_database: Callable[[], Database],
        *,
        allows_private: bool,
    ) -> None:
        self._bus, self._live, self._read_database = bus, live, read_database
        vault = Vault(folder / "secrets")
        self.notifications = Kept("notification", Notification, vault)
        self.notifier = Notifier(
            folder / "outbox.json",
            self.notifications,
            Sender(self, allows_private=allows_private),
            read_database,
            self._read_wrong,
        )
        self.hooks = Kept("hook", Hook, vault)
        self.topics = Kept("topic", TopicJob, None)
        self.takings = Takings(asking)
        self.households = Kept("household", Household, vault)
        self.household = HouseholdBroker(
            bus, asking, self.households, self.topics, self.takings, folder / STANDING
        )

    async def run(self) -> None:
        """Do it until cancelled."""
        self.notifier.subscribe(self._bus)
        self.household.subscribe()
        await self._load()
        try:
            async with asyncio.TaskGroup() as running:
                running.create_task(_go_on(self.notifier.run))
                running.create_task(_go_on(self.household.run))
        finally:
            await self.notifier.stop()

    def handle(self, what: BusInput) -> None:
        """Take what arrives on the bus; called on the bus's thread."""
        self.notifier.handle(what)
        self.household.handle(what)

    def publish(self, broker: str, topic: str, payload: bytes) -> None:
        """Publish on one of the brokers.

        Raises:
            NotTaken: If that is not connected.
        """
        if broker == "household":
            if not self.household.publish(topic, payload):
                raise NotTaken("the household's broker is not reached")
            return
        if not self._live.connected:
            raise NotTaken("the house's broker is not reached")
        self._bus.publish_plain(topic, payload, retained=False)

    async def _load(self) -> None:
        while True:
            try:
                for kept in (self.notifications, self.hooks, self.topics, self.households):
                    await kept.load(self._read_database())
                    for name, why in kept.unusable.items():
                        log.error("the %s %s cannot be understood: %s", kept.kind, name, why)
                return
            except PyMongoError as error:
                log.warning("settings cannot be read yet: %s", type(error).__name__)
                await asyncio.sleep(_LOAD_AGAIN_SECONDS)

    def _read_wrong(self) -> dict[str, str]:
        if not self._live.connected:
            return {"the broker": "The broker is not reached: no job begins, and no result comes in."}
        state = self._live.hq_state()
        if state is None or not state["online"]:
            return {"HQ": "HQ does not run: no job begins. `idlehands status` on its host says more."}
        return {}


async def _go_on(run: Callable[[], Awaitable[None]]) -> None:
    """Run one part until cancelled; what nobody has thought of ends neither it nor the server."""
    while True:
        try:
            await run()
        except Exception:
            log.exception("a part of what reaches outside failed and begins anew")
        await asyncio.sleep(_LOAD_AGAIN_SECONDS)
