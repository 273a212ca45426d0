"""The new machine's side: make keys, find out that HQ is HQ, ask, wait, store.

Twice connected: first to see the CA certificate, which the token proves or
not; then verified by it. Nothing is sent on the first connection.
"""

import os
import platform
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bus.settings import HouseContext
from idlehands.house.certificates import key_pem, new_key
from idlehands.house.files import make_private_folder, write_private
from idlehands.house.home import HouseError
from idlehands.house.registry import check_name
from idlehands.pairing.fingerprint import words_of
from idlehands.pairing.join_token import JoinToken
from idlehands.pairing.joined import Joined, store_admission
from idlehands.pairing.messages import (
    PAIRING_NAME,
    VERSION,
    Admission,
    Ask,
    Broken,
    Grant,
    Hello,
    Refusal,
    Request,
    Stored,
    Waiting,
    is_signed,
    receive,
    receive_answer,
    send,
    sign_reply,
    sign_request,
)  # fmt: skip
from trust.keys import ensure_sealing_key, ensure_signing_key, public_hex

_CONNECT_SECONDS = 10.0
#: A person has to walk to the other screen.
_APPROVAL_SECONDS = 900.0
_DER = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


class JoinRefused(HouseError):
    """This machine did not join; `code` is stable, the message says why and what to do."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class _PairingContext(HouseContext):
    expected_name = PAIRING_NAME


def join(
    token: JoinToken, host: str, port: int, name: str, folder: Path, say: Callable[[str], None]
) -> Joined:
    """Join the house at `host` and return who this machine is now. Safe to repeat after a refusal.

    Args:
        token: What the person carried here.
        host: Of the HQ host.
        port: Of `idlehands pair` there.
        name: How this machine wants to be called.
        folder: Where keys and certificates go.
        say: Takes each line for the person.

    Raises:
        JoinRefused: If HQ is not the token's house, or says no.
        HouseError: If it does not answer, or files cannot be written.
    """
    check_name(name)
    try:
        ca = fetch_ca(token, host, port)
        request, words = prepare_request(folder, name)
        with _connect(host, port, _verifying(ca)) as stream:
            hello = receive(stream, Hello)
            say(f"Allow it on the HQ host if it shows the same four words there: {words}")
            payload = msgspec.json.encode(request).decode()
            send(stream, Ask(payload, sign_request(token.secret, hello.challenge, payload)))
            stream.settimeout(_APPROVAL_SECONDS)
            answer = receive_answer(stream)
            if isinstance(answer, Waiting):
                answer = receive_answer(stream)
            if isinstance(answer, Refusal):
                raise JoinRefused(answer.code, answer.detail)
            if not isinstance(answer, Grant):
                raise Broken("HQ says twice that a person is asked")
            admission = _read_grant(token, hello.challenge, answer, ca)
            joined = store_admission(folder, admission)
            stream.settimeout(_CONNECT_SECONDS)
            # Everything is stored: that HQ cannot be told any more changes nothing.
            try:
                send(stream, Stored())
            except OSError:
                say("HQ went away before it heard that all is stored; this machine has joined all the same.")
            return joined
    except TimeoutError as error:
        raise HouseError(
            f"HQ at {host} port {port} does not answer in time. Does `idlehands pair` still run there, "
            "and does no firewall keep this machine from it?"
        ) from error
    except (OSError, Broken) as error:
        raise HouseError(
            f"HQ at {host} port {port} cannot be reached, or hung up ({error}). Does `idlehands pair` still "
            "run there, and is this its address? --hq HOST:PORT names another."
        ) from error


def fetch_ca(token: JoinToken, host: str, port: int) -> str:
    """Return the CA certificate of whoever answers there, as PEM, if it is the token's.

    Raises:
        JoinRefused: If it is not.
        OSError, Broken: If nobody or somebody else answers.
    """
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.minimum_version = ssl.TLSVersion.TLSv1_3
    # Only to look: nothing of ours is sent, and what comes is compared with the token.
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    with _connect(host, port, anybody) as stream:
        ca = receive(stream, Hello).ca
    try:
        # One certificate, exactly: what is compared is then all that is trusted.
        der = x509.load_pem_x509_certificate(ca.encode()).public_bytes(serialization.Encoding.DER)
    except ValueError:
        der = b""
    if not token.is_of(der):
        raise JoinRefused(
            "wrong_ca",
            f"Who answers at {host} port {port} is not the house that made this token: its CA has another "
            "fingerprint. Either the token is of another house, or somebody between here and HQ pretends to "
            "be it. Nothing was sent. Check the address; if it is right, do not join in this network.",
        )
    return ssl.DER_cert_to_PEM_cert(der)


def prepare_request(folder: Path, name: str) -> tuple[Request, str]:
    """Return what this machine asks for, and the four words of its key; makes keys that are missing."""
    try:
        make_private_folder(folder)
        key = _ensure_key(folder / "key.pem")
    except OSError as error:
        raise HouseError(
            f"{folder} cannot be used: {error.strerror or error}. Set IDLEHANDS_HOME to a folder that is."
        ) from error
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    request = Request(
        VERSION,
        name,
        csr.public_bytes(serialization.Encoding.PEM).decode(),
        public_hex(ensure_signing_key(folder / "sign.key")),
        public_hex(ensure_sealing_key(folder / "seal.key")),
        f"{platform.node()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    )
    return request, words_of(key.public_key().public_bytes(*_DER))


def _read_grant(token: JoinToken, challenge: str, grant: Grant, ca: str) -> Admission:
    if not is_signed(sign_reply(token.secret, challenge, grant.payload), grant.mac):
        raise JoinRefused(
            "wrong_reply", "HQ's answer is not signed with the token's secret. Nothing was stored."
        )
    try:
        admission = msgspec.json.decode(grant.payload, type=Admission)
    except msgspec.DecodeError as error:
        raise JoinRefused("wrong_reply", f"HQ's answer makes no sense: {error}.") from None
    # What was compared with the token stays what is trusted.
    return msgspec.structs.replace(admission, ca=ca)


def _ensure_key(file: Path) -> ec.EllipticCurvePrivateKey:
    if file.exists():
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return key
    key = new_key()
    write_private(file, key_pem(key))
    return key


def _verifying(ca: str) -> ssl.SSLContext:
    context = _PairingContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(cadata=ca)
    return context


def _connect(host: str, port: int, context: ssl.SSLContext) -> ssl.SSLSocket:
    connection = socket.create_connection((host, port), timeout=_CONNECT_SECONDS)
    try:
        return context.wrap_socket(connection)
    except BaseException:
        connection.close()
        raise
