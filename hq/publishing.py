"""Publishing what may be too big for one message: lists are halved, notices trimmed."""

import logging
from typing import Any

from msgspec.structs import replace

from bus.codec import MessageTooBig
from bus.port import Bus, Inbound, Refusal
from bus.topics import Topic
from schemas.messages import Ack, Grants, JobNotice, Offers, Reply, RequestError

log = logging.getLogger(__name__)

#: What each batch message may be split by.
_LISTS: dict[type[Any], tuple[str, ...]] = {
    Offers: ("offers",),
    Grants: ("grants", "denials"),
    Ack: ("orders", "results"),
}


def publish(bus: Bus, topic: Topic, names: dict[str, str], data: Any) -> None:
    """Publish, in parts where one message does not hold it all."""
    try:
        bus.publish(topic, data, **names)
    except MessageTooBig as error:
        parts = _halves(data)
        if not parts:
            log.error("cannot publish on %s: %s", topic.of(**names), error)
        for part in parts:
            publish(bus, topic, names, part)


def _halves(data: Any) -> list[Any]:
    if isinstance(data, JobNotice):
        return _trimmed(data)
    for name in _LISTS.get(type(data), ()):
        items = getattr(data, name)
        if len(items) > 1:
            middle = len(items) // 2
            rest = {other: () for other in _LISTS[type(data)] if other != name}
            return [replace(data, **{name: items[:middle]}), replace(data, **{name: items[middle:], **rest})]
    return []


def _trimmed(notice: JobNotice) -> list[JobNotice]:
    """Leave a result's bulk out: the log has it, REST serves it."""
    result = getattr(notice.event, "result", None)
    if result is None or (result.result is None and not result.series):
        return []
    note = "left out of this notice for its size: read it by REST"
    trimmed = replace(result, result=None, series=(), notes=(note,))
    return [replace(notice, event=replace(notice.event, result=trimmed))]


def answer(bus: Bus, to: Inbound | Refusal, reply: Reply) -> None:
    """Answer a request; one whose answer does not fit learns that it was carried out all the same."""
    try:
        bus.reply(to, reply)
    except MessageTooBig:
        where = (
            f"the request was carried out (position {reply.position}), but its answer does not fit a message"
        )
        error = RequestError("answer_too_big", f"{where}: read it by REST")
        bus.reply(to, Reply(reply.request, reply.ok, reply.position, error=error))
