"""Pairing from the page: three small files in the house's folder `pairing/`.

    request.json   the page asks for a pairing
    status.json    the pairing says how it stands
    answer.json    somebody on the page allows the machine, or not

The web process writes the first and the last and may not read the CA's key.
Whoever owns it could so let machines in as agents, which see what agents see;
operators and viewers are only paired on the HQ host itself.
"""

import time
from pathlib import Path
from typing import TypeVar

import msgspec

from idlehands.house.files import make_private_folder, write_private

#: A request that nobody took for so long is forgotten.
FRESH_SECONDS = 30.0
T = TypeVar("T")


class PageRequest(msgspec.Struct, frozen=True):
    """What the page asks for. `at` is Unix seconds."""

    id: str
    by: str
    at: float


class PageAnswer(msgspec.Struct, frozen=True):
    """What somebody on the page says to the question of the pairing `id` that was published at `at`."""

    id: str
    at: float
    allow: bool


class PageStatus(msgspec.Struct, frozen=True):
    """How a pairing stands: waiting, asking (with a question), joined or over."""

    id: str
    state: str
    #: The line for the new machine.
    line: str = ""
    question: str = ""
    said: tuple[str, ...] = ()
    at: float = 0.0


class PairingFiles:
    """The three files of a house."""

    def __init__(self, house: Path) -> None:
        self._folder = house / "pairing"

    def ask_for(self, request: PageRequest) -> None:
        """Ask for a pairing."""
        self._write("request.json", request)

    def take_request(self) -> PageRequest | None:
        """Return a fresh request, once."""
        file = self._folder / "request.json"
        if not file.exists():
            return None
        found = self._read("request.json", PageRequest)
        file.unlink(missing_ok=True)
        return found if found is not None and abs(time.time() - found.at) < FRESH_SECONDS else None

    def answer(self, answer: PageAnswer) -> None:
        """Say yes or no."""
        self._write("answer.json", answer)

    def read_answer(self, status: PageStatus) -> bool | None:
        """Return what was said to this question and no other; None as long as nobody did."""
        found = self._read("answer.json", PageAnswer)
        return found.allow if found is not None and (found.id, found.at) == (status.id, status.at) else None

    def say(self, status: PageStatus) -> PageStatus:
        """Publish how it stands; return it with its time."""
        published = msgspec.structs.replace(status, at=time.time())
        self._write("status.json", published)
        return published

    def read_status(self) -> PageStatus | None:
        """Return how the last one stands, None before the first."""
        return self._read("status.json", PageStatus)

    def _write(self, name: str, content: msgspec.Struct) -> None:
        write_private(make_private_folder(self._folder) / name, msgspec.json.encode(content))

    def _read(self, name: str, kind: type[T]) -> T | None:
        try:
            return msgspec.json.decode((self._folder / name).read_bytes(), type=kind)
        except (OSError, msgspec.DecodeError):
            return None
