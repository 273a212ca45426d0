"""`trust.json` in an agent's folder: whom its owner trusts, and what may run.

Written when the certificate is issued, edited by `idlehands trust` on the
agent's machine, read by the agent. It never comes over the bus.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from schemas.names import Sha256, ShortText

#: The raw public key, in hexadecimal.
PublicKey = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}(?!\n)$", description="A public key, lower-case hex.")]

#: In the folder of the agent's certificate.
FILE_NAME = "trust.json"


class TrustedAuthor(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody whose scripts may run. The name is the owner's own for them."""

    name: ShortText
    key: PublicKey


class TrustList(Struct, frozen=True, forbid_unknown_fields=True):
    """The owner's rules. A misspelt field is an error: it must not leave a door open."""

    #: Keys that HQ may sign grants with.
    hq: tuple[PublicKey, ...] = ()
    authors: tuple[TrustedAuthor, ...] = ()
    #: Authors' keys and bundles that never run here, whoever signed them.
    denied: tuple[Sha256, ...] = ()
    #: `signed`: every script of a trusted author. `listed`: of those, only the bundles in `allowed`.
    scripts: Literal["signed", "listed"] = "signed"
    allowed: tuple[Sha256, ...] = ()
