"""Getting mosquitto, and what tests need of the system, from the system's package manager without a question.

Never starts or enables a system service: the house runs a broker of its own,
with its own configuration.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from idlehands.house.broker import find_mosquitto
from idlehands.house.home import HouseError

_POLICY = Path("/usr/sbin/policy-rc.d")
#: Package manager: how it installs without a question, and how it calls broker and command-line clients.
_MANAGERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "apt-get": (
        ("install", "-y", "-q", "--no-install-recommends"),
        ("mosquitto", "mosquitto-clients", "chromium", "bubblewrap", "xvfb", "xdotool"),
    ),
    "dnf": (("install", "-y", "-q"), ("mosquitto", "chromium", "bubblewrap")),
    "pacman": (("-S", "--noconfirm", "--needed"), ("mosquitto", "chromium", "bubblewrap")),
    "apk": (("add", "-q"), ("mosquitto", "mosquitto-clients", "chromium", "bubblewrap")),
    "brew": (("install", "-q"), ("mosquitto",)),
}


class BrokerMissing(HouseError):
    """No broker was found, and none could be installed; the message names the ways out."""


def find_or_install_mosquitto() -> Path:
    """Return the mosquitto of this machine, installed just now where there was none.

    Raises:
        BrokerMissing: If there is none and installing it needs a person.
    """
    found = find_mosquitto()
    if found is not None:
        return found
    why = _install(("mosquitto",))
    found = find_mosquitto()
    if found is None:
        raise BrokerMissing(
            f"No MQTT broker was found: there is no mosquitto on PATH or in /usr/sbin, and {why}. "
            "Do one of these: `sudo apt install mosquitto` (Debian, Ubuntu), "
            "`sudo dnf install mosquitto` (Fedora), `sudo pacman -S mosquitto` (Arch), "
            "`brew install mosquitto` (macOS), or put mosquitto 2.0 or newer on PATH."
        )
    return found


def install_for_tests() -> None:
    """Install broker, clients, browser, sandbox and a display where one is missing and nobody is asked."""
    find_or_install_mosquitto()
    if shutil.which("mosquitto_sub") is None:
        _install(("mosquitto-clients",))
    if shutil.which("chromium") is None:
        # Without it the tests of the page say so and are skipped.
        _install(("chromium",))
    if sys.platform == "linux" and shutil.which("bwrap") is None:
        # Likewise those of strict isolation.
        _install(("bubblewrap",))
    if shutil.which("apt-get") and not (shutil.which("Xvfb") and shutil.which("xdotool")):
        # And those of somebody who types; other systems call these packages by other names.
        _install(("xvfb", "xdotool"))


def _install(wanted: tuple[str, ...]) -> str:
    """Try to install, and return why it did not help, for the case that it did not."""
    manager = next((name for name in _MANAGERS if shutil.which(name)), None)
    if manager is None:
        return "no package manager that Idlehands knows is here"
    prefix = _privilege(manager)
    if prefix is None:
        return f"{manager} needs a password to install it"
    arguments, packages = _MANAGERS[manager]
    # Where the clients are no package of their own, they come with the broker.
    command = [*prefix, manager, *arguments, *({name for name in wanted if name in packages} or packages)]
    print(f"Installing {' and '.join(wanted)} with {manager} ...", flush=True)
    with _no_service_starts(prefix) if manager == "apt-get" else contextlib.nullcontext():
        done = _run(command)
        if done.returncode != 0 and manager == "apt-get":
            # A fresh machine or container has no package lists yet.
            _run([*prefix, "apt-get", "update", "-q"])
            done = _run(command)
    if done.returncode == 0 and "mosquitto" in wanted and shutil.which("systemctl"):
        _run([*prefix, "systemctl", "disable", "--now", "mosquitto"])
    return f"`{' '.join(command)}` failed: {done.stdout.strip()[-300:]}"


def _privilege(manager: str) -> tuple[str, ...] | None:
    """Return what goes before the command, None when a password would be asked for."""
    if manager == "brew" or os.geteuid() == 0:
        return ()
    if shutil.which("sudo") and _run(["sudo", "-n", "true"]).returncode == 0:
        return ("sudo", "-n")
    return None


@contextlib.contextmanager
def _no_service_starts(prefix: tuple[str, ...]) -> Iterator[None]:
    """Keep Debian from starting the service that it installs, unless the machine has a policy already."""
    if _POLICY.exists():
        yield
        return
    with tempfile.NamedTemporaryFile("w", prefix="policy-rc.d.") as policy:
        policy.write("#!/bin/sh\nexit 101\n")
        policy.flush()
        placed = _run([*prefix, "install", "-m", "755", policy.name, str(_POLICY)]).returncode == 0
    try:
        yield
    finally:
        if placed:
            _run([*prefix, "rm", "-f", str(_POLICY)])


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        check=False,
    )


if __name__ == "__main__":
    try:
        install_for_tests()
    except HouseError as error:
        sys.exit(f"Error: {error}")
