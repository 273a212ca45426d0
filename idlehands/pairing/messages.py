"""What HQ host and new machine say to each other, over TLS: a length in four bytes, then JSON.

    HQ       Hello        a challenge, and the CA certificate to compare with the token
    machine  Ask          what it is, with an HMAC over challenge and all of it
    HQ       Waiting      a person is being asked
    HQ       Grant        certificate and all else, with an HMAC; or Refusal at any point
    machine  Stored       it has written everything

The HMAC's key is the token's secret. The challenge makes a request worthless
on any other connection; different labels keep a request from being a reply.
"""

import hashlib
import hmac
import re
import struct
from typing import Any, Protocol, TypeVar

import msgspec

VERSION = 1
#: Where HQ's host listens unless the port is taken.
PORT = 8884
#: Fixed subject alternative name of the pairing server: the broker's certificate does not have it.
PAIRING_NAME = "idlehands-pairing"
SERVICE = "_idlehands._tcp.local."
MAX_FRAME = 64 * 1024
_LENGTH = struct.Struct("!I")
_REQUEST, _REPLY = b"idlehands join request v1\0", b"idlehands join reply v1\0"
_UNPRINTABLE = re.compile(r"[^ -~]")
T = TypeVar("T")


class Broken(Exception):
    """The other side speaks something else, or went away."""


class Stream(Protocol):
    """What is needed of a socket."""

    def recv(self, size: int, /) -> bytes: ...
    def sendall(self, data: bytes, /) -> None: ...


class Hello(msgspec.Struct, frozen=True, tag=True):
    """HQ's first word. `challenge` is hexadecimal, `ca` PEM."""

    challenge: str
    ca: str


class Ask(msgspec.Struct, frozen=True, tag=True):
    """What the machine sends: `payload` is a `Request` as JSON."""

    payload: str
    mac: str


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who wants to join. Keys are 64 hexadecimal digits, `csr` is PEM."""

    version: int
    name: str
    #: The certificate request; its key is the one whose words are compared.
    csr: str
    signing_key: str
    sealing_key: str
    #: What the machine says of itself, for the person who allows it.
    computer: str = ""


class Waiting(msgspec.Struct, frozen=True, tag=True):
    """The token was right; a person decides."""


class Refusal(msgspec.Struct, frozen=True, tag=True):
    """HQ says no: a stable word and a sentence."""

    code: str
    detail: str


class Grant(msgspec.Struct, frozen=True, tag=True):
    """HQ says yes: `payload` is an `Admission` as JSON."""

    payload: str
    mac: str


class Stored(msgspec.Struct, frozen=True, tag=True):
    """The machine has everything on its disk."""


class Admission(msgspec.Struct, frozen=True):
    """What a machine gets: all files of its folder but its keys."""

    name: str
    role: str
    certificate: str
    ca: str
    #: HOST:PORT as the machine reaches it.
    broker: str
    #: The bearer token for REST.
    token: str
    #: REST of this house is https, and nothing else is to be believed.
    https: bool = False
    #: Other files of the folder, by name, such as `trust.json`.
    files: dict[str, str] = {}


#: Not a class, but what the decoder takes for one.
_ANSWER: Any = Waiting | Grant | Refusal


def sign_request(secret: bytes, challenge: str, payload: str) -> str:
    """Return the HMAC of a request."""
    return _mac(secret, _REQUEST, challenge, payload)


def sign_reply(secret: bytes, challenge: str, payload: str) -> str:
    """Return the HMAC of an admission."""
    return _mac(secret, _REPLY, challenge, payload)


def is_signed(expected: str, given: str) -> bool:
    """Compare two HMACs in constant time."""
    return hmac.compare_digest(expected.encode(), given.encode())


def send(stream: Stream, message: msgspec.Struct) -> None:
    """Send one message.

    Raises:
        OSError: If the connection is gone.
    """
    body = msgspec.json.encode(message)
    stream.sendall(_LENGTH.pack(len(body)) + body)


def receive(stream: Stream, kind: type[T]) -> T:
    """Return the next message, which must be of this type (or one of this union).

    Raises:
        Broken: If it is not.
        OSError: If the connection is gone or the time is over.
    """
    (size,) = _LENGTH.unpack(_read(stream, _LENGTH.size))
    if size > MAX_FRAME:
        raise Broken(f"a message of {size} bytes")
    try:
        return msgspec.json.decode(_read(stream, size), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Broken(f"a message that makes no sense: {error}") from None


def receive_answer(stream: Stream) -> Waiting | Grant | Refusal:
    """Return what HQ answers. Raises as `receive`."""
    answer: Waiting | Grant | Refusal = receive(stream, _ANSWER)
    return answer


def printable(text: str, most: int = 80) -> str:
    """Return text from elsewhere as it may be shown on a terminal."""
    return _UNPRINTABLE.sub("?", text[:most])


def _read(stream: Stream, size: int) -> bytes:
    read = b""
    while len(read) < size:
        piece = stream.recv(size - len(read))
        if not piece:
            raise Broken("the connection ended")
        read += piece
    return read


def _mac(secret: bytes, label: bytes, challenge: str, payload: str) -> str:
    said = challenge.encode()
    return hmac.new(
        secret, label + len(said).to_bytes(4) + said + payload.encode(), hashlib.sha256
    ).hexdigest()
