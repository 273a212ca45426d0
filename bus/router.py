"""From a topic name and bytes to a `BusInput`: shared by every bus."""

import json
import re

from bus.codec import MalformedMessage, decode
from bus.port import Inbound, Refusal
from bus.signing import Checker, SignatureRefused
from bus.topics import ALL_TOPICS
from schemas.names import NAME_PATTERN

_NAME = re.compile(NAME_PATTERN)
#: Length, first and last part tell all topics apart; trying one after another cost 5 us a message.
_BY_SHAPE = {
    (len(parts), parts[0], parts[-1]): topic for topic in ALL_TOPICS if (parts := topic.template.split("/"))
}


def route(
    name: str,
    payload: bytes,
    *,
    response_topic: str | None = None,
    correlation: bytes | None = None,
    retained: bool = False,
    check: Checker | None = None,
) -> Inbound | Refusal:
    """Return the decoded message, or why it was refused. Never raises.

    Args:
        name: Topic name below the root.
        payload: The envelope.
        response_topic: As MQTT 5 has it.
        correlation: As MQTT 5 has it.
        retained: Whether the broker repeats it.
        check: Who proves the senders of messages on signed topics.
    """
    parts = name.split("/")
    topic = _BY_SHAPE.get((len(parts), parts[0], parts[-1]))
    names = None if topic is None else topic.match(name)
    if topic is None or names is None:
        return Refusal(None, {}, "unknown_topic", name[:200])
    if any(not _NAME.match(given) for given in names.values()):
        return Refusal(topic, {}, "bad_name", f"a name in the topic is not allowed: {name[:100]!r}")
    try:
        received = decode(topic, payload, names=names, check=check)
    except (MalformedMessage, SignatureRefused) as error:
        return Refusal(
            topic, names, error.reason, error.detail, _read_id(payload), response_topic, correlation
        )
    return Inbound(topic, names, received.id, received.data, response_topic, correlation, retained)


def _read_id(payload: bytes) -> str:
    """Return the envelope's id if it can be read in spite of all, for the answer."""
    try:
        envelope = json.loads(payload[: 1 << 18])
        found = envelope.get("id", "") if isinstance(envelope, dict) else ""
        return found[:128] if isinstance(found, str) else ""
    except (ValueError, RecursionError):
        return ""
