"""Environments on this machine: built once by what they are built from, kept under a quota.

    environments/<key>/env           the virtual environment
    environments/<key>/ready.json    written last: what has none is never used
    environments/cache               uv's own: the first to go when room is needed

Built in its place, as environments do not survive that they are moved. What was
used longest ago goes first, never what an attempt uses. The attempt that comes
first builds in its own thread, the others wait for it; when it fails, for them too.
"""

import contextlib
import errno
import hashlib
import json
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from agents.environments.building import (
    FREE_BYTES,
    Bounds,
    Build,
    Order,
    find_python,
    find_sites,
    measure,
)
from agents.environments.failures import BuildStopped, EnvironmentFailure
from agents.runner.watch import StopRequest

if TYPE_CHECKING:
    from agents.runner.site import Site

QUOTA_BYTES = 20 * 1024**3
BUILD_SECONDS = 1800.0
_FORMAT = 1
_POLL_SECONDS = 0.02


class Built(Struct, frozen=True):
    """An environment that is there."""

    key: str
    folder: Path
    #: The interpreter that scripts are started with, and the one that it is a link to.
    python: Path
    base: str
    sites: tuple[str, ...]
    #: Another for each time that it is built.
    made: str


class EnvironmentStore:
    """Environments below `folder`. Safe to use from several threads of one process."""

    def __init__(
        self, site: "Site", folder: Path, *, quota_bytes: int = 0, seconds: float = BUILD_SECONDS
    ) -> None:
        self._site, self._folder = site, folder
        self._bounds = Bounds(seconds, quota_bytes or QUOTA_BYTES)
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._in_use: dict[str, int] = {}
        self._building = 0
        #: How the last build of a key failed, and when.
        self._failures: dict[str, tuple[float, EnvironmentFailure]] = {}

    def take(self, order: Order, stop: StopRequest, tell: Callable[[str], None]) -> Built:
        """Return the environment, built where needed, which is told before; kept until `give_back`.

        Raises:
            EnvironmentFailure: If it cannot be built or kept here; nothing of it is left behind.
            BuildStopped: If the end of the attempt was asked for meanwhile; nor then.
        """
        key, asked_at = key_of(order), time.monotonic()
        with self._lock:
            self._in_use[key] = self._in_use.get(key, 0) + 1
        try:
            with self._alone(key, stop, lambda: tell("waiting for its environment, which is being built")):
                built = self._read(key)
                if built is None:
                    failed_at, failure = self._failures.get(key, (0.0, None))
                    if failure is not None and failed_at >= asked_at:
                        # It was built while this attempt waited: once more would fail as well.
                        raise EnvironmentFailure(failure.kind, str(failure), failure.said)
                    tell(f"building the environment that {order.recipe.source} asks for")
                    built = self._build(key, order, stop)
                    tell(f"it was built in {time.monotonic() - asked_at:.0f} s")
                os.utime(self._folder / key)
                return built
        except OSError as error:
            self.give_back(key)
            kind = "disk_full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "environment_failed"
            raise EnvironmentFailure(
                kind, f"the environment that {order.recipe.source} asks for could not be kept here: {error}"
            ) from None
        except BaseException:
            self.give_back(key)
            raise

    def give_back(self, key: str) -> None:
        """Take note that an attempt does not use it any more."""
        with self._lock:
            self._in_use[key] -= 1
            if not self._in_use[key]:
                del self._in_use[key]

    @contextlib.contextmanager
    def _alone(self, key: str, stop: StopRequest, tell_waiting: Callable[[], None]) -> Iterator[None]:
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        is_mine = lock.acquire(timeout=_POLL_SECONDS)
        if not is_mine:
            tell_waiting()
        while not is_mine:
            if stop.event.is_set():
                raise BuildStopped
            is_mine = lock.acquire(timeout=_POLL_SECONDS)
        try:
            yield
        finally:
            lock.release()

    def _build(self, key: str, order: Order, stop: StopRequest) -> Built:
        place = self._folder / key
        remove(place)
        self._make_room(0)
        with self._lock:
            self._building += 1
        try:
            build = Build(self._site, place, self._folder / "cache", order, self._bounds, stop)
            build.run()
            for name in ("source", "tmp"):
                remove(place / name)
            size = measure(place)
            facts = {"bytes": size, "base": build.base, "made": secrets.token_hex(8)}
            self._write_ready(place, facts)
        except BaseException as error:
            remove(place)
            if isinstance(error, EnvironmentFailure):
                self._failures[key] = (time.monotonic(), error)
            raise
        finally:
            with self._lock:
                self._building -= 1
            # Whatever came of it: what it fetched counts as well.
            self._make_room(0)
        try:
            self._make_room(size, order.recipe.source)
        except BaseException as error:
            remove(place)
            if isinstance(error, EnvironmentFailure):
                self._failures[key] = (time.monotonic(), error)
            raise
        built = self._read(key)
        if built is None:
            raise EnvironmentFailure(
                "environment_failed",
                f"what was built from {order.recipe.source} has no interpreter that runs",
            )
        return built

    def _read(self, key: str) -> Built | None:
        env = self._folder / key / "env"
        facts = _read_facts(self._folder / key)
        python = find_python(env)
        # One whose interpreter was upgraded away is built anew.
        if facts is None or not os.access(python, os.X_OK):
            return None
        sites = tuple(map(str, find_sites(env)))
        return Built(key, env, python, str(facts["base"]), sites, str(facts["made"]))

    def _write_ready(self, place: Path, facts: dict[str, Any]) -> None:
        new = place / "ready.new"
        with new.open("w") as file:
            file.write(json.dumps(facts))
            file.flush()
            # With all that it stands for: after a power cut it must not stand for half of it.
            os.sync() if hasattr(os, "sync") else os.fsync(file.fileno())
        new.rename(place / "ready.json")

    def _make_room(self, size: int, source: str = "") -> None:
        """Drop uv's cache, then what was used longest ago, until all is within the quota.

        Raises:
            EnvironmentFailure: If it cannot be; only when there is something to make room for.
        """
        cache = self._folder / "cache"
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        cached = measure(cache)
        with self._lock:
            held = self._read_held()
            used = sum(bytes_ for _, bytes_ in held)
            # Half of the room is enough for what only saves downloads.
            if self._fits(used + cached) and 2 * cached <= self._bounds.bytes:
                return
            if not self._building:
                remove(cache)
                cached = 0
            for path, bytes_ in held:
                if self._fits(used + cached):
                    return
                if path.name not in self._in_use:
                    remove(path)
                    used -= bytes_
        if size and used > self._bounds.bytes:
            raise EnvironmentFailure(
                "environment_too_big",
                f"the environment that {source} asks for has {size // 2**20} MiB, and with those "
                f"that jobs use now this machine would keep {used // 2**20} of at most "
                f"{self._bounds.bytes // 2**20} MiB: give the agent more with --environment-gb",
            )

    def _fits(self, used: int) -> bool:
        return used <= self._bounds.bytes and shutil.disk_usage(self._folder).free >= FREE_BYTES

    def _read_held(self) -> list[tuple[Path, int]]:
        """Return what is here with its size, what was used longest ago first."""
        found: list[tuple[float, Path, int]] = []
        for entry in os.scandir(self._folder):
            facts = _read_facts(Path(entry.path))
            # One may be removed meanwhile, to be built anew.
            with contextlib.suppress(OSError):
                if facts is not None:
                    found.append((entry.stat().st_mtime, Path(entry.path), int(facts.get("bytes", 0))))
        return [(path, size) for _, path, size in sorted(found)]


def key_of(order: Order) -> str:
    """Return what names the environment: by all that it is built from, and the interpreter that it is for."""
    recipe = order.recipe
    told = {
        "format": _FORMAT,
        "kind": recipe.kind,
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in recipe.files.items()},
        "requires_python": recipe.requires_python,
        "wheels_only": order.wheels_only,
        "interpreter": [os.path.realpath(order.interpreter), _signature(order.interpreter)],
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:40]


def remove(path: Path) -> None:
    """Remove a folder and all below it. What is left of one that was ready counts as ready no more."""
    (path / "ready.json").unlink(missing_ok=True)
    shutil.rmtree(path, ignore_errors=True)


def _signature(interpreter: str) -> list[int]:
    try:
        status = os.stat(interpreter)
    except OSError:
        return []
    return [status.st_size, status.st_mtime_ns]


def _read_facts(place: Path) -> dict[str, Any] | None:
    try:
        found = json.loads((place / "ready.json").read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
