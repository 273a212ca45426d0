"""What runs in a house: written by the supervisor, read by everybody else on the machine.

The file `run/status.json` is only as true as its supervisor is alive, so a
reader looks for that process too.
"""

import contextlib
import os
import time

import msgspec

from idlehands.house.files import LockTaken, locked, write_private
from idlehands.house.home import Home


class ComponentStatus(msgspec.Struct, frozen=True):
    """One process of the house."""

    name: str
    #: starting, ready, or waiting (to be started again).
    state: str
    pid: int | None
    #: Unix seconds of its last start.
    since: float
    restarts: int


class HouseholdStatus(msgspec.Struct, frozen=True):
    """How the connection to the household's own broker is; the web process says so."""

    address: str
    connected: bool
    #: Unix seconds.
    since: float
    why: str = ""


class HouseStatus(msgspec.Struct, frozen=True):
    """What `idlehands status --json` prints. The URLs are those that the processes themselves use."""

    up: bool
    #: Every component has become ready.
    ready: bool
    home: str
    page: str
    rest: str
    broker: str
    #: With credentials, as pymongo takes it; empty before the first start.
    mongodb: str
    pid: int | None = None
    components: tuple[ComponentStatus, ...] = ()
    #: The household's own broker, where the house has been told of one.
    household: HouseholdStatus | None = None


def write_status(home: Home, status: HouseStatus) -> None:
    """Publish `status`, whole or not at all."""
    write_private(home.run / "status.json", msgspec.json.encode(status))


def read_status(home: Home) -> HouseStatus:
    """Return what runs in `home` now; `up` is false and the components are empty when nothing does."""
    written = _read(home)
    if written is not None and written.pid is not None and _holds_house(home, written.pid):
        return msgspec.structs.replace(written, household=_read_household(home))
    down = written or HouseStatus(
        False, False, str(home.path), home.page_url, home.rest_url, home.broker_url, mongodb=""
    )
    return msgspec.structs.replace(down, up=False, ready=False, pid=None, components=())


def describe(status: HouseStatus, now: float | None = None) -> str:
    """Return `status` as lines for a terminal."""
    if not status.up:
        return f"The house in {status.home} is down. Start it with `idlehands up`."
    now = time.time() if now is None else now
    rows = [
        (part.name, part.state, str(part.pid or "-"), _duration(now - part.since), str(part.restarts))
        for part in status.components
    ]
    table = [("COMPONENT", "STATE", "PID", "SINCE", "RESTARTS"), *rows]
    widths = [max(len(row[column]) for row in table) for column in range(5)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
    addresses = [f"page    {status.page}", f"rest    {status.rest}", f"broker  {status.broker}"]
    if status.household is not None:
        found = status.household
        how = "connected" if found.connected else f"not connected: {found.why}"
        addresses.append(f"household's broker  {found.address}, {how} ({_duration(now - found.since)})")
    # The URI of the database holds a password: only --json shows it.
    return "\n".join([*lines, "", *addresses])


def _read(home: Home) -> HouseStatus | None:
    with contextlib.suppress(OSError, msgspec.DecodeError):
        return msgspec.json.decode((home.run / "status.json").read_bytes(), type=HouseStatus)
    return None


def _read_household(home: Home) -> HouseholdStatus | None:
    with contextlib.suppress(OSError, msgspec.DecodeError):
        content = (home.service("web") / "household.json").read_bytes()
        return msgspec.json.decode(content, type=HouseholdStatus)
    return None


def _holds_house(home: Home, pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    # The number may be somebody else's by now; the lock is not.
    try:
        with locked(home.run / "lock", wait=False):
            return False
    except LockTaken:
        return True


def _duration(seconds: float) -> str:
    minutes, whole = divmod(int(max(seconds, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{whole:02}s" if minutes else f"{whole}s"
