"""What all attempts of one agent process share: its home, its marker, its warden, its children.

An orphan of a script becomes a child of this process and is told from a
child of its own by the session. So whatever else of the agent starts a
process must leave it in the agent's session, or it will be taken for one.
"""

import hashlib
import os
import secrets
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from agents.blobs import Blobs
from agents.bundles import BundleStore
from agents.datasets import DatasetStore
from agents.environments.choosing import Chosen, Environments
from agents.environments.limits import EnvironmentLimits
from agents.runner.bounds import bound
from agents.runner.isolation import Isolations
from agents.runner.port import ReportTo
from agents.runner.sandbox import Sandbox
from agents.runner.surroundings import Surroundings
from agents.runner.tree import (
    Process,
    become_subreaper,
    find_adopted,
    home_marker,
    kill_all,
    reap,
)
from agents.runner.warden import Warden
from agents.runner.workspace import INJECTED, check_source, choose_passed
from agents.sealed import SecretsOpener, SecretsUnopened
from schemas.facts import Failure
from schemas.messages import Grant
from schemas.names import Sha256

if TYPE_CHECKING:
    from subprocess import Popen

    from agents.runner.process import FreshProcess
    from agents.warm.launcher import WarmLauncher

_CHECKED_AT_MOST = 64
#: What a sandbox must show for a warm interpreter to begin in it.
WARM_INSIDE = Path(__file__).resolve().parent.parent / "warm" / "inside"
#: How often what a running script leaves in its checkpoint folder is stored, at most.
CHECKPOINT_SECONDS = 30.0


