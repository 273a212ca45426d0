"""The machines whose results may be anything, code included: `results.json` beside one's certificate."""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from idlehands.client.errors import ClientError

FILE_NAME = "results.json"
#: Stands for every machine of the house.
EVERY = "*"


class TrustedAgentsUnusable(ClientError):
    """The list cannot be read or written; the message says why."""


class _List(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    agents: tuple[str, ...] = ()


class Trusted:
    """Who is trusted. The file is read again each time that it matters, which is seldom."""

    def __init__(self, folder: Path, always: Iterable[str] = ()) -> None:
        self._folder, self._always = folder, frozenset(always)

    def trusts(self, agent: str) -> bool:
        """Tell whether what this machine sends may be anything.

        Raises:
            TrustedAgentsUnusable: If the list cannot be read.
        """
        if not self._always.isdisjoint((agent, EVERY)):
            return True
        return not {agent, EVERY}.isdisjoint(read_trusted(self._folder))


def write_trusted(folder: Path, agents: Iterable[str]) -> None:
    """Keep the list of machines that are trusted with anything.

    Raises:
        TrustedAgentsUnusable: If it cannot be written.
    """
    from idlehands.house.files import write_private

    file = folder / FILE_NAME
    try:
        write_private(file, msgspec.json.encode(_List(tuple(sorted(set(agents))))))
    except OSError as error:
        raise TrustedAgentsUnusable(f"{file} cannot be written: {error.strerror}.") from error


def read_trusted(folder: Path) -> tuple[str, ...]:
    """Return the machines that are trusted with anything; none without a list.

    Raises:
        TrustedAgentsUnusable: If it cannot be read.
    """
    file = folder / FILE_NAME
    try:
        return msgspec.json.decode(file.read_bytes(), type=_List).agents
    except FileNotFoundError:
        return ()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TrustedAgentsUnusable(f"{file} cannot be read: {error}. Correct or remove it.") from error
