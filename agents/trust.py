"""Whom this machine trusts: HQ's word for a grant, an author's for a script, and its owner's rules.

Reads `trust.json` in the certificate's folder, again whenever it changes.
Without a readable one nothing is trusted. The library that verifies is loaded
with the first grant.
"""

import logging
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from bus.signing import UNKNOWN_SIGNER, SignatureRefused, Signed, check_signature, stamp
from schemas.messages import Grant
from schemas.specs import JobSpec, ScriptRef, ScriptSignature
from schemas.trust import FILE_NAME, TrustList

if TYPE_CHECKING:
    # Its library is loaded with the first grant.
    from trust.scripts import Statement

log = logging.getLogger(__name__)

#: An author's signature is checked once a bundle: so many are remembered.
_REMEMBERED = 256
_WAY_OUT = (
    "Have the certificate issued again on the HQ host (`idlehands cert issue NAME --role agent --renew "
    "--out DIR`) and put all its files here"
)


class TrustUnusable(Exception):
    """There is no trust list or no key that can be used; the text says what to do."""


def read_trust(certificate: Path) -> TrustList:
    """Return the owner's rules.

    Raises:
        TrustUnusable: If there are none that can be understood.
    """
    file = certificate / FILE_NAME
    try:
        return msgspec.json.decode(file.read_bytes(), type=TrustList)
    except FileNotFoundError:
        raise TrustUnusable(f"{file} is missing: it says whose jobs this machine runs. {_WAY_OUT}.") from None
    except OSError as error:
        raise TrustUnusable(f"{file} cannot be read: {error.strerror or error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TrustUnusable(f"{file} cannot be understood: {error}. Correct it, or: {_WAY_OUT}.") from error


def check_folder(certificate: Path) -> None:
    """Return when the folder holds all that an agent signs and trusts with.

    Raises:
        TrustUnusable: If something is missing: then the agent must not begin.
    """
    read_trust(certificate)
    key = certificate / "sign.key"
    if not key.is_file():
        raise TrustUnusable(
            f"{key} is missing: results are signed with it. The certificate is from before that. {_WAY_OUT}."
        )


class Trust:
    """The rules in force. `check` is called on the bus's thread, the rest by the agent's loop."""

    def __init__(self, certificate: Path) -> None:
        self._folder = certificate
        self._file = certificate / FILE_NAME
        self._read: tuple[int, int] | None = None
        self._told: tuple[int, int] | None = stamp(self._file)
        self._list: TrustList | None = None
        self._trouble = ""
        self._lock = threading.Lock()
        #: What signatures turned out to say, or why they do not hold.
        self._known: OrderedDict[tuple[str, ScriptSignature], Statement | str] = OrderedDict()

    def check(self, signed: Signed) -> None:
        """Return when HQ has signed this message.

        Raises:
            SignatureRefused: If no HQ that this machine trusts has.
        """
        rules = self._rules()
        if rules is None:
            raise SignatureRefused(UNKNOWN_SIGNER, self._trouble)
        from trust.keys import key_id

        try:
            check_signature(signed, {key_id(key): key for key in rules.hq})
        except SignatureRefused as error:
            if error.reason == UNKNOWN_SIGNER:
                why = f"HQ signs with the key {signed.signer[:16]}, which {self._file} does not list"
                raise SignatureRefused(UNKNOWN_SIGNER, f"{why}. {_WAY_OUT}.") from None
            raise

    def judge(self, grant: Grant) -> str:
        """Return why the owner's rules do not let this script run here, or "" when they do."""
        rules = self._rules()
        return self._trouble if rules is None else self._judge(grant.spec, rules)

    def changed(self) -> bool:
        """Tell whether the rules changed since this was last asked."""
        found = stamp(self._file)
        if found == self._told:
            return False
        self._told = found
        return True

    def _judge(self, spec: JobSpec, rules: TrustList) -> str:
        from trust.keys import key_id

        script = spec.script
        signature = script.signature
        if script.bundle in rules.denied:
            return "its owner has denied this script"
        if signature is None:
            return "the script is not signed by its author"
        keys = {key_id(author.key): author for author in rules.authors}
        denied = {key_id(key) for key in rules.denied} | set(rules.denied)
        if signature.key in denied:
            return f"its owner has denied the author of this script (key {signature.key[:16]})"
        author = keys.get(signature.key)
        if author is None:
            return (
                f"its owner does not trust the author of this script (key {signature.key[:16]}): "
                "`idlehands trust author add NAME KEY` there does"
            )
        said = self._said(author.key, script, signature)
        if isinstance(said, str):
            return said
        if said.arguments is not None:
            from trust.arguments import why_refused

            if why := why_refused(said.arguments, spec.params, spec.argv):
                return why
        if rules.scripts == "listed" and script.bundle not in rules.allowed:
            command = f"`idlehands trust allow {script.bundle}`"
            return f"its owner runs listed scripts only: {command} there lists this one"
        return ""

    def _said(self, public: str, script: ScriptRef, signature: ScriptSignature) -> "Statement | str":
        """Return what the author signed, or why that is no word for this script."""
        known = (f"{public} {script.bundle} {script.entry}", signature)
        if known in self._known:
            self._known.move_to_end(known)
            return self._known[known]
        from trust.scripts import StatementBroken, read_statement

        said: Statement | str
        try:
            said = read_statement(public, signature.statement, signature.signature)
            if (said.bundle, said.entry) != (script.bundle, script.entry):
                said = "its author signed another script than the one that is to run"
        except StatementBroken as error:
            said = f"the script is not what its author signed: {error}"
        self._known[known] = said
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return said

    def _rules(self) -> TrustList | None:
        """Return the rules as they stand in the file now, None when they cannot be read."""
        with self._lock:
            found = stamp(self._file)
            if found is None or found != self._read or self._list is None:
                self._read = found
                try:
                    self._list, self._trouble = read_trust(self._folder), ""
                except TrustUnusable as error:
                    if str(error) != self._trouble:
                        log.error("%s Until then no job runs here.", error)
                    self._list, self._trouble = None, str(error)
            return self._list
