"""One message with descriptors at a time over a Unix socket of whole messages."""

import marshal
from _socket import SCM_RIGHTS, SOL_SOCKET, socket
from typing import Any

_MESSAGE_BYTES = 128 * 1024
_DESCRIPTORS = 8


def send(plug: socket, message: Any, descriptors: "tuple[int, ...]" = ()) -> None:
    """Send a message of plain values. Raises OSError when nobody is there to take it."""
    packed = b"".join(descriptor.to_bytes(4, "little") for descriptor in descriptors)
    extra = [(SOL_SOCKET, SCM_RIGHTS, packed)] if descriptors else []
    # The second version of the format is the same for all of Python 3.
    plug.sendmsg([marshal.dumps(message, 2)], extra)


def receive(plug: socket) -> "tuple[Any, list[int]]":
    """Return the next message and the descriptors that came with it; (None, []) when the other is gone.

    Raises:
        OSError: If the socket is broken, or its timeout is over.
    """
    content, extra, _, _ = plug.recvmsg(_MESSAGE_BYTES, 16 + 8 * _DESCRIPTORS, 0x40000000)
    descriptors: list[int] = []
    for level, kind, packed in extra:
        if level == SOL_SOCKET and kind == SCM_RIGHTS:
            descriptors += [
                int.from_bytes(packed[at : at + 4], "little") for at in range(0, len(packed) - 3, 4)
            ]
    return (marshal.loads(content) if content else None), descriptors  # noqa: S302 - from the agent alone
