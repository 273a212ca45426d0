"""How certificates and the revocation list of a house look: X.509, and no files.

Knows nothing of names that are taken, nor of who asks; see `pki`.
"""

import datetime
import ipaddress
import socket
from collections.abc import Iterable

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bus.settings import BROKER_NAME
from idlehands.house.home import HouseError
from idlehands.house.registry import Role

CA_DAYS = 3650
LEAF_DAYS = 90
#: Clocks of old machines differ: a certificate is valid from a little before its making.
_LEEWAY = datetime.timedelta(hours=24)
_REQUEST_BYTES = 8192

PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
#: A CA with its key.
Authority = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


class RequestRefused(HouseError):
    """A certificate request that no certificate is made for."""


def new_key() -> ec.EllipticCurvePrivateKey:
    """Return a new private key of the kind that this house uses."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the private key as PEM, not encrypted: it goes into a file of mode 0600."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def certificate_pem(certificate: x509.Certificate) -> bytes:
    """Return the certificate as PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def read_request(pem: bytes) -> PublicKey:
    """Return the key of a PKCS#10 request. What it says about names is not looked at.

    Raises:
        RequestRefused: If it is none, is not signed with its own key, or the key is of another kind.
    """
    if len(pem) > _REQUEST_BYTES:
        raise RequestRefused("The certificate request is too long to be one.")
    try:
        request = x509.load_pem_x509_csr(pem)
        key = request.public_key()
        signed = request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise RequestRefused(f"The certificate request cannot be understood: {error}.") from error
    if not signed:
        raise RequestRefused("The certificate request is not signed with the key that it is for.")
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1):
        return key
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    raise RequestRefused("The key of the certificate request must be of P-256, P-384 or Ed25519.")


def new_authority() -> Authority:
    """Return a new CA, signed with its own new key."""
    key = new_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Idlehands house CA")])
    certificate = (
        _builder(name, name, key.public_key(), days=CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(certificate_authority=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate, key


def build_leaf(
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    key: PublicKey,
    name: str,
    role: Role,
    *,
    days: float = LEAF_DAYS,
) -> x509.Certificate:
    """Return a certificate for `name`, which must be a checked one."""
    usage = ExtendedKeyUsageOID.SERVER_AUTH if role is Role.BROKER else ExtendedKeyUsageOID.CLIENT_AUTH
    return _sign_leaf((authority, authority_key), key, name, usage, alternative_names(name, role), days)


def build_server_leaf(
    authority: Authority, key: PublicKey, name: str, names: x509.SubjectAlternativeName, *, days: float
) -> x509.Certificate:
    """Return a certificate for a server that is no principal on the bus and is reached under `names`."""
    return _sign_leaf(authority, key, name, ExtendedKeyUsageOID.SERVER_AUTH, names, days)


def alternative_names(name: str, role: Role) -> x509.SubjectAlternativeName:
    """Return under which names and addresses the holder may be reached."""
    if role is not Role.BROKER:
        return x509.SubjectAlternativeName([x509.DNSName(name)])
    # The fixed name is what clients verify; the others are for programs of other people.
    return names_of_host(BROKER_NAME)


def names_of_host(fixed_name: str, reachable_at: Iterable[str] = ()) -> x509.SubjectAlternativeName:
    """Return the fixed name, this machine's names and loopback, and what else it is reached at."""
    hosts = {fixed_name, "localhost", *host_names()}
    addresses = {"127.0.0.1", "::1"}
    for address in reachable_at:
        try:
            addresses.add(str(ipaddress.ip_address(address)))
        except ValueError:
            hosts.add(address.lower())
    return x509.SubjectAlternativeName(
        [
            *map(x509.DNSName, sorted(hosts)),
            *(x509.IPAddress(ipaddress.ip_address(address)) for address in sorted(addresses)),
        ]
    )


def host_names() -> list[str]:
    """Return the names of this machine that may stand in a certificate."""
    found = {host.lower() for host in (socket.gethostname(), socket.getfqdn()) if host}
    # A certificate name must be plain ASCII; a host that is called otherwise is reached by address.
    return sorted(host for host in found if host.isascii() and len(host) <= 253)


def build_revocations(
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    revoked: Iterable[tuple[int, datetime.datetime]] = (),
) -> bytes:
    """Return the revocation list as PEM, in date for as long as the CA is.

    Args:
        authority: Whose list it is.
        authority_key: Its key.
        revoked: Serial numbers, and since when they are revoked.
    """
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.subject)
        .last_update(now - _LEEWAY)
        .next_update(now + datetime.timedelta(days=CA_DAYS))
        .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
        .add_extension(issuer_key(authority), critical=False)
    )
    for serial, since in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(since)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(authority_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _sign_leaf(
    authority: Authority,
    key: PublicKey,
    name: str,
    usage: x509.ObjectIdentifier,
    names: x509.SubjectAlternativeName,
    days: float,
) -> x509.Certificate:
    certificate, authority_key = authority
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        _builder(subject, certificate.subject, key, days=days)
        .add_extension(issuer_key(certificate), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(certificate_authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
        .add_extension(names, critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def issuer_key(authority: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """Return what Python 3.13's strict verification asks of every issued certificate."""
    identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PublicKey, *, days: float
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _LEEWAY)
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _key_usage(*, certificate_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificate_authority,
        key_cert_sign=certificate_authority,
        crl_sign=certificate_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
