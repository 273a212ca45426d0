"""What HQ answers to requests of clients."""

from msgspec import field

from schemas.messages.base import Message
from schemas.names import Count, JobId, JsonObject, ShortText, Text
from schemas.specs import Needs


class RequestError(Message, frozen=True):
    #: A stable word for programs; `message` says what happened and what to do.
    code: ShortText
    message: Text


class Reply(Message, frozen=True):
    """The answer to one request. `position` is the log position that it reflects."""

    request: ShortText
    ok: bool
    position: Count = 0
    result: JsonObject = field(default_factory=dict)
    error: RequestError | None = None


class WhyWaiting(Message, frozen=True):
    """An answer to "why is it not running?"."""

    job: JobId
    why: Text
    needs: Needs = Needs()
