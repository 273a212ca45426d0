"""The house's private certificate authority: who is who on the bus.

Issues certificates whose common name is the principal's name. Knows nothing of
the broker; its rights come from the ACL, which is made from the registry that
this module keeps.
"""

import datetime
import re
import time
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from idlehands.house import certificates
from idlehands.house.audit import note
from idlehands.house.authority import ensure_authority, read_authority, revoke, rotate
from idlehands.house.companions import write_companions
from idlehands.house.files import locked, make_private_folder, write_private
from idlehands.house.home import Home, HouseError
from idlehands.house.registry import (
    Issued,
    NameRevoked,
    NameTaken,
    Role,
    check_name,
    check_role,
    read_issued,
    write_issued,
)
from idlehands.house.revocation import read_revoked
from trust.keys import KeyUnusable, ensure_sealing_key, ensure_signing_key, public_hex

__all__ = [
    "ensure",
    "ensure_authority",
    "issue",
    "issue_for_request",
    "read_authority",
    "renew_for_key",
    "revoke",
    "rotate",
]
#: The house's own certificates are renewed when fewer days remain.
_RENEW_DAYS = 30
_PUBLIC_KEY = re.compile(r"[0-9a-f]{64}")


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


def renew_for_key(home: Home, certificate_pem: bytes, *, before_days: float) -> bytes | None:
    """Return a new certificate as PEM for the name and key of an issued one; None when none is due.

    Args:
        home: A house whose authority exists.
        certificate_pem: A certificate of this house.
        before_days: It is due when fewer days remain.

    Raises:
        NameTaken: If it is not the newest of its name, or was revoked: whoever has it gets no other.
        HouseError: If it is no certificate of this house.
    """
    try:
        earlier = x509.load_pem_x509_certificate(certificate_pem)
        earlier.verify_directly_issued_by(read_authority(home)[0])
        key = earlier.public_key()
    except (ValueError, TypeError, InvalidSignature) as error:
        raise HouseError(f"This is no certificate of this house: {error or type(error).__name__}.") from error
    if not isinstance(key, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
        raise HouseError("The key of this certificate is of a kind that this house does not use.")
    remains = earlier.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    if remains > datetime.timedelta(days=before_days):
        return None
    with locked(home.pki / "lock", wait=True):
        issued = read_issued(home.pki)
        serial = f"{earlier.serial_number:x}"
        known = next((entry for entry in issued.values() if entry.serial == serial), None)
        if known is None:
            raise NameTaken("This certificate is not the newest of its name any more, or was revoked.")
        certificate = _sign(home, known.name, known.role, key)
        _enter(home, issued, certificate, known)
    return certificates.certificate_pem(certificate)


def ensure(home: Home, name: str, role: Role, out_dir: Path) -> bool:
    """Issue or renew a certificate of the house's own where needed; True when it did. Safe to repeat.

    Raises:
        NameRevoked: If the name was revoked and not issued again since.
        HouseError: As `issue`.
    """
    file = out_dir / "cert.pem"
    issued = read_issued(home.pki)
    if name not in issued and any(one.name == name for one in read_revoked(home.pki)):
        raise NameRevoked(
            f"The certificate of {name!r} was revoked. Let it in again with `idlehands cert issue {name} "
            f"--role {role.value} --out {out_dir}`, or do without it."
        )
    if file.exists() and name in issued and _is_good(home, file, name, role):
        _complete(home, name, role, out_dir)
        return False
    issue(home, name, role, out_dir, renew=True)
    return True


def _is_good(home: Home, file: Path, name: str, role: Role) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
        certificate.verify_directly_issued_by(read_authority(home)[0])
    except (InvalidSignature, ValueError, TypeError):
        # Of a CA that was replaced, or damaged.
        return False
    remains = certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    # The broker's certificate names this machine, which may have been renamed.
    names = certificates.alternative_names(name, role)
    present = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return remains.days >= _RENEW_DAYS and present == names


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
    what = "certificate.issued" if known is None else "certificate.renewed"
    detail = f"{entered.role.value}, serial {entered.serial}"
    note(home, what, subject=entry.name, detail=detail)
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
    return certificates.build_leaf(*read_authority(home), key, name, role)
