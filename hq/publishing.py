"""Publishing what may be too big for one message: notices are trimmed, answers say so."""

from typing import Any

from msgspec.structs import replace

from bus.codec import MessageTooBig
from bus.parts import publish_in_parts
from bus.port import Bus, Inbound, Refusal
from bus.topics import Topic
from schemas.messages import JobNotice, Reply, RequestError


def publish(bus: Bus, topic: Topic, names: dict[str, str], data: Any) -> None:
    """Publish; what does not fit one message goes in parts or without its bulk."""
    if not isinstance(data, JobNotice):
        publish_in_parts(bus, topic, data, **names)
        return
    try:
        bus.publish(topic, data, **names)
    except MessageTooBig:
        publish_in_parts(bus, topic, _trim(data), **names)


def _trim(notice: JobNotice) -> JobNotice:
    """Leave a result's bulk out: the log has it, REST serves it."""
    result = getattr(notice.event, "result", None)
    if result is None:
        return notice
    note = "left out of this notice for its size: read it by REST"
    trimmed = replace(result, result=None, stdout=None, series=(), notes=(note,))
    return replace(notice, event=replace(notice.event, result=trimmed))


def answer(bus: Bus, to: Inbound | Refusal, reply: Reply) -> None:
    """Answer a request; one whose answer does not fit learns that it was carried out all the same."""
    try:
        bus.reply(to, reply)
    except MessageTooBig:
        done = (
            f"the request was carried out (position {reply.position}), but its answer does not fit a message"
        )
        error = RequestError("answer_too_big", f"{done}: read it by REST")
        bus.reply(to, Reply(reply.request, reply.ok, reply.position, error=error))
