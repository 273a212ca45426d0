"""The house as an author, and the rules that an agent's folder begins with.

Makes `hq/author.key`, with which HQ signs what operators submit unsigned,
and `trust.json` for new agents. What the owner of a machine changes there
afterwards stays. Knows nothing of messages.
"""

from pathlib import Path

import msgspec

from idlehands.house.files import make_private_folder, write_private
from idlehands.house.home import Home, HouseError
from idlehands.house.registry import read_issued
from schemas.trust import FILE_NAME, TrustedAuthor, TrustList
from trust.keys import KeyUnusable, ensure_signing_key, public_hex


class TrustListUnusable(HouseError):
    """The rules of one agent cannot be understood; nothing of that agent begins until they can."""


#: The author who speaks for what operators submit unsigned.
HOUSE = "house"


def author_key_file(home: Home) -> Path:
    """Return where the house's own author key is."""
    return home.service("hq") / "author.key"


def ensure_author(home: Home) -> str:
    """Return the public key of the house as an author, made where it is missing. Safe to repeat.

    Raises:
        HouseError: If the key cannot be used or written.
    """
    file = author_key_file(home)
    try:
        make_private_folder(file.parent)
        return public_hex(ensure_signing_key(file))
    except (KeyUnusable, OSError) as error:
        raise HouseError(f"The house's author key cannot be used: {error}") from error


def grant_key(home: Home) -> str:
    """Return the public key that HQ signs grants with, made where it is missing. Safe to repeat.

    Raises:
        HouseError: If the key cannot be used or written.
    """
    hq = read_issued(home.pki).get("hq")
    if hq is not None and hq.signing_key:
        return hq.signing_key
    try:
        make_private_folder(home.service("hq"))
        return public_hex(ensure_signing_key(home.service("hq") / "sign.key"))
    except (KeyUnusable, OSError) as error:
        raise HouseError(f"HQ's key for grants cannot be used: {error}") from error


def first_trust_list(home: Home) -> TrustList:
    """Return the rules that a new agent begins with: this HQ, and the house as the only author."""
    return TrustList(hq=(grant_key(home),), authors=(TrustedAuthor(HOUSE, ensure_author(home)),))


def ensure_trust_list(home: Home, folder: Path) -> None:
    """Write the first rules into an agent's folder, or bring the house's own keys in them up to date.

    Safe to repeat: what the owner changed of authors and scripts stays. A house that was
    given new keys (`cert rotate`) is trusted by its old ones no more.

    Raises:
        HouseError: If the rules there cannot be understood.
        OSError: If they cannot be read or written.
    """
    if not (folder / FILE_NAME).exists():
        write_trust_list(folder, first_trust_list(home))
        return
    rules = read_trust_list(folder)
    first = first_trust_list(home)
    authors = tuple(first.authors[0] if author.name == HOUSE else author for author in rules.authors)
    changed = msgspec.structs.replace(rules, hq=first.hq, authors=authors)
    if changed != rules:
        write_trust_list(folder, changed)


def read_trust_list(folder: Path) -> TrustList:
    """Return the rules of the agent whose certificate is in `folder`.

    Raises:
        TrustListUnusable: If they cannot be read or understood.
        HouseError: If there are none.
    """
    file = folder / FILE_NAME
    try:
        return msgspec.json.decode(file.read_bytes(), type=TrustList)
    except FileNotFoundError:
        raise HouseError(
            f"There is no {file}: {folder} is not the folder of an agent, or its certificate is from "
            "before scripts were signed. `idlehands cert issue NAME --role agent --renew --out DIR` on "
            "the HQ host makes one."
        ) from None
    except OSError as error:
        raise TrustListUnusable(f"{file} cannot be read: {error.strerror or error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TrustListUnusable(
            f"{file} cannot be understood: {error}. Correct it by hand, or remove it to begin with the first "
            "rules again: this HQ, and the author `house`."
        ) from error


def write_trust_list(folder: Path, rules: TrustList) -> None:
    """Replace the rules, whole or not at all; a running agent follows within seconds."""
    # Defaults too: it is a file for people.
    shown = {field: getattr(rules, field) for field in rules.__struct_fields__}
    write_private(folder / FILE_NAME, msgspec.json.format(msgspec.json.encode(shown)) + b"\n")
