"""`secret`: passwords and keys that jobs get, and nobody else sees."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from idlehands.cli import options
from idlehands.cli.exits import REFUSED, USAGE, Stop
from idlehands.cli.printing import answer

Name = Annotated[str, typer.Argument(metavar="NAME", help="As of a variable, such as WANDB_API_KEY.")]
#: What a script's interpreter, or the agent, means something else by.
_TAKEN = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "TMPDIR", "VIRTUAL_ENV")
_TAKEN_PREFIXES = ("IDLEHANDS_", "PYTHON", "LD_", "LC_", "DYLD_")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    secret = typer.Typer(
        help="Secrets for jobs, kept encrypted on the HQ host.", no_args_is_help=True, rich_markup_mode=None
    )
    secret.command("set")(secret_set)
    secret.command("list")(secret_list)
    secret.command("delete")(secret_delete)
    app.add_typer(secret, name="secret")


def secret_set(
    name: Name,
    file: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="Whose content it is; else standard input.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Keep a secret under NAME, or replace it. The value comes from FILE or standard input, never from words.

    From standard input, the newline at its end is not part of it.

    Example: idlehands secret set WANDB_API_KEY --file key.txt
    """
    from trust.vault import BadSecret, VaultUnusable

    _check(name)
    vault = _open_vault()
    value = _read_value(name, file)
    try:
        vault.set(name, value)
    except (BadSecret, VaultUnusable) as error:
        raise Stop(REFUSED, str(error)) from None
    _note("secret.set", name)
    said = f"{name} is kept ({len(value)} bytes). `idlehands run --secret {name} SCRIPT` hands it to a job."
    answer(json, {"name": name, "bytes": len(value)}, said)


def secret_list(json: options.Json = False) -> None:
    """Show the names of the secrets, and when each was set. Values are never shown.

    Example: idlehands secret list
    """
    import datetime

    from idlehands.cli.printing import print_json, print_table
    from trust.vault import VaultUnusable

    try:
        found = _open_vault().names()
    except VaultUnusable as error:
        raise Stop(REFUSED, str(error)) from None
    if json:
        print_json([{"name": name, "set_at": at} for name, at in found.items()])
        return
    rows = [
        (name, datetime.datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M"))
        for name, at in found.items()
    ]
    print_table(("secret", "set"), rows, "There are no secrets. `idlehands secret set NAME` keeps one.")


def secret_delete(name: Name, json: options.Json = False) -> None:
    """Forget a secret. Jobs that wait for it will fail; what runs has it already.

    Example: idlehands secret delete WANDB_API_KEY
    """
    from trust.vault import UnknownSecret, VaultUnusable

    try:
        _open_vault().delete(name)
    except UnknownSecret:
        raise Stop(REFUSED, f"There is no secret {name}. `idlehands secret list` shows all.") from None
    except VaultUnusable as error:
        raise Stop(REFUSED, str(error)) from None
    _note("secret.deleted", name)
    answer(json, {"name": name, "deleted": True}, f"{name} is forgotten.")


def _open_vault() -> Any:
    from idlehands.house.home import read_home
    from trust.vault import Vault

    return Vault(read_home().secrets)


def _note(what: str, name: str) -> None:
    from idlehands.house.audit import note
    from idlehands.house.home import read_home

    note(read_home(), what, subject=name)


def _check(name: str) -> None:
    import re

    from schemas.names import VARIABLE_PATTERN

    if not re.fullmatch(VARIABLE_PATTERN, name):
        raise Stop(
            USAGE,
            f"{name[:80]!r} cannot name a secret: letters, digits and underscores, not beginning with a "
            "digit, at most 64.",
        )
    if name in _TAKEN or name.startswith(_TAKEN_PREFIXES):
        raise Stop(USAGE, f"{name} means something else to scripts. Choose another name.")


def _read_value(name: str, file: Path | None) -> bytes:
    if file is not None:
        try:
            return file.read_bytes()
        except OSError as error:
            raise Stop(REFUSED, f"Cannot read {file}: {error.strerror}.") from None
    if sys.stdin.isatty():
        import getpass

        return getpass.getpass(f"{name}: ").encode("utf-8", "surrogateescape")
    value = sys.stdin.buffer.read()
    return value.removesuffix(b"\n").removesuffix(b"\r")
