"""Certificates with which the HQ host serves TLS besides the broker: the page with REST, and pairing.

Each has a fixed name of its own among its alternative names, so that none can
pass for another: who owns the broker's key cannot play REST and collect
tokens. They are for servers only; the broker lets nobody in with them, and the
registry does not know them.
"""

import datetime
from pathlib import Path

from cryptography import x509

from bus.settings import WEB_NAME
from idlehands.house import certificates
from idlehands.house.authority import read_authority
from idlehands.house.files import make_private_folder, write_private
from idlehands.house.home import Home, HouseError

WEB_DAYS = 397
_RENEW_DAYS = 132


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
    key = certificates.new_key()
    names = _alternative_names(home, fixed_name)
    certificate = certificates.build_server_leaf(
        read_authority(home), key.public_key(), fixed_name, names, days=days
    )
    return certificates.certificate_pem(certificate), certificates.key_pem(key)


def _is_good(home: Home, file: Path, names: x509.SubjectAlternativeName) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
        authority, _ = read_authority(home)
        certificate.verify_directly_issued_by(authority)
        extensions = certificate.extensions
        present = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        issuer = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    except Exception:
        return False
    remains = certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    return remains.days >= _RENEW_DAYS and present == names and issuer == certificates.issuer_key(authority)


def _alternative_names(home: Home, fixed_name: str) -> x509.SubjectAlternativeName:
    return certificates.names_of_host(fixed_name, [home.settings.address, home.reachable_at])
