"""`scripts`: which directories of the HQ host scripts may be run from, and whether browsers may send some."""

from pathlib import Path
from typing import Annotated

import typer

from idlehands.cli import options
from idlehands.cli.exits import REFUSED, Stop
from idlehands.cli.printing import answer

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A directory of the HQ host.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    scripts = typer.Typer(
        help="Directories whose scripts the page and `POST /scripts/run` may run.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    scripts.command("allow")(scripts_allow)
    scripts.command("list")(scripts_list)
    scripts.command("disallow")(scripts_disallow)
    scripts.command("uploads")(scripts_uploads)
    app.add_typer(scripts, name="scripts")


def scripts_allow(folder: Folder, json: options.Json = False) -> None:
    """Allow every script in DIR and below it, now and later. Whoever may write there decides what runs.

    Needs no restart.

    Example: idlehands scripts allow /srv/scripts
    """
    from idlehands.house import allowed_scripts as allowed
    from idlehands.house.audit import note
    from idlehands.house.home import read_home

    house = read_home()
    try:
        real = allowed.allow(house.path / allowed.FILE_NAME, folder)
    except (allowed.NoSuchScript, allowed.NotAllowed, allowed.AllowedUnreadable) as error:
        raise Stop(REFUSED, f"{error}.") from None
    note(house, "scripts.allowed", subject=str(real))
    said = f'{real} is allowed: POST /scripts/run with "scriptsPath": "{real}" runs the scripts in it.'
    answer(json, {"directory": str(real), "allowed": True}, said)


def scripts_list(json: options.Json = False) -> None:
    """Show the directories that are allowed.

    Example: idlehands scripts list
    """
    from idlehands.cli.printing import print_json, print_table
    from idlehands.house import allowed_scripts as allowed
    from idlehands.house.home import read_home

    try:
        found = allowed.read_allowed(read_home().path / allowed.FILE_NAME)
    except allowed.AllowedUnreadable as error:
        raise Stop(REFUSED, f"{error}.") from None
    if json:
        print_json([{"directory": str(folder), "exists": folder.is_dir()} for folder in found])
        return
    print_table(
        ("directory", "state"),
        [(str(folder), "there" if folder.is_dir() else "missing") for folder in found],
        "No directory is allowed. `idlehands scripts allow DIR` allows one.",
    )


def scripts_disallow(folder: Folder, json: options.Json = False) -> None:
    """Do not run scripts in DIR by path any more. What runs already goes on.

    Example: idlehands scripts disallow /srv/scripts
    """
    from idlehands.house import allowed_scripts as allowed
    from idlehands.house.audit import note
    from idlehands.house.home import read_home

    house = read_home()
    try:
        was_in = allowed.disallow(house.path / allowed.FILE_NAME, folder)
    except allowed.AllowedUnreadable as error:
        raise Stop(REFUSED, f"{error}.") from None
    if not was_in:
        raise Stop(REFUSED, f"{folder} was not allowed. `idlehands scripts list` shows what is.")
    note(house, "scripts.disallowed", subject=str(folder))
    answer(json, {"directory": str(folder), "allowed": False}, f"{folder} is not allowed any more.")


def scripts_uploads(
    state: Annotated[str, typer.Argument(metavar="on|off", help="Without: say how it is.")] = "",
    json: options.Json = False,
) -> None:
    """Let operators send scripts by the page, or not (off unless you say so). Needs no restart.

    Whoever gets hold of an operator's session can then run code of their own on the machines of the house.

    Example: idlehands scripts uploads on
    """
    from idlehands.house import allowed_scripts as allowed
    from idlehands.house.audit import note
    from idlehands.house.home import read_home

    if state not in ("", "on", "off"):
        raise Stop(REFUSED, f"{state!r} is neither on nor off.")
    house = read_home()
    file = house.path / allowed.UPLOADS_NAME
    if state:
        allowed.switch_uploads(file, on=state == "on")
        note(house, "scripts.allowed" if state == "on" else "scripts.disallowed", subject="uploads")
    is_on = file.exists()
    said = f"Scripts from browsers are {'taken: New has a place to drop them' if is_on else 'not taken'}."
    answer(json, {"uploads": is_on}, said)
