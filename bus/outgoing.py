"""What every bus does before bytes leave: envelope ids, signatures, and where a reply may go."""

import os
import time
from typing import Any

from bus.codec import encode
from bus.port import Inbound, Refusal
from bus.signing import Signer
from bus.topics import REPLY, Topic


class Writer:
    """Makes envelopes. Ids are 64 random bits per writer and a counter: unique and cheap."""

    def __init__(self, source: str, signer: Signer | None = None) -> None:
        self._source = source
        self._signer = signer
        self._prefix = os.urandom(8).hex()
        self._count = 0
        self._second = 0
        self._time = ""

    def encode(self, topic: Topic, data: Any, message_id: str | None = None) -> bytes:
        """Return the envelope around `data`.

        Raises:
            MessageTooBig: If it is over the limit.
        """
        if message_id is None:
            self._count += 1
            message_id = f"{self._prefix}-{self._count:x}"
        second = int(time.time())
        if second != self._second:
            # Formatting a time costs as much as encoding a message; readers need no more than seconds.
            self._time = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))
            self._second = second
        return encode(
            topic,
            data,
            message_id=message_id,
            source=self._source,
            time=self._time,
            signer=self._signer,
        )


def reply_name(to: Inbound | Refusal, root: str) -> str | None:
    """Return the whole topic name that an answer to `to` goes to; None when nobody may be answered.

    A response topic is honoured only below the sender's own `client/{client}/down/`:
    otherwise anyone could make HQ, who may write everywhere, publish anywhere.
    """
    client = to.names.get("client")
    if client is None:
        return None
    asked = to.response_topic
    if (
        asked is not None
        and asked.startswith(f"{root}/client/{client}/down/")
        and not set("+#\0") & set(asked)
    ):
        return asked
    return f"{root}/{REPLY.of(client=client)}"
