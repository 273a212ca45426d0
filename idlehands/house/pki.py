"""The house's private certificate authority: who is who on the bus.

Makes a CA at the first start and issues certificates whose common name is the
principal's name. Knows nothing of the broker; its rights come from the ACL,
which is made from the registry that this module keeps.
"""

import datetime
import ipaddress
import socket
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bus.settings import BROKER_NAME
from idlehands.house.files import locked, make_private_folder, write_private
from idlehands.house.home import Home, HouseError
from idlehands.house.registry import (
    Issued,
    NameTaken,
    Role,
    check_name,
    check_role,
    read_issued,
    write_issued,
)

_CA_DAYS = 3650
_LEAF_DAYS = 397
#: The house's own certificates are renewed at a start when fewer days remain.
_RENEW_DAYS = 132
#: Clocks of old machines differ: a certificate is valid from a little before its making.
_LEEWAY = datetime.timedelta(hours=24)


def ensure_authority(home: Home) -> None:
    """Make CA key, CA certificate and an empty revocation list where they are missing. Safe to repeat."""
    with locked(home.pki / "lock", wait=True):
        if not (home.pki / "ca.pem").exists():
            key = ec.generate_private_key(ec.SECP256R1())
            name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Idlehands house CA")])
            certificate = (
                _builder(name, name, key.public_key(), days=_CA_DAYS)
                .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
                .add_extension(_key_usage(certificate_authority=True), critical=True)
                .sign(key, hashes.SHA256())
            )
            # The certificate last: as long as it is missing, everything is made again.
            write_private(home.pki / "ca.key", _key_pem(key))
            write_private(home.pki / "ca.pem", certificate.public_bytes(serialization.Encoding.PEM))
        _write_revocations(home)


def issue(home: Home, name: str, role: Role, out_dir: Path, *, renew: bool = False) -> Issued:
    """Write `ca.pem`, `cert.pem` and `key.pem` for `name` into `out_dir` and enter it in the registry.

    The key is made here, and new, at a renewal too. The broker lets the name in
    once its ACL was written again (`broker.admit`).

    Args:
        home: A house whose authority exists.
        name: The common name.
        role: What the ACL lets it do.
        out_dir: Made with mode 0700 where missing; need not be inside the house.
        renew: Replace an earlier certificate of the same name and role.

    Raises:
        InvalidName: If the name cannot be one.
        NameTaken: If the name was issued before and this is no renewal, if the role differs,
            or if it is reserved.
        HouseError: If `out_dir` holds another certificate or cannot be written.
    """
    check_name(name)
    check_role(name, role)
    with locked(home.pki / "lock", wait=True):
        issued = read_issued(home.pki)
        _check_free(issued.get(name), role, name, out_dir, renew=renew)
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _sign(home, name, role, key)
        try:
            make_private_folder(out_dir)
            # The certificate last: `ensure` takes a folder without one as not issued.
            (out_dir / "cert.pem").unlink(missing_ok=True)
            write_private(out_dir / "ca.pem", (home.pki / "ca.pem").read_bytes())
            write_private(out_dir / "key.pem", _key_pem(key))
            write_private(out_dir / "cert.pem", certificate.public_bytes(serialization.Encoding.PEM))
        except OSError as error:
            raise HouseError(
                f"The certificate cannot be written to {out_dir}: {error.strerror or error}. "
                "Choose a folder that you may write to."
            ) from error
        entry = Issued(
            name, role, f"{certificate.serial_number:x}", int(certificate.not_valid_after_utc.timestamp())
        )
        write_issued(home.pki, issued | {name: entry})
    return entry


def ensure(home: Home, name: str, role: Role, out_dir: Path) -> bool:
    """Issue or renew a certificate of the house's own where needed; True when it did. Safe to repeat."""
    file = out_dir / "cert.pem"
    if file.exists() and name in read_issued(home.pki):
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
        remains = certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
        # The broker's certificate names this machine, which may have been renamed.
        names = _alternative_names(name, role)
        present = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        if remains.days >= _RENEW_DAYS and present == names:
            return False
    issue(home, name, role, out_dir, renew=True)
    return True


def _check_free(earlier: Issued | None, role: Role, name: str, out_dir: Path, *, renew: bool) -> None:
    if earlier is not None and not renew:
        raise NameTaken(
            f"{name!r} has a certificate already (role {earlier.role.value}). "
            "Choose another name, or renew it (--renew) if it is the same principal."
        )
    if earlier is not None and earlier.role is not role:
        raise NameTaken(
            f"{name!r} has role {earlier.role.value}, and a renewal cannot make it {role.value}. "
            "Choose another name."
        )
    if not renew and (out_dir / "key.pem").exists():
        raise HouseError(f"{out_dir} holds a key already; it would be lost. Choose another folder.")


def _sign(home: Home, name: str, role: Role, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    authority = x509.load_pem_x509_certificate((home.pki / "ca.pem").read_bytes())
    usage = ExtendedKeyUsageOID.SERVER_AUTH if role is Role.BROKER else ExtendedKeyUsageOID.CLIENT_AUTH
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        _builder(subject, authority.subject, key.public_key(), days=_LEAF_DAYS)
        .add_extension(_issuer_key(authority), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(certificate_authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
        .add_extension(_alternative_names(name, role), critical=False)
        .sign(_authority_key(home), hashes.SHA256())
    )


def _alternative_names(name: str, role: Role) -> x509.SubjectAlternativeName:
    if role is not Role.BROKER:
        return x509.SubjectAlternativeName([x509.DNSName(name)])
    # The fixed name is what clients verify; the others are for programs of other people.
    hosts = {"localhost", BROKER_NAME}
    for host in (socket.gethostname(), socket.getfqdn()):
        # A certificate name must be plain ASCII; a host that is called otherwise is reached by address.
        if host and host.isascii() and len(host) <= 253:
            hosts.add(host.lower())
    addresses = [ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")]
    return x509.SubjectAlternativeName(
        [*map(x509.DNSName, sorted(hosts)), *(x509.IPAddress(address) for address in addresses)]
    )


def _write_revocations(home: Home) -> None:
    """Write the revocation list anew, because mosquitto lets nobody in once it is out of date."""
    authority = x509.load_pem_x509_certificate((home.pki / "ca.pem").read_bytes())
    now = datetime.datetime.now(datetime.UTC)
    revocations = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.subject)
        .last_update(now - _LEEWAY)
        .next_update(now + datetime.timedelta(days=_CA_DAYS))
        .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
        .add_extension(_issuer_key(authority), critical=False)
        .sign(_authority_key(home), hashes.SHA256())
    )
    write_private(home.pki / "crl.pem", revocations.public_bytes(serialization.Encoding.PEM))


def _issuer_key(authority: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """Return what Python 3.13's strict verification asks of every issued certificate."""
    identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, *, days: int
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


def _authority_key(home: Home) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key((home.pki / "ca.key").read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise HouseError(
            f"{home.pki / 'ca.key'} is not the key of this house's CA. Restore it from a backup."
        )
    return key


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
