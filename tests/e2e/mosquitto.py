"""Mosquitto's own command-line clients with a certificate of the house: somebody else's MQTT."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bus.topics import DEFAULT_ROOT
from idlehands.house.home import Home
from tests.fixtures.broker import eventually


def _options(home: Home, certificate: Path) -> list[str]:
    return [
        *("-h", home.reachable_at, "-p", str(home.settings.ports.broker), "-V", "mqttv5"),
        *("--cafile", str(certificate / "ca.pem")),
        *("--cert", str(certificate / "cert.pem"), "--key", str(certificate / "key.pem")),
    ]


def publish(home: Home, certificate: Path, topic: str, payload: bytes, *more: str) -> None:
    """Run `mosquitto_pub` on a topic below the root.

    At QoS 1: when it returns, the broker has taken the message, or refused it.
    """
    # Without a payload, -s reads nothing and sends nothing.
    content = ("-s",) if payload else ("-n",)
    subprocess.run(
        [
            "mosquitto_pub",
            *_options(home, certificate),
            "-q",
            "1",
            "-t",
            f"{DEFAULT_ROOT}/{topic}",
            *content,
            *more,
        ],
        input=payload,
        capture_output=True,
        timeout=60,
        check=False,
    )


@contextmanager
def watching(home: Home, certificate: Path, output: Path) -> Iterator[Path]:
    """Run `mosquitto_sub -v` on everything below the root, and yield the file that it fills."""
    command = ["mosquitto_sub", *_options(home, certificate), "-v", "-t", f"{DEFAULT_ROOT}/#"]
    with output.open("wb") as stream:
        process = subprocess.Popen(["stdbuf", "-oL", *command], stdout=stream, stderr=subprocess.STDOUT)
        try:
            # What is retained comes right after the subscription.
            eventually(lambda: f"{DEFAULT_ROOT}/hq/state ".encode() in output.read_bytes())
            yield output
        finally:
            process.terminate()
            process.wait(60)
