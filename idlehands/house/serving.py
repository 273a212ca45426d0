"""Certificates with which the HQ host serves TLS besides the broker: the page with REST, and pairing.

Each has a fixed name of its own among its alternative names, so that none can
pass for another: who owns the broker's key cannot play REST and collect
tokens. They are for servers only; the broker lets nobody in with them, and the
registry does not know them.
"""

import datetime
import ipaddress
import socket
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bus.settings import WEB_NAME
from idlehands.house.certificates import certificate_pem, key_pem, new_key
from idlehands.house.files import make_private_folder, write_private
from idlehands.house.home import Home, HouseError

WEB_DAYS = 397
_RENEW_DAYS = 132
#: Clocks of old machines differ.
_LEEWAY = datetime.timedelta(hours=24)


def ensure_web_certificate(home: Home) -> None:
    """Make or renew the certificate of REST and page where it is needed. Safe to repeat.

    Raises:
        HouseError: If it cannot be written.
    """
    names = _alternative_names(home, WEB_NAME)
    certificate_file, key_file = home.web_certificate, home.web_key
    if certificate_file.exists() and key_file.exists() and _is_good(home, certificate_file, names):
        return
    certificate, key = make_certificate(home, WEB_NAME, days=WEB_DAYS)
    try:
        make_private_folder(certificate_file.parent)
        # The certificate last: without it both are made again.
        certificate_file.unlink(missing_ok=True)
        write_private(key_file, key)
        write_private(certificate_file, certificate)
    except OSError as error:
        raise HouseError(
            f"The certificate {certificate_file} cannot be written: {error.strerror}."
        ) from error


def make_certificate(home: Home, fixed_name: str, *, days: int) -> tuple[bytes, bytes]:
    """Return a new server certificate of the house's CA and its key, both PEM."""
    authority = _authority(home)
    signer = serialization.load_pem_private_key((home.pki / "ca.key").read_bytes(), password=None)
    if not isinstance(signer, ec.EllipticCurvePrivateKey):
        raise HouseError(
            f"{home.pki / 'ca.key'} is not the key of this house's CA. Restore it from a backup."
        )
    key = new_key()
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, fixed_name)]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _LEEWAY)
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_issuer(authority), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_SIGNS, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(_alternative_names(home, fixed_name), critical=False)
        .sign(signer, hashes.SHA256())
    )
    return certificate_pem(certificate), key_pem(key)


def host_names() -> list[str]:
    """Return the names of this machine that may stand in a certificate."""
    found = {host.lower() for host in (socket.gethostname(), socket.getfqdn()) if host}
    # A certificate name must be plain ASCII; a host that is called otherwise is reached by address.
    return sorted(host for host in found if host.isascii() and len(host) <= 253)


def _is_good(home: Home, file: Path, names: x509.SubjectAlternativeName) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
        certificate.verify_directly_issued_by(_authority(home))
        extensions = certificate.extensions
        present = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        issuer = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    except Exception:
        return False
    remains = certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    return remains.days >= _RENEW_DAYS and present == names and issuer == _issuer(_authority(home))


def _alternative_names(home: Home, fixed_name: str) -> x509.SubjectAlternativeName:
    addresses = {"127.0.0.1", "::1"}
    names = {fixed_name, "localhost", *host_names()}
    for address in (home.settings.address, home.reachable_at):
        try:
            addresses.add(str(ipaddress.ip_address(address)))
        except ValueError:
            names.add(address.lower())
    return x509.SubjectAlternativeName(
        [
            *map(x509.DNSName, sorted(names)),
            *(x509.IPAddress(ipaddress.ip_address(address)) for address in sorted(addresses)),
        ]
    )


def _authority(home: Home) -> x509.Certificate:
    return x509.load_pem_x509_certificate((home.pki / "ca.pem").read_bytes())


def _issuer(authority: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


_SIGNS = x509.KeyUsage(
    digital_signature=True,
    key_cert_sign=False,
    crl_sign=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)
