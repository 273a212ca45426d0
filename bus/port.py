"""What the rest of the project knows of a bus: a Protocol with promises."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

import msgspec

from bus.topics import Topic


class Inbound(msgspec.Struct, frozen=True):
    """A message that arrived and was decoded.

    Attributes:
        topic: The template it matched.
        names: The names in its topic, such as `{"agent": "attic"}`: who sent it.
        id: The envelope's id.
        data: The decoded Struct.
        response_topic: MQTT 5 response topic, whole, when the sender set one.
        correlation: MQTT 5 correlation data.
        retained: Delivered because it was retained, not because it was just sent.
    """

    topic: Topic
    names: dict[str, str]
    id: str
    data: Any
    response_topic: str | None = None
    correlation: bytes | None = None
    retained: bool = False


class Refusal(msgspec.Struct, frozen=True):
    """A message that arrived and was refused. The same routing facts as `Inbound`, and why."""

    topic: Topic | None
    names: dict[str, str]
    reason: str
    detail: str
    #: The envelope's id where it could be read, for an answer.
    id: str = ""
    response_topic: str | None = None
    correlation: bytes | None = None


class Plain(msgspec.Struct, frozen=True):
    """What somebody published outside of the house's own topics: any bytes."""

    topic: str
    payload: bytes


class Connected(msgspec.Struct, frozen=True):
    """The bus is connected and its subscriptions are in place (again)."""


class Disconnected(msgspec.Struct, frozen=True):
    """The connection is gone; the bus tries to get it back by itself."""

    why: str


class LastWill(msgspec.Struct, frozen=True):
    """What the broker publishes when this client goes, on `stop` as well as without a goodbye."""

    topic: Topic
    names: dict[str, str]
    data: Any


#: Everything a handler is called with.
BusInput = Inbound | Plain | Refusal | Connected | Disconnected
Handler = Callable[[BusInput], None]


class Bus(Protocol):
    """Publish and subscribe.

    Delivery is at most once at QoS 0: whoever needs certainty repeats until
    answered. Handlers run on the bus's own thread, must be quick and must not
    raise; messages of one publisher on one topic keep their order.
    """

    def subscribe(self, topic: Topic, **names: str) -> None:
        """Receive what matches; `+` for every name not given. Survives reconnects."""

    def unsubscribe(self, topic: Topic, **names: str) -> None:
        """Undo a `subscribe` of the same filter. What is on its way may still arrive."""

    def subscribe_plain(self, topic: str) -> None:
        """Receive as `Plain` what is on one topic outside of the house's own, if the broker allows it."""

    def unsubscribe_plain(self, topic: str) -> None:
        """Undo a `subscribe_plain`."""

    def publish(self, topic: Topic, data: object, /, **names: str) -> None:
        """Send once, or drop it silently while disconnected.

        Raises:
            MessageTooBig: If the envelope is over the limit; nothing is sent.
        """

    def publish_plain(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Send any bytes on a whole topic outside of the house's own, once, or drop it while disconnected.

        Retained and empty, it takes back what was retained there.
        """

    def batch(self) -> AbstractContextManager[None]:
        """Send what this thread publishes inside at the end of the block, in one piece and in order.

        Many messages then cost one system call. Messages may leave before the end when they are many.
        """

    def hold(self) -> AbstractContextManager[Callable[[], None]]:
        """Make ready what this thread publishes inside, and send it when what is given is called.

        Nothing leaves before. Call it once, on the same thread, after the block.
        """

    def request(
        self, data: object, /, *, client: str, correlation: bytes, message_id: str | None = None
    ) -> None:
        """Publish on `REQUEST`, asking for the answer on `client`'s own `REPLY` with this correlation.

        Sending the same `message_id` again is the same request again.

        Raises:
            MessageTooBig: If the envelope is over the limit; nothing is sent.
        """

    def reply(self, to: Inbound | Refusal, data: object) -> None:
        """Answer a request: on its response topic if that is the sender's own, else on `REPLY`."""

    def start(self, handler: Handler) -> None:
        """Connect in the background and deliver to `handler`. Call once."""

    def stop(self) -> None:
        """Disconnect and end the background thread. Safe to repeat."""
