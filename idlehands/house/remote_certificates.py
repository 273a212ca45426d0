"""Renewal of joined machines' certificates: the HQ host signs the same key again, in good time.

    renewals/NAME.pem   the newest certificate of each joined machine; public, as certificates are

The supervisor of the house, which may read the CA's key, looks once a day and
at every start. REST gives each machine its own file (`GET /api/v1/certificate`),
and it is of use to nobody who has not the key. Who was revoked is not in the
registry any more, and gets none. docs/decisions/0023 says why so.
"""

import logging

from idlehands.house import pki
from idlehands.house.files import make_private_folder, write_private
from idlehands.house.home import Home, HouseError

#: Of 90.
BEFORE_DAYS = 30.0
log = logging.getLogger(__name__)


def offer_renewals(home: Home, name: str, certificate: bytes) -> None:
    """Renew this certificate from now on; `name` must be a checked one."""
    write_private(make_private_folder(home.renewals) / f"{name}.pem", certificate)


def renew_due(home: Home, *, before_days: float = BEFORE_DAYS) -> list[str]:
    """Renew what is due and return the names. Safe to repeat and to interrupt."""
    renewed = []
    for file in sorted(home.renewals.glob("*.pem")):
        try:
            certificate = pki.renew_for_key(home, file.read_bytes(), before_days=before_days)
        except HouseError as error:
            log.info("%s is not renewed any more: %s", file.stem, error)
            file.unlink(missing_ok=True)
            continue
        if certificate is not None:
            write_private(file, certificate)
            renewed.append(file.stem)
    return renewed
