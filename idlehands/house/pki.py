"""The house's private certificate authority: who is who on the bus.

Makes a CA at the first start and issues certificates whose common name is the
principal's name. Knows nothing of the broker; its rights come from the ACL,
which is made from the registry that this module keeps.
"""

import datetime
import re
import time
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from idlehands.house import certificates
from idlehands.house.companions import write_companions
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
from trust.keys import KeyUnusable, ensure_sealing_key, ensure_signing_key, public_hex

#: The house's own certificates are renewed when fewer days remain.
_RENEW_DAYS = 30
_PUBLIC_KEY = re.compile(r"[0-9a-f]{64}")


def ensure_authority(home: Home) -> None:
    """Make CA key, CA certificate and an empty revocation list where they are missing. Safe to repeat."""
    with locked(home.pki / "lock", wait=True):
        if not (home.pki / "ca.pem").exists():
            key = certificates.new_key()
            certificate = certificates.build_authority(key)
            # The certificate last: as long as it is missing, everything is made again.
            write_private(home.pki / "ca.key", certificates.key_pem(key))
            write_private(home.pki / "ca.pem", certificates.certificate_pem(certificate))
        # Anew at every start, because mosquitto lets nobody in once it is out of date.
        revocations = certificates.build_revocations(_authority(home), _authority_key(home))
        write_private(home.pki / "crl.pem", revocations)


def issue(home: Home, name: str, role: Role, out_dir: Path, *, renew: bool = False) -> Issued:
    """Write `ca.pem`, `cert.pem`, `key.pem` and its keys for `name` into `out_dir`; enter it in the registry.

    The key of the certificate is made here, and new, at a renewal too; `sign.key` and
    `seal.key` stay once they are there. The broker lets the name in once its ACL was
    written again (`broker.admit`).

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
        _check_free(issued.get(name), role, name, renew=renew)
        if not renew and (out_dir / "key.pem").exists():
            raise HouseError(f"{out_dir} holds a key already; it would be lost. Choose another folder.")
        key = certificates.new_key()
        certificate = _sign(home, name, role, key.public_key())
        try:
            make_private_folder(out_dir)
            # The certificate last: `ensure` takes a folder without one as not issued.
            (out_dir / "cert.pem").unlink(missing_ok=True)
            signing_key, sealing_key = _ensure_keys(role, out_dir)
            write_companions(home, out_dir)
            write_private(out_dir / "key.pem", certificates.key_pem(key))
            write_private(out_dir / "cert.pem", certificates.certificate_pem(certificate))
        except OSError as error:
            raise HouseError(
                f"The certificate cannot be written to {out_dir}: {error.strerror or error}. "
                "Choose a folder that you may write to."
            ) from error
        return _enter(home, issued, certificate, Issued(name, role, "", 0, signing_key, sealing_key))


def issue_for_request(
    home: Home,
    name: str,
    role: Role,
    csr_pem: bytes,
    *,
    signing_key: str = "",
    sealing_key: str = "",
    renew: bool = False,
) -> bytes:
    """Return a certificate as PEM for a key that was made elsewhere, and enter it in the registry.

    Args:
        home: A house whose authority exists.
        name: The common name. Names in the request are ignored.
        role: What the ACL lets it do.
        csr_pem: PKCS#10, signed with its key, which must be of P-256, P-384 or Ed25519.
        signing_key: Ed25519, 64 hexadecimal digits. Left out, a renewal keeps the one on record.
        sealing_key: X25519, likewise.
        renew: Replace an earlier certificate of the same name and role.

    Raises:
        RequestRefused: If the request or a key cannot be used.
        InvalidName, NameTaken: As `issue`.
    """
    check_name(name)
    check_role(name, role)
    key = certificates.read_request(csr_pem)
    for given in (signing_key, sealing_key):
        if given and not _PUBLIC_KEY.fullmatch(given):
            raise certificates.RequestRefused("A public key has 64 lower-case hexadecimal digits.")
    with locked(home.pki / "lock", wait=True):
        issued = read_issued(home.pki)
        _check_free(issued.get(name), role, name, renew=renew)
        certificate = _sign(home, name, role, key)
        _enter(home, issued, certificate, Issued(name, role, "", 0, signing_key, sealing_key))
    return certificates.certificate_pem(certificate)


def ensure(home: Home, name: str, role: Role, out_dir: Path) -> bool:
    """Issue or renew a certificate of the house's own where needed; True when it did. Safe to repeat."""
    file = out_dir / "cert.pem"
    if file.exists() and name in read_issued(home.pki):
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
        remains = certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
        # The broker's certificate names this machine, which may have been renamed.
        names = certificates.alternative_names(name, role)
        present = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        if remains.days >= _RENEW_DAYS and present == names:
            _complete(home, name, role, out_dir)
            return False
    issue(home, name, role, out_dir, renew=True)
    return True


def _complete(home: Home, name: str, role: Role, out_dir: Path) -> None:
    """Add what a folder of an older house lacks."""
    write_companions(home, out_dir)
    signing_key, sealing_key = _ensure_keys(role, out_dir)
    with locked(home.pki / "lock", wait=True):
        issued = read_issued(home.pki)
        known = issued.get(name)
        if known is not None and (known.signing_key, known.sealing_key) != (signing_key, sealing_key):
            changed = _replace(known, signing_key=signing_key, sealing_key=sealing_key)
            write_issued(home.pki, issued | {name: changed})


def _ensure_keys(role: Role, out_dir: Path) -> tuple[str, str]:
    """Return the public halves of `sign.key` and `seal.key`, made where they are missing."""
    if role is Role.BROKER:
        # It carries messages and writes none.
        return "", ""
    try:
        return (
            public_hex(ensure_signing_key(out_dir / "sign.key")),
            public_hex(ensure_sealing_key(out_dir / "seal.key")),
        )
    except KeyUnusable as error:
        raise HouseError(str(error)) from error


def _enter(home: Home, issued: dict[str, Issued], certificate: x509.Certificate, entry: Issued) -> Issued:
    """Enter a certificate in the registry; what it replaces is still known, because it still connects."""
    now, known = int(time.time()), issued.get(entry.name)
    earlier = {} if known is None else known.earlier | {known.serial: known.expires}
    entered = _replace(
        entry,
        serial=f"{certificate.serial_number:x}",
        expires=int(certificate.not_valid_after_utc.timestamp()),
        signing_key=entry.signing_key or (known.signing_key if known else ""),
        sealing_key=entry.sealing_key or (known.sealing_key if known else ""),
        issued_at=now,
        earlier={serial: expires for serial, expires in earlier.items() if expires > now},
    )
    write_issued(home.pki, issued | {entry.name: entered})
    return entered


def _replace(entry: Issued, **changes: object) -> Issued:
    return msgspec.structs.replace(entry, **changes)


def _check_free(earlier: Issued | None, role: Role, name: str, *, renew: bool) -> None:
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


def _sign(home: Home, name: str, role: Role, key: certificates.PublicKey) -> x509.Certificate:
    return certificates.build_leaf(_authority(home), _authority_key(home), key, name, role)


def _authority(home: Home) -> x509.Certificate:
    return x509.load_pem_x509_certificate((home.pki / "ca.pem").read_bytes())


def _authority_key(home: Home) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key((home.pki / "ca.key").read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise HouseError(
            f"{home.pki / 'ca.key'} is not the key of this house's CA. Restore it from a backup."
        )
    return key
