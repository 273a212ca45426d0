"""Publishing lists that may not fit one message: they are sent in halves, and halves of these."""

import logging
from typing import Any

from msgspec.structs import replace

from bus.codec import MessageTooBig
from bus.port import Bus
from bus.topics import Topic
from schemas.messages import (
    Ack,
    Claims,
    Declines,
    Grants,
    Heartbeat,
    LogBatch,
    Offers,
    ProgressBatch,
    Results,
    ServiceAnswers,
    ServiceCalls,
)

log = logging.getLogger(__name__)

#: What each message may be split by. A heartbeat may not: its answer speaks for all it lists.
_LISTS: dict[type[Any], tuple[str, ...]] = {
    Ack: ("orders", "results"),
    Claims: ("claims",),
    Declines: ("declines",),
    Grants: ("grants", "denials"),
    LogBatch: ("items",),
    Offers: ("offers",),
    ProgressBatch: ("items",),
    Results: ("results",),
    ServiceAnswers: ("answers",),
    ServiceCalls: ("calls",),
}


def publish_in_parts(bus: Bus, topic: Topic, data: Any, /, **names: str) -> None:
    """Publish, in parts where one message does not hold it all; never raises for size.

    What cannot be split further is dropped and logged: whoever makes messages
    keeps single items below the limit.
    """
    try:
        bus.publish(topic, data, **names)
    except MessageTooBig as error:
        parts = _halves(data)
        if not parts:
            log.error("cannot publish on %s: %s", topic.of(**names), error)
        for part in parts:
            publish_in_parts(bus, topic, part, **names)


def _halves(data: Any) -> list[Any]:
    if isinstance(data, Heartbeat):
        return []
    lists = _LISTS.get(type(data), ())
    for name in lists:
        items = getattr(data, name)
        if len(items) > 1:
            middle = len(items) // 2
            rest = {other: () for other in lists if other != name}
            return [replace(data, **{name: items[:middle]}), replace(data, **{name: items[middle:], **rest})]
    return []
