"""The certificate in a folder: how long it lasts, and the next one in its place.

For who lives far from the CA: a renewed certificate is for the same key, which
never leaves its folder. The bus reads the folder again with every connection.
"""

import contextlib
import os
import secrets
import ssl
from pathlib import Path

from bus.settings import BusSettingsError, common_name, elements

#: Certificates last 90 days; HQ's host renews them at 60.
RENEW_SECONDS = 30 * 86_400.0
_UTC_TIME = 0x17
#: Where REST was last: who was away until the certificate had expired asks there for the next one.
_REST_FILE = "rest-url"


def seconds_left(folder: Path, now: float) -> float:
    """Return for how long the certificate in `folder` is valid, negative when it is not any more.

    Args:
        folder: Holds `cert.pem`.
        now: Unix seconds.

    Raises:
        BusSettingsError: If there is none.
    """
    try:
        return _expiry(_der((folder / "cert.pem").read_text())) - now
    except (OSError, ValueError, IndexError) as error:
        raise BusSettingsError(f"cannot read {folder / 'cert.pem'}: {error}") from None


def remember_rest(folder: Path, url: str) -> None:
    """Note where REST is; safe to repeat, and no trouble where it cannot be noted."""
    if url and url != remembered_rest(folder):
        with contextlib.suppress(OSError):
            (folder / _REST_FILE).write_text(url)


def remembered_rest(folder: Path) -> str:
    """Return where REST was when it was last noted, "" when it never was."""
    try:
        return (folder / _REST_FILE).read_text()[:2000].strip()
    except (OSError, ValueError):
        return ""


def install(folder: Path, pem: str) -> bool:
    """Put a renewed certificate into `folder`, whole or not at all; False when it is not a later one.

    Raises:
        BusSettingsError: If it is of another name, another key or another CA, or cannot be written.
    """
    try:
        new, old = _der(pem), _der((folder / "cert.pem").read_text())
        if _expiry(new) <= _expiry(old):
            return False
        if common_name(new) != common_name(old):
            raise BusSettingsError("the renewed certificate is of another name")
        aside = folder / f".cert.pem.{secrets.token_hex(4)}.new"
        try:
            descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                # What was read, and nothing that may lie around it.
                file.write(ssl.DER_cert_to_PEM_cert(new))
                file.flush()
                os.fsync(file.fileno())
            _check(folder, aside)
            os.replace(aside, folder / "cert.pem")
        finally:
            aside.unlink(missing_ok=True)
    except (OSError, ValueError, IndexError) as error:
        raise BusSettingsError(f"the renewed certificate cannot be used in {folder}: {error}") from None
    return True


def _check(folder: Path, certificate: Path) -> None:
    """Raise ssl.SSLError unless it is for the key in `folder`."""
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, folder / "key.pem")


def _der(pem: str) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pem)


def _expiry(der: bytes) -> float:
    """Return `notAfter` of an X.509 certificate in Unix seconds (RFC 5280, section 4.1.2.5)."""
    # Imported late: an agent reads it once in hours.
    import datetime

    fields = elements(elements(elements(der)[0][1])[0][1])
    if fields[0][0] == 0xA0:  # explicit version
        fields = fields[1:]
    kind, text = elements(fields[3][1])[1]  # serial, algorithm, issuer, validity
    form = "%y%m%d%H%M%SZ" if kind == _UTC_TIME else "%Y%m%d%H%M%SZ"
    when = datetime.datetime.strptime(text.decode("ascii"), form)
    return when.replace(tzinfo=datetime.UTC).timestamp()
