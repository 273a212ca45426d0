"""Sends one message to one target, and waits until it was taken or says why not. Blocks: call it in a thread.

URLs are looked up and checked again with every message, as callbacks are: a name that begins to mean
this machine gets nothing.
"""

import asyncio
import hashlib
import hmac
import http.client
import smtplib
import ssl
from typing import Protocol

import msgspec

from hq.outside.mailing import build_letter, describe, send_mail
from hq.outside.targets import Mail, Mqtt, Notification, Ntfy, Webhook
from hq.outside.wording import Message, word_test
from hq.rest.posting import find_target, post
from hq.rest.problems import Problem

SIGNATURE_HEADER = "X-Idlehands-Signature-256"
DELIVERY_HEADER = "X-Idlehands-Delivery"
#: Of one message: https://docs.ntfy.sh/publish/#limitations
_NTFY_BYTES = 4096
#: Of one webhook.
_LISTED = 100


class NotTaken(Exception):
    """The message was not taken; it may be tried again. The text says why."""


class Publishing(Protocol):
    """Where messages for MQTT go."""

    def publish(self, broker: str, topic: str, payload: bytes) -> None:
        """Publish on one of the brokers.

        Raises:
            NotTaken: If that is not connected.
        """


class Sender:
    """Sends to every kind of target."""

    def __init__(self, publishing: Publishing, *, allows_private: bool) -> None:
        self._publishing, self._allows_private = publishing, allows_private

    def send(self, notification: Notification, message: Message, secret: str) -> str:
        """Send a message; return what is wrong although it was taken, "" if nothing is.

        Raises:
            NotTaken: If it was not taken.
        """
        try:
            match notification.to:
                case Mail() as mail:
                    return _send_mail(mail, message, secret)
                case Webhook(url=url):
                    self._post(url, build_body(notification.name, message), message, secret)
                case Ntfy() as ntfy:
                    self._post_ntfy(ntfy, message, secret)
                case Mqtt(topic=topic, broker=broker):
                    content = build_body(notification.name, message)
                    self._publishing.publish(broker, topic, content)
        except ssl.SSLCertVerificationError as error:
            raise NotTaken(f"its certificate is refused: {error.verify_message}") from None
        except (OSError, http.client.HTTPException) as error:
            raise NotTaken(f"{str(error) or type(error).__name__}"[:400]) from None
        except Problem as problem:
            raise NotTaken(problem.detail.replace("callback: ", "", 1)) from None
        return ""

    def _post(self, url: str, content: bytes, message: Message, secret: str) -> None:
        headers = {DELIVERY_HEADER: message.delivery}
        if secret:
            headers[SIGNATURE_HEADER] = sign(content, secret)
        self._deliver(url, content, headers)

    def _post_ntfy(self, ntfy: Ntfy, message: Message, secret: str) -> None:
        body = {
            "topic": ntfy.topic,
            "title": message.subject,
            # What is longer would arrive as a file.
            "message": _shorten(message.text, _NTFY_BYTES),
            "priority": 4 if message.is_urgent else 3,
        }
        headers = {"authorization": f"Bearer {secret}"} if secret else {}
        self._deliver(ntfy.server, msgspec.json.encode(body), headers)

    def _deliver(self, url: str, content: bytes, headers: dict[str, str]) -> None:
        status = post(find_target(url, allows_private=self._allows_private), content, headers)
        if status >= 300:
            raise NotTaken(f"it answered {status}")


async def check_target(notification: Notification, *, allows_private: bool) -> None:
    """Look whether anything may be sent there at all.

    Raises:
        Problem: 422 if it is a URL that leads nowhere or where nothing may be posted, or no mail's address.
    """
    if isinstance(notification.to, Mail):
        try:
            build_letter(notification.to, word_test("0", notification.name, "somebody"))
        except ValueError as error:
            raise Problem(422, "bad_address", f"{error}.") from None
    url = getattr(notification.to, "url", None) or getattr(notification.to, "server", None)
    if url is not None:
        try:
            await asyncio.to_thread(find_target, url, allows_private=allows_private)
        except Problem as problem:
            raise Problem(422, "bad_url", problem.detail.replace("callback: ", "", 1)) from None


def sign(content: bytes, secret: str) -> str:
    """Return the signature of a body, as GitHub writes them: `sha256=` and the HMAC in hex."""
    return "sha256=" + hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()


def build_body(name: str, message: Message) -> bytes:
    """Return what a webhook and a topic get: docs/notifications.md shows it."""
    return msgspec.json.encode(
        {
            "notification": name,
            "delivery": message.delivery,
            "subject": message.subject,
            "text": message.text,
            "count": len(message.happenings) + message.left_out,
            "happenings": message.happenings[:_LISTED],
        }
    )


def _send_mail(mail: Mail, message: Message, password: str) -> str:
    try:
        return send_mail(mail, message, password)
    except (OSError, ValueError, smtplib.SMTPException) as error:
        raise NotTaken(describe(mail, error)[:400]) from None


def _shorten(text: str, most: int) -> str:
    """Return text that has at most so many bytes."""
    content = text.encode()
    if len(content) <= most:
        return text
    return content[: most - 4].decode("utf-8", "ignore") + " ..."
