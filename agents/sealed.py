"""Opens the secrets that came sealed with a grant. They stay in memory.

Knows this agent's key and what HQ puts into a box; not what becomes of the
values. The library for it is loaded with the first box: an idle agent is small.
"""

from pathlib import Path

import msgspec

from schemas.messages import Grant


class SecretsUnopened(Exception):
    """The values are not there or cannot be read here; the message says why and what to do."""


class SecretsOpener:
    """Opens boxes with the key in one file, `seal.key` beside the certificate."""

    def __init__(self, key_file: Path) -> None:
        self._key_file = key_file

    def open(self, grant: Grant) -> dict[str, bytes]:
        """Return the values of the job's secrets by name.

        Raises:
            SecretsUnopened: If one of them is not there, or was not sealed for this agent and attempt.
        """
        names = grant.spec.secrets
        if not names:
            return {}
        if not grant.sealed:
            raise SecretsUnopened(grant.withheld or f"HQ sent no values for {', '.join(names)}")
        from trust.keys import KeyUnusable, load_sealing_key
        from trust.sealing import SealBroken, unseal

        try:
            key = load_sealing_key(self._key_file)
            content = unseal(key, grant.sealed, f"{grant.job}/{grant.token}")
            values = msgspec.json.decode(content, type=dict[str, bytes])
            return {name: values[name] for name in names}
        except (KeyUnusable, SealBroken) as error:
            raise SecretsUnopened(f"the job's secrets cannot be opened: {error}") from None
        except msgspec.DecodeError:
            raise SecretsUnopened("HQ sealed something that is no list of secrets") from None
        except KeyError as error:
            raise SecretsUnopened(f"HQ sent no value for the secret {error.args[0]}") from None
