"""Hands one mail to a mail server, and says in words why that did not take it. Blocks.

A mail counts as taken from the moment on at which the server says so: whatever goes wrong after that, it is
not sent again. So does one that only some of its receivers may have: the others are named.
"""

import contextlib
import smtplib
import socket
import ssl
from email.errors import HeaderParseError
from email.message import EmailMessage

from hq.outside.targets import Mail
from hq.outside.wording import Message
from hq.rest.posting import cut_after

_SECONDS = 20.0
#: All together: a server that says something in a while, and never gets on, must not hold a thread for ever.
WHOLE_SECONDS = 60.0
_OWN_AUTHORITY = "for one of your own set SSL_CERT_FILE for `idlehands up`"


def send_mail(mail: Mail, message: Message, password: str) -> str:
    """Send a message; return who was refused although others were not, "" if nobody was.

    Raises:
        OSError: If the server is not reached, is not who it should be, or is too slow. SSLError among them.
        SMTPException: If it did not take the mail.
    """
    letter = build_letter(mail, message)
    context = ssl.create_default_context()
    raw = socket.create_connection((mail.host, mail.port), timeout=_SECONDS)
    server = smtplib.SMTP(timeout=_SECONDS)
    # For STARTTLS: whose certificate it must be.
    server._host = mail.host  # type: ignore[attr-defined]
    server.sock = raw
    try:
        with cut_after(WHOLE_SECONDS, raw):
            if mail.security == "tls":
                server.sock = context.wrap_socket(raw, server_hostname=mail.host)
            code, words = server.getreply()
            if code != 220:
                raise smtplib.SMTPConnectError(code, words)
            if mail.security == "starttls":
                server.starttls(context=context)
            if mail.user:
                server.login(mail.user, password)
            refused = server.send_message(letter)
            # It has the mail: what it makes of a good-bye matters to nobody.
            with contextlib.suppress(OSError, smtplib.SMTPException):
                server.quit()
    finally:
        server.close()
        raw.close()
    return f"the mail server refused {', '.join(sorted(refused))}" if refused else ""


def build_letter(mail: Mail, message: Message) -> EmailMessage:
    """Return the message as a mail.

    Raises:
        ValueError: If one of the addresses can be none.
    """
    letter = EmailMessage()
    letter["Subject"] = message.subject
    try:
        letter["From"], letter["To"] = mail.sender, ", ".join(mail.to)
        if [one.addr_spec for one in letter["To"].addresses] != list(mail.to):
            raise ValueError
    except (LookupError, TypeError, ValueError, AttributeError, HeaderParseError):
        # What is in brackets is a comment there, and the rest then none.
        raise ValueError(f"{mail.sender} or {', '.join(mail.to)} can be no address of a mail") from None
    # A mail that is sent twice is shown once by most programs.
    letter["Message-ID"] = f"<{message.delivery}@idlehands.invalid>"
    letter["Auto-Submitted"] = "auto-generated"
    # Not every server on the way takes eight bits.
    letter.set_content(message.text, cte="quoted-printable")
    return letter


def describe(mail: Mail, error: Exception) -> str:
    """Return why a mail was not taken, in words that say what to do where that is known."""
    where = f"{mail.host}:{mail.port}"
    match error:
        case ssl.SSLCertVerificationError():
            return f"the certificate of {where} is refused: {error.verify_message}; {_OWN_AUTHORITY}"
        case ssl.SSLError():
            hint = "; port 587 mostly wants --security starttls" if mail.security == "tls" else ""
            return f"there is no TLS with {where}: {error.reason or error}{hint}"
        case smtplib.SMTPNotSupportedError() if "STARTTLS" in str(error):
            return f"{where} has no STARTTLS, so it gets neither mail nor password: {error}"
        case smtplib.SMTPAuthenticationError():
            return f"{where} refuses the login of {mail.user}: {error.smtp_code} {_text(error.smtp_error)}"
        case smtplib.SMTPRecipientsRefused():
            each = (f"{to}: {code} {_text(said)}" for to, (code, said) in sorted(error.recipients.items()))
            return f"{where} refuses every receiver: {', '.join(each)}"
        case smtplib.SMTPResponseException():
            return f"{where} says {error.smtp_code} {_text(error.smtp_error)}"
        case TimeoutError():
            return f"{where} does not answer"
        case _:
            return f"{where}: {str(error) or type(error).__name__}"


def _text(said: bytes | str) -> str:
    return said if isinstance(said, str) else said.decode("utf-8", "replace")
