"""The house's own certificates never run out while it runs.

They last 90 days and are renewed at a start and, by a thread of `up`, once fewer
than 30 remain. Everybody on the bus reads their files again with every new
connection; the broker reads its own on SIGHUP. So nothing is restarted but, where others can
reach the house, the page, once in 265 days.
"""

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from idlehands.house import broker, pki
from idlehands.house.expulsion import end_processes
from idlehands.house.furnish import SERVICES
from idlehands.house.home import COMMAND_LINE, Home, HouseError
from idlehands.house.registry import NameRevoked, Role
from idlehands.house.remote_certificates import renew_due
from idlehands.house.serving import ensure_web_certificate

#: Thirty days are left for it, so a machine that sleeps most of the time gets there too.
_PAUSE_SECONDS = 3600.0


def renew_all(home: Home, agents: list[str]) -> list[str]:
    """Renew what is about to expire and let the broker know; return whose certificates were new.

    Safe to repeat. Who was revoked gets nothing.

    Raises:
        HouseError: If something cannot be read or written.
    """
    everybody: list[tuple[str, Role, Path]] = [
        ("broker", Role.BROKER, home.broker),
        *((name, Role.SERVICE, home.service(name)) for name in SERVICES),
        (COMMAND_LINE, Role.OPERATOR, home.client(COMMAND_LINE)),
        *((name, Role.AGENT, home.agent(name)) for name in agents),
    ]
    renewed = []
    for name, role, folder in everybody:
        with contextlib.suppress(NameRevoked):
            if pki.ensure(home, name, role, folder):
                renewed.append(name)
    if renewed:
        broker.admit(home)
    if home.is_https and _renew_page(home):
        renewed.append("the page")
    return [*renewed, *renew_due(home)]


def _renew_page(home: Home) -> bool:
    before = home.web_certificate.read_bytes() if home.web_certificate.exists() else b""
    ensure_web_certificate(home)
    if home.web_certificate.read_bytes() == before:
        return False
    # The one server that reads its certificate only when it starts.
    end_processes(home, lambda part: part == "web")
    return True


class Renewal:
    """A thread that renews, for as long as the context is open."""

    def __init__(
        self, home: Home, agents: list[str], say: Callable[[str], None], pause_seconds: float = _PAUSE_SECONDS
    ) -> None:
        self._home, self._agents, self._say, self._pause = home, agents, say, pause_seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="renewal", daemon=True)

    def __enter__(self) -> "Renewal":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(self._pause):
            try:
                renewed = renew_all(self._home, self._agents)
            except (HouseError, OSError, ValueError) as error:
                # A full disk, perhaps: there is time until it is tried again.
                self._say(f"Certificates could not be renewed: {error}")
                continue
            if renewed:
                self._say(f"Renewed the certificates of {', '.join(renewed)}")
