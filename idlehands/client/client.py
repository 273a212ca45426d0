"""The house for Python programs: submit and change over the bus, read over REST.

Synchronous and thread-safe. It knows no processes and no files but its
certificate directory.
"""

import threading
from collections.abc import Iterator
from types import TracebackType

from bus.paho_bus import PahoBus
from bus.port import Bus, BusInput, Connected, Disconnected, Inbound
from bus.settings import BusSettings, BusSettingsError
from bus.topics import HQ_STATE, REPLY, Topic
from idlehands.client.asking import Asking
from idlehands.client.errors import ClientError, HqUnreachable
from idlehands.client.feed import Feed, Feeds
from idlehands.client.following import Update, follow_job
from idlehands.client.reading import Reading
from idlehands.client.requesting import Requesting
from idlehands.client.rest import Rest
from schemas.messages import HqState

CONNECT_SECONDS = 5.0


def connect(
    settings: BusSettings,
    *,
    rest_url: str | None = None,
    timeout_seconds: float = CONNECT_SECONDS,
    https_only: bool = False,
) -> "Client":
    """Return a connected client. Close it, or use it in a `with` statement.

    Args:
        settings: Broker and certificate directory; its file `token` is for REST.
        rest_url: Where REST is, with or without `/api/v1`, when HQ should not be asked for it.
        timeout_seconds: How long broker and HQ may take to appear.
        https_only: Take REST over https only, whatever HQ says.

    Raises:
        HqUnreachable: If they do not appear.
        ClientError: If the certificate cannot be used.
    """
    try:
        client = Client(PahoBus(settings), settings.name, settings, rest_url, https_only=https_only)
        client.start()
    except BusSettingsError as error:
        raise ClientError(str(error)) from None
    try:
        client.wait_connected(timeout_seconds)
    except BaseException:
        client.close()
        raise
    return client


class Client(Reading, Requesting):
    """One connection to the house. Made by `connect`."""

    def __init__(
        self,
        bus: Bus,
        name: str,
        settings: BusSettings,
        rest_url: str | None = None,
        *,
        https_only: bool = False,
    ) -> None:
        self.name = name
        self._bus = bus
        self._settings = settings
        self._rest_url = rest_url
        self._https_only = https_only
        self._rest: Rest | None = None
        self._feeds = Feeds(bus)
        self._asking = Asking(bus, name, self._explain_silence)
        self._changed = threading.Condition()
        self._connected = False
        self._why = ""
        self._hq: HqState | None = None

    # --- life ---------------------------------------------------------------

    def start(self) -> None:
        """Begin to connect, in the background."""
        self._bus.subscribe(REPLY, client=self.name)
        self._bus.subscribe(HQ_STATE)
        self._bus.start(self._handle)

    def wait_connected(self, timeout_seconds: float) -> None:
        """Return when the broker is there.

        Raises:
            HqUnreachable: If it is not in time; the text says why.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._connected, timeout_seconds):
                raise HqUnreachable(self._explain_silence())

    def close(self) -> None:
        """Disconnect. Who waits for an answer of HQ gets HqUnreachable. Safe to repeat."""
        self._asking.close()
        self._bus.stop()
        if self._rest is not None:
            self._rest.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    # --- watching -------------------------------------------------------------

    def watch(self, *wanted: tuple[Topic, dict[str, str]]) -> Feed:
        """Return a feed of what arrives on these topics, to be used in a `with` statement."""
        return self._feeds.open(*wanted)

    def follow(self, job: str) -> Iterator[Update]:
        """Yield a job's status, progress and log as they happen, until its status is final.

        Raises:
            RequestRefused: If there is no such job.
            HqUnreachable: If HQ or web do not answer.
        """
        return follow_job(self, job)

    # --- REST -----------------------------------------------------------------

    @property
    def rest(self) -> Rest:
        """REST, at the address that HQ names.

        Raises:
            HqUnreachable: If HQ is not there to name it.
        """
        if self._rest is None:
            url = self._rest_url or self._ask_rest_url()
            self._rest = Rest(url, self._settings.certificate / "token", https_only=self._https_only)
        return self._rest

    @property
    def changed_at(self) -> int:
        """The log position of the newest change that was made through this client; 0 before the first."""
        return self._asking.changed_at

    def announced_rest(self, timeout_seconds: float) -> str:
        """Return where HQ says that REST is; "" when it says nothing in time, or that it is nowhere."""
        with self._changed:
            self._changed.wait_for(lambda: self._hq is not None, timeout_seconds)
            return self._hq.rest if self._hq is not None else ""

    # --- the bus's thread -------------------------------------------------------

    def _handle(self, what: BusInput) -> None:
        match what:
            case Connected():
                self._set_connected(True, "")
                self._asking.resend()
            case Disconnected(why=why):
                self._set_connected(False, why)
            case Inbound() if what.topic is REPLY:
                self._asking.settle(what)
                return
            case Inbound() if what.topic is HQ_STATE:
                with self._changed:
                    self._hq = what.data
                    self._changed.notify_all()
        self._feeds.put(what)

    def _set_connected(self, connected: bool, why: str) -> None:
        with self._changed:
            self._connected, self._why = connected, why
            self._changed.notify_all()

    def _explain_silence(self) -> str:
        with self._changed:
            if not self._connected:
                why = self._why or f"the broker at {self._settings.address} does not answer"
                return f"{why[0].upper()}{why[1:]}"
            if self._hq is None or not self._hq.online:
                return "The broker is there, but HQ is not: `idlehands status` says what runs."
            return (
                "HQ is online but silent: its database may be away, or the broker does not let "
                f"{self.name!r} send requests. `idlehands status` and HQ's log say more."
            )

    def _ask_rest_url(self) -> str:
        with self._changed:
            self._changed.wait_for(lambda: self._hq is not None and self._hq.rest, CONNECT_SECONDS)
            if self._hq is None or not self._hq.rest:
                raise HqUnreachable(
                    "HQ has not said where REST is: it is not running. `idlehands status` says what runs."
                )
            return self._hq.rest
