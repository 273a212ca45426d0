"""REST as an admin, for commands of the HQ host: whoever has the house's folder is its admin."""

import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from idlehands.cli.exits import REFUSED, Stop

if TYPE_CHECKING:
    from idlehands.client.rest import Rest

SecretFile = typer.Option(
    "--secret-file",
    metavar="FILE",
    help="Whose first line it is; - is standard input. Never given as words, and never shown again.",
)


@contextlib.contextmanager
def as_admin() -> Iterator["Rest"]:
    """Yield REST with a token that ends with the context."""
    from idlehands.cli.opening import open_client
    from idlehands.client.rest import Rest
    from idlehands.house.files import write_private
    from idlehands.house.home import COMMAND_LINE, read_home
    from idlehands.house.tokens import TokenRole, momentary

    home = read_home()
    file = home.run / f"token-{secrets.token_hex(8)}"
    with open_client() as client, momentary(home, TokenRole.ADMIN, COMMAND_LINE) as token:
        try:
            write_private(file, token)
            rest = Rest(client.rest.url, file, home.pki / "ca.pem", https_only=home.is_https)
            try:
                yield rest
            finally:
                rest.close()
        finally:
            file.unlink(missing_ok=True)


def post(rest: "Rest", path: str, body: Any = None) -> Any:
    """Post JSON and return the JSON of the answer; raises as `Rest.send`."""
    import msgspec

    content = b"{}" if body is None else msgspec.json.encode(body)
    return msgspec.json.decode(rest.send("POST", path, content, "application/json"))


def read_secret(file: str | None) -> str | None:
    """Return the first line of a file or of standard input; None without a file."""
    import sys

    if file is None:
        return None
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Stop(REFUSED, f"The secret cannot be read from {file}: {error}.") from None
    line = text.splitlines()[0] if text else ""
    if not line:
        raise Stop(REFUSED, f"There is no secret in {file}.")
    return line
