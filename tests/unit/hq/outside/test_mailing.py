"""Mails to a server over TLS and STARTTLS with a login, and what is said when that does not work."""

import asyncio
import email
import email.policy
import socket
import ssl
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hq.outside import mailing
from hq.outside.happenings import Happening
from hq.outside.sending import NotTaken, Sender, check_target
from hq.outside.targets import Mail, Notification
from hq.outside.wording import word
from hq.rest.problems import Problem
from tests.fixtures.receivers import Certificates, SmtpReceiver, running, saying
from tests.unit.hq.outside.test_sending import Broker

USER, PASSWORD = "hq@x.example", "geheim"
TO = ("olga@x.example", "ute@y.example")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("authority"))


@pytest.fixture(autouse=True)
def trusted(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    """The household's own authority is one that the web process knows."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))


def send(port: int, security: str, password: str = PASSWORD, **more: object) -> str:
    mail = Mail(
        **{"host": "localhost", "port": port, "security": security, "user": USER, "sender": USER, "to": TO}
        | more
    )  # type: ignore[arg-type]
    text = word(
        "e" * 32, [Happening("1.0", "job_failed", 1.0, "Job jx von Jürgen: gescheitert 🧪", job="jx")]
    )
    return Sender(Broker(), allows_private=False).send(Notification(name="me", to=mail), text, password)


@contextmanager
def mail_server(context: ssl.SSLContext, *, security: str) -> Iterator[SmtpReceiver]:
    """Run a server that takes mails over TLS only, and after a login."""
    with running(SmtpReceiver(context, security)) as receiver:
        receiver.needs_login, receiver.password = True, PASSWORD
        yield receiver


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_a_mail_goes_encrypted_and_with_a_login(certificates: Certificates, security: str) -> None:
    with mail_server(certificates.server("localhost"), security=security) as server:
        # What it makes of a good-bye is no reason to send it again.
        server.good_bye = "421 too late"
        assert send(server.port, security) == ""

    [got] = server.mails
    assert server.receivers == [list(TO)]
    assert "Message-ID: <" + "e" * 32 in got
    assert got.isascii()
    read = email.message_from_string(got, policy=email.policy.default)
    assert read["subject"] == "Idlehands: Job jx von Jürgen: gescheitert 🧪"
    assert read.get_content().strip() == "Job jx von Jürgen: gescheitert 🧪"
    assert f"AUTH PLAIN {b64encode(f'{chr(0)}{USER}{chr(0)}{PASSWORD}'.encode()).decode()}" in server.said


@pytest.mark.parametrize("security", ["tls", "starttls"])
@pytest.mark.parametrize(
    ("name", "days", "knows", "why"),
    [
        ("localhost", 1, False, "unable to get local issuer certificate"),
        ("mail.other.example", 1, True, "Hostname mismatch"),
        ("localhost", -1, True, "certificate has expired"),
    ],
)
def test_a_certificate_that_is_not_good_is_named_and_no_password_is_said(
    certificates: Certificates,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    security: str,
    name: str,
    days: int,
    knows: bool,
    why: str,
) -> None:
    if not knows:
        monkeypatch.setenv("SSL_CERT_FILE", str(Certificates(tmp_path).authority))
    with (
        mail_server(certificates.server(name, days=days), security=security) as server,
        pytest.raises(NotTaken, match=why) as refused,
    ):
        send(server.port, security)

    assert f"the certificate of localhost:{server.port} is refused" in str(refused.value)
    assert "SSL_CERT_FILE" in str(refused.value)
    assert server.mails == [line for line in server.said if line.startswith("AUTH")] == []


def test_a_wrong_password_and_a_receiver_that_is_none_are_named(certificates: Certificates) -> None:
    with mail_server(certificates.server("localhost"), security="starttls") as server:
        port = server.port
        with pytest.raises(NotTaken, match=rf"localhost:{port} refuses the login of hq@x.example: 535"):
            send(port, "starttls", "wrong")
        server.refused = set(TO)
        with pytest.raises(NotTaken, match=r"refuses every receiver: olga@x\.example: 550 no such mailbox"):
            send(port, "starttls")
        assert server.mails == []

        # Who can have it has it, and gets no second one for the sake of others.
        server.refused = {TO[1]}
        assert send(port, "starttls") == f"the mail server refused {TO[1]}"
    assert server.receivers == [[TO[0]]]


def test_tls_with_a_server_that_begins_in_clear_says_which_port_to_take(certificates: Certificates) -> None:
    with (
        mail_server(certificates.server("localhost"), security="starttls") as server,
        pytest.raises(NotTaken, match=r"no TLS with .* port 587 mostly wants --security starttls"),
    ):
        send(server.port, "tls")


def test_a_server_that_never_gets_on_is_left_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailing, "WHOLE_SECONDS", 0.3)
    with saying(b"220-wait\r\n", ends=False) as port, pytest.raises(NotTaken, match=r"longer than 0\.3 s"):
        send(port, "none", host="127.0.0.1")


def test_a_server_that_takes_nobody_is_quoted() -> None:
    with saying(b"554 go away\r\n", ends=True) as port, pytest.raises(NotTaken, match="says 554 go away"):
        send(port, "none", host="127.0.0.1")


def test_a_port_where_nobody_is_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(NotTaken, match=rf"127.0.0.1:{port}: .*refused"):
        send(port, "none", host="127.0.0.1")


@pytest.mark.parametrize(
    "address", ["a@[::1]", "a..b@x.example", "'@x", "jürgen@x.example", "(a@x.example", "(a@-"]
)
def test_an_address_is_a_letters_or_is_refused_before_anything_is_kept(address: str) -> None:
    mail = Mail(host="x", sender=address, to=(address,) * 2)
    asked = check_target(Notification(name="me", to=mail), allows_private=False)
    if "(" in address:
        with pytest.raises(Problem, match="can be no address of a mail"):
            asyncio.run(asked)
        return
    asyncio.run(asked)
    happened = word("d" * 32, [Happening("1.0", "job_failed", 1.0, "x\ud800y", job="jx")])
    assert mailing.build_letter(mail, happened)["Message-ID"] == f"<{'d' * 32}@idlehands.invalid>"
