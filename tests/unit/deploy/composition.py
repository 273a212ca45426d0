"""`compose.yaml` without a container engine: its services as processes of this machine.

Every command line, environment and health check is taken from the file as it
is; only what a container changes is changed: names of hosts become addresses,
ports become free ones, folders of volumes become folders of the test.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from idlehands.house.broker import find_mosquitto
from idlehands.house.home import choose_ports
from idlehands.house.mongod import find_mongod

ROOT = Path(__file__).parents[3]
FILE = ROOT / "compose.yaml"
#: Folders that exist in containers only, by mount or in an image.
FOLDERS = {
    "/house": "house",
    "/data/db": "database",
    "/var/lib/idlehands": "agent-home",
    "/backups": "backups",
}


def read_compose(settings: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the file with its variables put in, as Compose does it."""

    def value_of(match: re.Match[str]) -> str:
        return (settings or {}).get(match["name"]) or match["default"]

    text, changed = FILE.read_text(), 1
    while changed:
        # From the inside out: a default may hold another variable.
        text, changed = re.subn(r"\$\{(?P<name>[A-Z_]+):-(?P<default>[^${}]*)\}", value_of, text)
    assert "$" not in re.sub(r"(?m)#.*$", "", text), "a variable without a default"
    read: dict[str, Any] = YAML(typ="safe").load(text)
    return read


def words_of(service: dict[str, Any]) -> list[str]:
    """Return the whole command line of a service. The images of ours have no entry point."""
    return [*service.get("entrypoint", ()), *service.get("command", ())]


def mounts_of(service: dict[str, Any]) -> dict[str, tuple[str, bool]]:
    """Return path -> (volume, may be written)."""
    found = {}
    for entry in service.get("volumes", ()):
        volume, path, *mode = entry.split(":")
        found[path] = (volume, mode != ["ro"])
    return found


def in_order(services: dict[str, Any]) -> list[str]:
    """Return the services that `up` starts, each after those it depends on."""
    done: list[str] = []

    def visit(name: str) -> None:
        for other in services[name].get("depends_on", ()):
            visit(other)
        if name not in done:
            done.append(name)

    for name, service in services.items():
        if "profiles" not in service:
            visit(name)
    return done


class Composition:
    """The services of the file in a folder, each a process. A context manager that stops them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        ports = choose_ports()
        self.ports = {"8883": str(ports.broker), "27017": str(ports.mongodb), "8080": str(ports.web)}
        for name in FOLDERS.values():
            (folder / name).mkdir(parents=True, exist_ok=True)
        published = {"IDLEHANDS_BROKER_PORT": self.ports["8883"], "IDLEHANDS_WEB_PORT": self.ports["8080"]}
        self.services = read_compose(published)["services"]
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> "Composition":
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    def up(self, until: str | None = None) -> None:
        """Start all services in order, or those up to `until`, waiting as `depends_on` says."""
        for name in in_order(self.services):
            if name in self.running:
                continue
            if "restart" in self.services[name] and self.services[name]["restart"].startswith("on-failure"):
                done = self.once(name)
                assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
            else:
                self.start(name)
            if name == until:
                return

    def once(self, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a service to its end; `words` come behind its entry point."""
        argv = self._here([*words_of(self.services[name]), *words])
        return subprocess.run(
            argv, env=self._environment(name), cwd=self.folder, capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip

    def is_healthy(self, name: str) -> bool:
        """Run the health check of a service, which must be one command without a shell."""
        kind, *words = self.services[name]["healthcheck"]["test"]
        assert kind == "CMD"
        argv = self._here(words)
        found = subprocess.run(
            argv, env=self._environment(name), cwd=self.folder, capture_output=True, check=False
        )
        return found.returncode == 0

    def wait_healthy(self, name: str, seconds: float = 60) -> None:
        """Wait until a service's health check says yes."""
        deadline = time.monotonic() + seconds
        while not self.is_healthy(name):
            assert self.running[name].poll() is None, f"{name} ended: {self.output(name)}"
            assert time.monotonic() < deadline, f"{name} is not healthy: {self.output(name)}"
            time.sleep(0.1)

    def stop(self, name: str) -> int:
        """Stop a service as Compose does, by SIGTERM, and return its exit code."""
        process = self.running.pop(name)
        process.terminate()
        return process.wait(60)

    def down(self) -> None:
        """Stop all services, the last first."""
        for name in [*self.running][::-1]:
            self.stop(name)

    def output(self, name: str) -> str:
        """Return what a service has printed."""
        return (self.folder / f"{name}.log").read_text(errors="replace")[-3000:]

    def start(self, name: str) -> None:
        """Start one service and wait until it is healthy."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                self._here(words_of(self.services[name])),
                env=self._environment(name),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.wait_healthy(name)

    def _environment(self, name: str) -> dict[str, str]:
        given = self.services[name].get("environment", {})
        kept = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
        return kept | {key: self._translate(value) for key, value in given.items()}

    def _here(self, words: list[str]) -> list[str]:
        programs = {
            "python": sys.executable,
            "mongod": str(find_mongod()),
            "mosquitto": str(find_mosquitto()),
        }
        return [programs.get(words[0], words[0]), *map(self._translate, words[1:])]

    def _translate(self, word: str) -> str:
        # Not 127.0.0.1, which would pass for a database of the house's own.
        word = re.sub(r"\bmongo:(?=\d)", "localhost:", word)
        word = re.sub(r"\b(broker|web):(?=\d)", "127.0.0.1:", word)
        for port, free in self.ports.items():
            word = re.sub(rf"\b{port}\b", free, word)
        for path, name in FOLDERS.items():
            word = re.sub(rf"(?<![\w.]){path}(?=/|$)", str(self.folder / name), word)
        return word


def paths_in(service: dict[str, Any]) -> Iterator[str]:
    """Yield the paths below `FOLDERS` that a service's words, environment and health check name."""
    words = [*words_of(service), *service.get("environment", {}).values()]
    words += service.get("healthcheck", {}).get("test", ())
    for word in map(str, words):
        for path in FOLDERS:
            yield from re.findall(rf"(?<![\w.]){path}(?:/[\w./-]+)?", word)
