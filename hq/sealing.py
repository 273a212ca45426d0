"""Seals the secrets of granted jobs to the agents that got them, on their way to the bus.

Values are read when a grant is published and forgotten with it: the core knows
names only, and neither log nor read models hear of values.
"""

import logging
from collections.abc import Callable, Collection

import msgspec
from msgspec.structs import replace

from schemas.messages import Grant, Grants
from trust.sealing import seal
from trust.vault import UnknownSecret, Vault, VaultUnusable

#: Of all secrets of one job together: they travel beside its spec, in one message.
BYTES_AT_MOST = 24 * 1024
log = logging.getLogger(__name__)


class Sealer:
    """Adds sealed secrets to grants.

    Args:
        vault: The house's secrets.
        sealing_key_of: Returns an agent's public key in hexadecimal, "" when it has none.
    """

    def __init__(self, vault: Vault, sealing_key_of: Callable[[str], str]) -> None:
        self._vault = vault
        self._sealing_key_of = sealing_key_of

    def known(self) -> Collection[str]:
        """Return the names of the secrets that jobs may ask for; none while they cannot be read."""
        try:
            return self._vault.names().keys()
        except VaultUnusable as error:
            log.error("%s", error)
            return ()

    def seal_grants(self, grants: Grants) -> Grants:
        """Return the grants, those whose jobs ask for secrets with them, or with why not."""
        if not any(grant.spec.secrets for grant in grants.grants):
            return grants
        return replace(grants, grants=tuple(self._seal_grant(grant) for grant in grants.grants))

    def _seal_grant(self, grant: Grant) -> Grant:
        if not grant.spec.secrets:
            return grant
        key = self._sealing_key_of(grant.agent)
        if not key:
            return _withhold(
                grant,
                f"{grant.agent} has no key for secrets: renew its certificate with "
                f"`idlehands cert issue {grant.agent} --role agent --renew`",
            )
        try:
            values = self._vault.read(grant.spec.secrets)
        except UnknownSecret as error:
            return _withhold(grant, f"there is no secret {error} any more: `idlehands secret set {error}`")
        except VaultUnusable as error:
            log.error("%s", error)
            return _withhold(grant, "HQ cannot read its secrets: its log says why")
        size = sum(map(len, values.values()))
        if size > BYTES_AT_MOST:
            return _withhold(grant, f"its secrets have {size} bytes together, at most {BYTES_AT_MOST}")
        try:
            return replace(grant, sealed=seal(key, msgspec.json.encode(values), f"{grant.job}/{grant.token}"))
        except ValueError:
            return _withhold(grant, f"the key of {grant.agent} is none to seal with: renew its certificate")


def _withhold(grant: Grant, why: str) -> Grant:
    return replace(grant, withheld=why[:200])
