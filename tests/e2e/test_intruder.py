"""The house attacks itself at a start: each hole is planted once, in a real broker, and found."""

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from idlehands.house import broker, pki
from idlehands.house.components import AgentOptions
from idlehands.house.furnish import furnish
from idlehands.house.home import Home, HouseError, open_home
from idlehands.house.intruder import attack_broker
from idlehands.house.registry import NameTaken, Role
from idlehands.house.running import start_house
from idlehands.house.web_intruder import attack_web
from tests.fixtures.broker import eventually

pytestmark = pytest.mark.process

ROOT = "idlehands/v1"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A house with an agent, whose broker does not run yet."""
    opened = open_home(tmp_path / "house")
    furnish(opened, agents=1)
    mosquitto = broker.find_mosquitto()
    assert mosquitto is not None
    broker.prepare(opened, mosquitto)
    return opened


@contextlib.contextmanager
def running(home: Home) -> Iterator[Path]:
    """Run the broker as its files say now; yield its log."""
    log = home.logs / "broker.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(broker.find_mosquitto()), "-c", str(home.broker / "mosquitto.conf")], stderr=output
        )
    try:
        eventually(lambda: listens(home) or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        yield log
    finally:
        process.kill()
        process.wait()


def listens(home: Home) -> bool:
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", home.settings.ports.broker)) == 0


def configure(home: Home, **changes: str | None) -> None:
    """Change settings of mosquitto, or take them out."""
    file = home.broker / "mosquitto.conf"
    kept = [line for line in file.read_text().splitlines() if line.split(" ")[0] not in changes]
    file.write_text(
        "\n".join([*kept, *(f"{name} {to}" for name, to in changes.items() if to is not None)]) + "\n"
    )


def test_a_closed_broker_passes_quickly_and_hears_little_of_it(home: Home) -> None:
    with running(home) as log:
        eventually(lambda: attack_broker(home))
        before = log.read_text()
        began = time.perf_counter()

        assert attack_broker(home)

        assert time.perf_counter() - began < 20
        said = log.read_text().removeprefix(before).splitlines()
        assert len(said) <= 3, said


def test_a_broker_that_does_not_run_proves_nothing(home: Home) -> None:
    assert not attack_broker(home)


def test_a_broker_without_tls_is_found_out(home: Home) -> None:
    no_tls = dict.fromkeys(("cafile", "certfile", "keyfile", "crlfile", "tls_version", "require_certificate"))
    configure(home, **no_tls, use_identity_as_username=None, allow_anonymous="true")

    with running(home), pytest.raises(HouseError, match="lets in a client without TLS"):
        eventually(lambda: attack_broker(home))


def test_a_broker_that_asks_for_no_certificate_is_found_out(home: Home) -> None:
    configure(home, require_certificate="false", use_identity_as_username=None, allow_anonymous="true")

    with running(home), pytest.raises(HouseError, match="lets in a client without a certificate"):
        eventually(lambda: attack_broker(home))


def test_a_broker_that_believes_another_ca_is_found_out(home: Home) -> None:
    # The other way round it is the same: the CA that it believes is taken for the foreign one.
    with running(home), pytest.raises(HouseError, match="lets in a certificate of a foreign CA"):
        eventually(lambda: attack_broker(home, foreign=pki.read_authority(home)))


def test_a_broker_that_believes_the_name_that_a_client_says_is_found_out(home: Home) -> None:
    configure(home, use_identity_as_username="false", allow_anonymous="true")

    with running(home), pytest.raises(HouseError, match="does not know HQ by its certificate"):
        eventually(lambda: attack_broker(home))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (f"topic write {ROOT}/agent/+/up/#", f"publish on {ROOT}/agent/nobody-[0-9a-f]+/up/result"),
        (f"topic write {ROOT}/agent/attic/down/#", f"publish on {ROOT}/agent/attic/down/grant"),
        (f"topic write {ROOT}/agent/self-check/down/#", f"publish on {ROOT}/agent/self-check/down/grant"),
        (f"topic write {ROOT}/+/+/presence", "publish on .*/presence"),
        (f"topic write {ROOT}/hq/state", f"publish on {ROOT}/hq/state"),
        (f"topic write {ROOT}/client/+/up/request", "publish on .*/up/request"),
        (f"topic write {ROOT}/job/#", "publish on .*/job/"),
        (f"topic write {ROOT}/sweep/#", "publish on .*/sweep/"),
        ("topic readwrite #", "publish on .* and more"),
        (f"topic read {ROOT}/agent/#", "read .*/up/result"),
        (f"topic read {ROOT}/client/+/down/#", "read .*/down/reply"),
    ],
)
def test_a_rule_that_lets_an_agent_do_too_much_is_found_out(home: Home, rule: str, words: str) -> None:
    pki.issue(home, "attic", Role.AGENT, home.agent("attic"))
    # A rule in front of all sections holds for those who have no name; an agent's is in its section.
    file = home.broker / "acl"
    file.write_text(file.read_text().replace("user self-check\n", f"user self-check\n{rule}\n"))

    with running(home), pytest.raises(HouseError, match=words):
        eventually(lambda: attack_broker(home))


def test_the_name_that_the_house_uses_for_it_is_given_to_nobody(home: Home, tmp_path: Path) -> None:
    with pytest.raises(NameTaken, match="tests itself"):
        pki.issue(home, "self-check", Role.AGENT, tmp_path / "out")


def test_a_house_with_a_hole_does_not_come_up_and_says_which(tmp_path: Path) -> None:
    house = tmp_path / "house"
    # A mosquitto that is not what it seems: it believes whatever configuration it is given, less one line.
    changed = tmp_path / "bin" / "mosquitto"
    changed.parent.mkdir()
    real = broker.find_mosquitto()
    changed.write_text(
        f"#!/bin/sh\nsed -e 's/^require_certificate true/require_certificate false/' "
        f"-e 's/^allow_anonymous false/allow_anonymous true/' "
        f'-e /^use_identity/d "$2" > "$2.open" && exec {real} -c "$2.open"\n'
    )
    changed.chmod(0o755)

    with pytest.raises(HouseError, match="lets in a client without a certificate"):
        start_house(
            house,
            AgentOptions(count=0),
            wait_seconds=90,
            environment={"PATH": f"{changed.parent}:/usr/bin:/bin:/usr/sbin"},
        )


class Careless(BaseHTTPRequestHandler):
    """A server that answers as its `codes` say, by path, and by path with a foreign host."""

    codes: ClassVar[dict[tuple[str, bool], int]] = {}

    def answer(self) -> None:
        foreign = "rebound.example" in self.headers.get("Host", "")
        code = self.codes.get((f"{self.command} {self.path}", foreign), 421 if foreign else 401)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = answer  # noqa: N815 - named by the standard library

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize(
    ("request_line", "foreign", "code", "words"),
    [
        ("GET /api/v1/jobs", False, 200, "REST tells jobs"),
        ("POST /api/v1/jobs", False, 202, "REST takes jobs"),
        ("GET /", False, 200, "The page is shown"),
        ("POST /_dash-update-component", False, 204, "The page takes calls"),
        ("GET /api/v1/jobs", True, 401, "REST answers to a foreign host name"),
        ("GET /login", True, 200, "The page answers to a foreign host name"),
    ],
)
def test_a_server_that_answers_whom_it_should_not_is_found_out(
    home: Home, request_line: str, foreign: bool, code: int, words: str
) -> None:
    with serving(home, {(request_line, foreign): code}), pytest.raises(HouseError, match=words):
        attack_web(home)


def test_a_server_that_refuses_all_passes_and_one_that_is_not_ready_proves_nothing(home: Home) -> None:
    assert not attack_web(home)
    with serving(home, {}):
        assert attack_web(home)
    with serving(home, {("GET /", False): 503}):
        assert not attack_web(home)


@contextlib.contextmanager
def serving(home: Home, codes: dict[tuple[str, bool], int]) -> Iterator[None]:
    handler = type("Handler", (Careless,), {"codes": codes})
    with HTTPServer(("127.0.0.1", home.settings.ports.web), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
