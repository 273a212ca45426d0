"""What the submitter did and heard, and what was seen in spools: one JSON object a line, appended.

The oracle reads nothing else of the submitter, so what is not written here has not happened.
"""

import threading
from pathlib import Path

import msgspec


class Asked(msgspec.Struct, frozen=True, tag_field="what"):
    """A submission is about to be sent for the first time."""

    key: str
    tags: tuple[str, ...]
    at: float


class Answered(msgspec.Struct, frozen=True, tag_field="what"):
    """HQ accepted it; every repeat with the same content adds another line."""

    key: str
    jobs: tuple[str, ...]
    at: float


class Reused(msgspec.Struct, frozen=True, tag_field="what"):
    """The key of an accepted submission was sent with other content: HQ's answer, "" when it accepted."""

    key: str
    code: str


class Cancelled(msgspec.Struct, frozen=True, tag_field="what"):
    """A cancel was sent; `code` is "" when HQ accepted it, else why not."""

    job: str
    code: str


class Noticed(msgspec.Struct, frozen=True, tag_field="what"):
    """A notice of a job arrived."""

    job: str
    revision: int
    status: str


class Read(msgspec.Struct, frozen=True, tag_field="what"):
    """REST said this of a job."""

    job: str
    revision: int
    status: str


class Spooled(msgspec.Struct, frozen=True, tag_field="what"):
    """A result was seen in an agent's spool."""

    agent: str
    job: str
    token: int


Line = Asked | Answered | Reused | Cancelled | Noticed | Read | Spooled


class Plan(msgspec.Struct, frozen=True):
    """What a tag promises: how its script ends and what its spec allows."""

    code: int
    exclusive: bool
    retry_on_failure: int
    max_starts: int


class History:
    """The file, open for appending from several threads."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._lock = threading.Lock()

    def note(self, line: Line) -> None:
        """Append one line."""
        with self._lock:
            self._file.write(msgspec.json.encode(line) + b"\n")

    def close(self) -> None:
        """Close the file. Safe to repeat."""
        self._file.close()


def read_history(path: Path) -> list[Line]:
    """Return all lines in order."""
    return [msgspec.json.decode(line, type=Line) for line in path.read_bytes().splitlines()]


def tag_of(plan: Plan, number: str) -> str:
    """Return a tag that carries its plan, so that the oracle needs no other source for it."""
    kind = "x" if plan.exclusive else "o"
    return f"{number}:{kind}:{plan.code}:{plan.retry_on_failure}:{plan.max_starts}"


def plan_of(tag: str) -> Plan:
    """Return the plan in a tag."""
    _, kind, code, retries, starts = tag.split(":")
    return Plan(int(code), kind == "x", int(retries), int(starts))
