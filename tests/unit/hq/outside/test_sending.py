"""Messages on their way: what each target gets, and what is refused."""

import hashlib
import hmac
import json

import pytest

from hq.outside.happenings import Happening
from hq.outside.sending import NotTaken, Sender
from hq.outside.targets import Mail, Mqtt, Notification, Ntfy, Webhook
from hq.outside.wording import Message, word
from hq.rest import posting
from tests.fixtures.receivers import HttpReceiver, SmtpReceiver, running, saying


class Broker:
    """Keeps what is published."""

    def __init__(self) -> None:
        self.published: list[tuple[str, str, bytes]] = []

    def publish(self, broker: str, topic: str, payload: bytes) -> None:
        self.published.append((broker, topic, payload))


def message() -> Message:
    return word("d" * 32, [Happening("1.0", "job_failed", 1.0, "Job jx of Jürgen failed", job="jx")])


def send(target: Mail | Webhook | Ntfy | Mqtt, secret: str = "", *, private: bool = True) -> Broker:
    broker = Broker()
    Sender(broker, allows_private=private).send(Notification(name="me", to=target), message(), secret)
    return broker


def test_a_webhook_gets_signed_json_and_a_delivery_id() -> None:
    with running(HttpReceiver()) as receiver:
        send(Webhook(url=f"{receiver.url}/in?x=1"), "s3cret")
    [got] = receiver.posted
    expected = hmac.new(b"s3cret", got.body, hashlib.sha256).hexdigest()
    assert got.path == "/in?x=1"
    assert got.headers["x-idlehands-signature-256"] == f"sha256={expected}"
    assert got.headers["x-idlehands-delivery"] == "d" * 32
    body = json.loads(got.body)
    assert (body["count"], body["happenings"][0]["job"]) == (1, "jx")


@pytest.mark.parametrize("status", [301, 404, 500])
def test_a_webhook_that_does_not_take_it_is_tried_again(status: int) -> None:
    with running(HttpReceiver()) as receiver:
        receiver.answers = [status]
        with pytest.raises(NotTaken, match=f"answered {status}"):
            send(Webhook(url=receiver.url))


def test_nothing_is_posted_to_this_machine_unless_that_is_allowed() -> None:
    with running(HttpReceiver()) as receiver, pytest.raises(NotTaken, match="private network"):
        send(Webhook(url=receiver.url), private=False)
    assert receiver.posted == []


def test_a_server_that_never_ends_its_answer_is_left_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "WHOLE_SECONDS", 0.3)
    with (
        saying(b"HTTP/1.1 2", b"0", ends=False) as port,
        pytest.raises(NotTaken, match=r"longer than 0\.3 s"),
    ):
        send(Webhook(url=f"http://127.0.0.1:{port}"))


def test_what_is_answered_beside_the_status_is_not_read_however_much_it_is() -> None:
    with saying(b"HTTP/1.1 204 OK\r\ncontent-length: 999999999999\r\n\r\n", b"x" * 65536, ends=False) as port:
        send(Webhook(url=f"http://127.0.0.1:{port}"))


def test_a_redirect_to_this_machine_is_not_followed() -> None:
    with running(HttpReceiver()) as inside:
        away = f"HTTP/1.1 307 away\r\nlocation: {inside.url}\r\ncontent-length: 0\r\n\r\n"
        with saying(away.encode(), ends=True) as port, pytest.raises(NotTaken, match="answered 307"):
            send(Webhook(url=f"http://127.0.0.1:{port}"))
    assert inside.posted == []


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 999999 OK\r\n\r\n", b"\xff" * 99_999])
def test_a_server_of_another_kind_is_no_end_of_anything(
    answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "WHOLE_SECONDS", 0.3)
    with saying(answer, ends=True) as port, pytest.raises(NotTaken):
        send(Webhook(url=f"http://127.0.0.1:{port}"))


def test_a_long_message_is_no_file_on_a_phone() -> None:
    found = [Happening(f"{n}.0", "job_failed", 1.0, "ä" * 400, job="jx") for n in range(20)]
    with running(HttpReceiver()) as receiver:
        to = Notification(name="me", to=Ntfy(server=receiver.url, topic="house"))
        Sender(Broker(), allows_private=True).send(to, word("d" * 32, found), "")
    [got] = receiver.posted
    body = json.loads(got.body)
    # As https://docs.ntfy.sh/publish/#publish-as-json has it, and at most 4,096 bytes of message.
    assert set(body) <= {"topic", "title", "message", "priority", "tags", "click"}
    assert 4000 < len(body["message"].encode()) <= 4096
    assert body["message"].endswith("ä ...")


def test_ntfy_gets_topic_title_and_token() -> None:
    with running(HttpReceiver()) as receiver:
        send(Ntfy(server=receiver.url, topic="house"), "tk_x")
    [got] = receiver.posted
    assert got.headers["authorization"] == "Bearer tk_x"
    body = json.loads(got.body)
    assert (body["topic"], body["priority"]) == ("house", 4)
    assert body["title"] == "Idlehands: Job jx of Jürgen failed"


def test_a_mail_arrives_with_login_subject_and_text() -> None:
    with running(SmtpReceiver()) as receiver:
        mail = Mail(
            host="127.0.0.1",
            port=receiver.port,
            security="none",
            user="hq",
            sender="hq@x.example",
            to=("a@x.example", "b@x.example"),
        )
        send(mail, "password")
    [got] = receiver.mails
    assert "To: a@x.example, b@x.example" in got
    assert "Message-ID: <dddd" in got
    assert any(line.startswith("AUTH PLAIN") for line in receiver.said)
    assert sum(line.startswith("rcpt TO") for line in receiver.said) == 2


def test_a_mail_server_without_starttls_gets_neither_mail_nor_password() -> None:
    with running(SmtpReceiver()) as receiver:
        mail = Mail(
            host="127.0.0.1", port=receiver.port, user="hq", sender="hq@x.example", to=("a@x.example",)
        )
        with pytest.raises(NotTaken, match="STARTTLS"):
            send(mail, "password")
    assert receiver.mails == []
    assert not any(line.startswith("AUTH") for line in receiver.said)


def test_a_wrong_password_is_said() -> None:
    with running(SmtpReceiver()) as receiver:
        receiver.takes_login = False
        mail = Mail(
            host="127.0.0.1",
            port=receiver.port,
            security="none",
            user="hq",
            sender="hq@x.example",
            to=("a@x.example",),
        )
        with pytest.raises(NotTaken, match="wrong password"):
            send(mail, "password")


def test_a_topic_gets_the_same_json() -> None:
    broker = send(Mqtt(topic="home/idlehands"))
    [(where, topic, payload)] = broker.published
    assert (where, topic) == ("house", "home/idlehands")
    assert json.loads(payload)["notification"] == "me"