class Site:
    """Shared by the attempts' threads; every method may be called from any of them."""

    def __init__(
        self,
        home: Path,
        report: ReportTo,
        blobs: Blobs,
        interpreter: str,
        upload_patience_seconds: float,
        *,
        isolations: Isolations,
        hidden: Iterable[Path] = (),
        secrets_opener: SecretsOpener | None = None,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
        is_warm: bool = False,
        threads: int = 0,
        dataset_bytes: int = 0,
        tells_environment: bool = False,
        environment_limits: EnvironmentLimits | None = None,
    ) -> None:
        self.home, self.report, self.blobs, self.interpreter = home, report, blobs, interpreter
        self.upload_patience_seconds = upload_patience_seconds
        self.checkpoint_seconds = checkpoint_seconds
        self.isolations = isolations
        #: How many threads a library for arithmetic may use in one attempt; 0 leaves it alone.
        self.threads = threads
        #: Of this process's environment, what scripts get: it does not change, and to read it takes time.
        self.passed = choose_passed(os.environ)
        self._hidden, self._tells_environment = [home, *hidden], tells_environment
        self.sandbox = self.make_sandbox(interpreter)
        self._secrets_opener = secrets_opener
        self.bundles = BundleStore(home / "bundles", blobs)
        own = Chosen(interpreter, self.sandbox, self.make_surroundings(interpreter))
        self.environments = Environments(self, own, environment_limits or EnvironmentLimits())
        self.datasets = DatasetStore(home / "datasets", blobs, quota_bytes=dataset_bytes)
        #: The home's word, so that a later agent finds orphans, and this process's own after the dot:
        #: the warden of an agent that died must not kill the scripts of the one that replaced it.
        self.marker = f"{home_marker(home)}.{secrets.token_hex(8)}"
        self.warden = Warden(self.marker)
        self._lock = threading.Lock()
        self._is_subreaper = False
        #: Children that this process waits for itself. Reaping one of them would lose its exit code.
        self._own: set[int] = set()
        #: Children that outlive attempts: warm interpreters.
        self._keepers: set[int] = set()
        #: The children from before the first script: they are not its orphans.
        self._older: set[tuple[int, int]] | None = None
        self._checked: dict[tuple[str, str], Failure | None] = {}
        self.warm: WarmLauncher | None = self._make_warm() if is_warm and hasattr(os, "pidfd_open") else None

    def make_sandbox(self, interpreter: str) -> Sandbox:
        """Return the sandbox of scripts that an interpreter runs."""
        return Sandbox(self.isolations, interpreter, self._hidden, [INJECTED, WARM_INSIDE])

    def make_surroundings(
        self, interpreter: str, packages: list[str] | None = None, key: str = "own"
    ) -> Surroundings | None:
        """Return what describes an interpreter; None when it is not told."""
        if not self._tells_environment:
            return None
        place = hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:16]
        return Surroundings(
            interpreter, self.blobs, self.home / "outgoing" / f"environment-{place}", packages
        )

    def open_secrets(self, grant: Grant) -> dict[str, bytes]:
        """Return the values of a job's secrets by name.

        Raises:
            SecretsUnopened: If they are not there.
        """
        if self._secrets_opener is None and grant.spec.secrets:
            raise SecretsUnopened("this agent has no key for secrets")
        return self._secrets_opener.open(grant) if self._secrets_opener else {}

    def spawn(self, start: "Callable[[], FreshProcess]") -> "FreshProcess":
        """Start a process with the warden on guard, and remember it as one's own.

        Raises:
            OSError, ValueError: If it cannot be started.
        """
        with self._lock:
            self._guard()
            process = start()
            bound(process.pid)
            self._own.add(process.pid)
            return process

    def adopt(self, pid: int) -> None:
        """Remember a process as one's own that a warm interpreter forked.

        Raises:
            OSError: If there is no warden for it.
        """
        with self._lock:
            # Its bounds are those of the warm interpreter.
            self._own.add(pid)
            self._guard()

    def _spawn_keeper(self, start: "Callable[[], Popen[bytes]]") -> "Popen[bytes]":
        with self._lock:
            self._guard()
            process = start()
            bound(process.pid)
            self._keepers.add(process.pid)
            return process

    def _guard(self) -> None:
        if not self._is_subreaper:
            self._is_subreaper = become_subreaper()
        if self._older is None:
            self._older = {process.identity for process in find_adopted(set())}
        self.warden.ensure()

    def _make_warm(self) -> "WarmLauncher":
        from agents.warm.launcher import WarmLauncher

        return WarmLauncher(
            home=self.home,
            interpreter=self.interpreter,
            sandbox=self.sandbox,
            marker=self.marker,
            spawn=self._spawn_keeper,
        )

    def forget(self, pid: int) -> None:
        """Take note that a process has been waited for, and clean up after it.

        The last one to leave also kills the orphans that nobody could be made
        responsible for: those that dropped environment, session and parents.
        """
        with self._lock:
            self._own.discard(pid)
            adopted = self._adopted()
            reap(adopted)
            if not self._own and any(not process.is_zombie for process in adopted):
                kill_all(lambda: [process for process in self._adopted() if not process.is_zombie], 5.0)
                reap(self._adopted())

    def has_orphans(self) -> bool:
        """Tell whether scripts left living processes to this one, or may have left them to another."""
        with self._lock:
            return not self._is_subreaper or any(not process.is_zombie for process in self._adopted())

    def reap(self) -> None:
        """Take dead orphans out of the process table."""
        with self._lock:
            reap(self._adopted())

    def check(self, bundle: Sha256, entry: str, source: bytes) -> Failure | None:
        """Return why a script cannot be compiled, or None; compiled once for a whole sweep."""
        key = (bundle, entry)
        with self._lock:
            if key in self._checked:
                return self._checked[key]
        failure = check_source(source, entry)
        with self._lock:
            if len(self._checked) >= _CHECKED_AT_MOST:
                self._checked.pop(next(iter(self._checked)))
            self._checked[key] = failure
        return failure

    def close(self) -> None:
        """End the warm interpreters and let the warden go."""
        if self.warm is not None:
            self.warm.close()
        with self._lock:
            self.warden.close()

    def _adopted(self) -> list[Process]:
        warden = self.warden.pid
        found = find_adopted(self._own | self._keepers | ({warden} if warden is not None else set()))
        return [process for process in found if process.identity not in (self._older or ())]
