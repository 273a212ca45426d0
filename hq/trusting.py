"""Whose results count, and the house's word for scripts that their submitters did not sign.

Knows the registry of certificates as a file with public keys, read again when
it changes, and the key of the author `house`. Which script an agent then runs
is decided there, by its owner's list.
"""

import logging
from functools import lru_cache
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import asdict, replace

from bus.signing import UNKNOWN_SIGNER, SignatureRefused, Signed, check_signature, stamp
from schemas.messages import Grant, Grants
from schemas.specs import ScriptRef, ScriptSignature
from trust.keys import key_id, load_signing_key
from trust.scripts import Statement, sign_script

#: The author who speaks for scripts that operators submitted unsigned.
HOUSE = "house"
log = logging.getLogger(__name__)


class PrincipalsUnusable(Exception):
    """The registry of certificates cannot be read; the message says why."""


class _Principal(msgspec.Struct, frozen=True):
    name: str
    signing_key: str = ""
    sealing_key: str = ""


class Principals:
    """Who signs with which key, as the registry says now. Used on the bus's thread and on HQ's."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read: tuple[int, int] | None = None
        #: name -> public keys by their id; none for a certificate from before there were keys.
        self._keys: dict[str, dict[str, str]] = {}
        self._sealing_keys: dict[str, str] = {}
        self._names: frozenset[str] = frozenset()
        self._said: set[tuple[str, str]] = set()
        self._load()

    def check(self, signed: Signed) -> None:
        """Return when the agent that the topic names has signed this message.

        Raises:
            SignatureRefused: If it has not.
        """
        agent = signed.names.get("agent", "")
        try:
            check_signature(signed, self._keys_of(agent))
        except SignatureRefused as error:
            self._say_once(agent, error)
            raise

    def sealing_key_of(self, agent: str) -> str:
        """Return the public key in hexadecimal that secrets are sealed with for an agent, "" without one."""
        self._refresh()
        return self._sealing_keys.get(agent, "")

    def names(self) -> frozenset[str]:
        """Return who has a certificate; the same object while nothing changed."""
        self._refresh()
        return self._names

    def _keys_of(self, agent: str) -> dict[str, str]:
        self._refresh()
        return self._keys.get(agent, {})

    def _refresh(self) -> None:
        if stamp(self._file) != self._read:
            try:
                self._load()
            except PrincipalsUnusable as error:
                # Those known before stay: somebody is writing it, or the disk has trouble.
                log.error("%s", error)

    def _load(self) -> None:
        found = stamp(self._file)
        try:
            entries = msgspec.json.decode(self._file.read_bytes(), type=list[_Principal])
            self._keys = {
                entry.name: {key_id(entry.signing_key): entry.signing_key} if entry.signing_key else {}
                for entry in entries
            }
            self._names = frozenset(entry.name for entry in entries)
            self._sealing_keys = {entry.name: entry.sealing_key for entry in entries}
        except (OSError, ValueError, msgspec.DecodeError) as error:
            raise PrincipalsUnusable(
                f"The registry of certificates {self._file} cannot be read: {error}. "
                "Restore it from a backup."
            ) from error
        self._read = found
        self._said.clear()

    def _say_once(self, agent: str, error: SignatureRefused) -> None:
        if (agent, error.reason) in self._said:
            return
        self._said.add((agent, error.reason))
        why = str(error)
        if error.reason == UNKNOWN_SIGNER and not self._keys.get(agent):
            why = (
                "its certificate is from before results were signed. Renew it, and put its files there: "
                f"`idlehands cert issue {agent} --role agent --renew --out DIR`"
            )
        log.warning("results of %s are refused: %s", agent, why)


class HouseAuthor:
    """Signs, as the author `house`, what operators submitted without an author's signature."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self._sign = lru_cache(maxsize=1024)(self._sign_script)

    @classmethod
    def load(cls, file: Path) -> "HouseAuthor":
        """Return the author with the key in `file`.

        Raises:
            trust.keys.KeyUnusable: If it holds none.
        """
        return cls(load_signing_key(file))

    def sign_grants(self, grants: Grants) -> Grants:
        """Return the grants, each with a script that some author has signed."""
        if all(grant.spec.script.signature is not None for grant in grants.grants):
            return grants
        return replace(grants, grants=tuple(self._sign_grant(grant) for grant in grants.grants))

    def _sign_grant(self, grant: Grant) -> Grant:
        if grant.spec.script.signature is not None:
            return grant
        return replace(grant, spec=replace(grant.spec, script=self._sign(grant.spec.script)))

    def _sign_script(self, script: ScriptRef) -> ScriptRef:
        said = Statement(script.name, script.bundle, script.entry, HOUSE)
        return replace(script, signature=ScriptSignature(**asdict(sign_script(self._key, said))))
