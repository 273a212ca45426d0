"""The house's CA itself: made once, replaced by a rotation, and whom it does not vouch for any more.

Knows nothing of whom certificates are given to; see `pki`.
"""

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from idlehands.house import certificates
from idlehands.house.audit import note
from idlehands.house.files import locked, write_private
from idlehands.house.home import Home, HouseError
from idlehands.house.registry import RESERVED, Issued, check_name, read_issued, write_issued
from idlehands.house.revocation import add_all, in_the_list, read_revoked, write_revoked


def ensure_authority(home: Home) -> None:
    """Make CA key, CA certificate and revocation list where they are missing. Safe to repeat."""
    with locked(home.pki / "lock", wait=True):
        if not (home.pki / "ca.pem").exists():
            certificate, key = certificates.new_authority()
            # The certificate last: as long as it is missing, everything is made again.
            write_private(home.pki / "ca.key", certificates.key_pem(key))
            write_private(home.pki / "ca.pem", certificates.certificate_pem(certificate))
        # Anew at every start, because mosquitto lets nobody in once it is out of date.
        _write_revocations(home)


def read_authority(home: Home) -> certificates.Authority:
    """Return CA and key.

    Raises:
        OSError: If a file cannot be read.
        HouseError: If the key is of another kind.
    """
    certificate = x509.load_pem_x509_certificate((home.pki / "ca.pem").read_bytes())
    return certificate, _authority_key(home)


def revoke(home: Home, name: str) -> Issued:
    """Put all certificates of `name` on the revocation list and its name out of the registry.

    Takes effect at the broker by `broker.shut_out`. Safe to repeat after a crash.

    Raises:
        HouseError: If nobody has that name, or it is one of the house's own processes.
    """
    check_name(name)
    if name in RESERVED:
        raise HouseError(
            f"{name!r} is a process of the house itself. `idlehands cert rotate` gives the house a new "
            "CA and all its processes new certificates."
        )
    with locked(home.pki / "lock", wait=True):
        issued = read_issued(home.pki)
        entry = issued.pop(name, None)
        if entry is None:
            raise HouseError(
                f"Nobody has a certificate as {name!r}. `idlehands cert list` shows who has one."
            )
        # In this order: whatever is interrupted, repeating it does the rest.
        write_revoked(home.pki, add_all(read_revoked(home.pki), entry))
        _write_revocations(home)
        write_issued(home.pki, issued)
    note(home, "certificate.revoked", subject=name, detail=f"{entry.role.value}, serial {entry.serial}")
    return entry


def rotate(home: Home) -> dict[str, Issued]:
    """Make a new CA, of which nobody has a certificate yet; return who had one of the old.

    `ensure` then gives the house's own new ones. Safe to interrupt: the next start goes on.

    Raises:
        OSError: If something cannot be written.
    """
    with locked(home.pki / "lock", wait=True):
        before = read_issued(home.pki)
        # The CA first: without it everything is made again.
        (home.pki / "ca.pem").unlink(missing_ok=True)
        write_issued(home.pki, {})
        # They were serial numbers of the old CA, and of the old one nothing connects.
        write_revoked(home.pki, [])
    ensure_authority(home)
    note(home, "ca.rotated", subject=", ".join(sorted(before)))
    return before


def _write_revocations(home: Home) -> None:
    entries = in_the_list(read_revoked(home.pki))
    pem = certificates.build_revocations(*read_authority(home), entries)
    write_private(home.pki / "crl.pem", pem)


def _authority_key(home: Home) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key((home.pki / "ca.key").read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise HouseError(
            f"{home.pki / 'ca.key'} is not the key of this house's CA. Restore it from a backup."
        )
    return key
