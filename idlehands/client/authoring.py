"""An author's word for a script: made where the author's key is, which need not be the HQ host.

Knows keys in files and script references. Who trusts the author is decided on
each machine, by `idlehands trust`.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import asdict, replace

from idlehands.client.errors import ClientError
from schemas.specs import ScriptRef, ScriptSignature

if TYPE_CHECKING:
    from trust.arguments import Argument


class AuthorKeyUnusable(ClientError):
    """The author's key cannot be read or made; the message says why."""


def make_author_key(file: Path) -> str:
    """Return the public key of the author key in `file`, made there if it is missing. Safe to repeat.

    Raises:
        AuthorKeyUnusable: If it cannot be written, or the file holds something else.
    """
    from trust.keys import KeyUnusable, ensure_signing_key, public_hex

    try:
        return public_hex(ensure_signing_key(file))
    except (KeyUnusable, OSError) as error:
        raise AuthorKeyUnusable(str(error)) from error


def sign_reference(
    script: ScriptRef,
    key_file: Path,
    *,
    version: str = "",
    arguments: "tuple[Argument, ...] | None" = None,
) -> ScriptRef:
    """Return the reference with its author's word for it. The author calls themselves as the file is called.

    Args:
        script: The script.
        key_file: The author's key.
        version: The author's own word for how new it is.
        arguments: All that the script may be given; None: whatever whoever submits it likes.

    Raises:
        AuthorKeyUnusable: If the file holds no author key.
    """
    # Here and not above: who signs nothing need not load this library.
    from trust.keys import KeyUnusable, load_signing_key
    from trust.scripts import Statement, sign_script

    try:
        key = load_signing_key(key_file)
        said = Statement(script.name, script.bundle, script.entry, key_file.stem[:200], version, arguments)
        return replace(script, signature=ScriptSignature(**asdict(sign_script(key, said))))
    except (KeyUnusable, ValueError) as error:
        raise AuthorKeyUnusable(f"cannot sign {script.entry}: {error}") from error
