"""What the HQ host gives a machine that may join: certificate, token, trust, and where the broker is.

Runs in the process of `idlehands pair`, as the user who owns the house: it
reads the CA's key, which no process of the house that listens does.
"""

import contextlib
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from idlehands.house import broker, pki, tokens
from idlehands.house.companions import write_companions
from idlehands.house.home import Home
from idlehands.house.registry import NameTaken, Role, check_name, check_role, read_issued
from idlehands.house.remote_certificates import offer_renewals
from idlehands.house.serving import make_certificate
from idlehands.pairing.desk import Application
from idlehands.pairing.messages import PAIRING_NAME, Admission, Grant, sign_reply

_SERVER_DAYS = 2


def check_free(home: Home, name: str, role: Role, *, replace: bool) -> None:
    """Check that a machine may be called `name`.

    Raises:
        InvalidName, NameTaken: If not.
    """
    check_name(name)
    check_role(name, role)
    earlier = read_issued(home.pki).get(name)
    if earlier is None or (replace and earlier.role is role):
        return
    raise NameTaken(
        f"{name!r} is taken in this house (role {earlier.role.value}). Join with another --name; or, if this "
        f"is the same machine set up anew, use `idlehands pair --name {name} --replace` on the HQ host."
    )


def admit(
    home: Home, application: Application, role: Role, *, replace: bool, broker_address: str
) -> Admission:
    """Issue all that the machine needs and let the broker know it.

    Raises:
        HouseError: If the name was taken meanwhile, or something cannot be written.
    """
    request, name = application.request, application.name
    certificate = pki.issue_for_request(
        home, name, role, request.csr.encode(),
        signing_key=request.signing_key, sealing_key=request.sealing_key, renew=replace,
    )  # fmt: skip
    token = tokens.create(home, tokens.TokenRole(role.value), name)
    offer_renewals(home, name, certificate)
    broker.admit(home)
    with tempfile.TemporaryDirectory() as folder:
        write_companions(home, Path(folder))
        files = {file.name: file.read_text() for file in Path(folder).iterdir() if file.suffix == ".json"}
    return Admission(
        name,
        role.value,
        certificate.decode(),
        (home.pki / "ca.pem").read_text(),
        broker_address,
        token,
        home.is_https,
        files,
    )


def sign(admission: Admission, secret: bytes, challenge: str) -> Grant:
    """Return the admission as it is sent."""
    payload = msgspec.json.encode(admission).decode()
    return Grant(payload, sign_reply(secret, challenge, payload))


@contextlib.contextmanager
def server_context(home: Home) -> Iterator[ssl.SSLContext]:
    """Yield the TLS context of the pairing server, with a certificate that lives as long as it."""
    certificate, key = make_certificate(home, PAIRING_NAME, days=_SERVER_DAYS)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    # OpenSSL takes keys from files only; the folder is private and gone at once.
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "both.pem"
        file.touch(0o600)
        file.write_bytes(key + certificate)
        context.load_cert_chain(file)
    yield context
