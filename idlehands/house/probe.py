"""A look at the broker from outside: who gets in, and what it retains."""

import ssl
from pathlib import Path

from idlehands.house.home import Home
from idlehands.house.packets import Conversation


def accepts(home: Home, certificate: Path | None, *, tls: bool = True) -> bool:
    """Tell whether the broker lets in who shows the certificate in `certificate`, or none."""
    try:
        with Conversation(home, trusting(home, certificate) if tls else None):
            return True
    except (OSError, EOFError):
        return False


def read_retained(home: Home, certificate: Path, topic: str) -> bytes | None:
    """Return what the broker retains on the full topic name `topic`, None when nothing.

    Raises:
        OSError, EOFError: If the broker cannot be reached.
    """
    with Conversation(home, trusting(home, certificate)) as conversation:
        conversation.subscribe(topic)
        # Its answer comes after whatever is retained.
        return next((payload for _, payload in conversation.settle()), None)


def trusting(home: Home, certificate: Path | None) -> ssl.SSLContext:
    """Return a TLS 1.3 context that trusts the house's CA alone and shows this certificate, or none.

    Raises:
        OSError: If a file cannot be used.
    """
    context = ssl.create_default_context(cafile=str(home.pki / "ca.pem"))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    if certificate is not None:
        context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    return context
