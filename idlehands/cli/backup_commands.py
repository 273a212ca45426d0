"""`backup` and `restore`: a house in one file, and a house from it."""

from pathlib import Path
from typing import Annotated

import typer

from idlehands.cli import options
from idlehands.cli.bars import bar
from idlehands.cli.exits import say


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("backup")(backup)
    app.command("restore")(restore)


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Must not exist, such as house.backup.")],
    with_logs: Annotated[
        bool, typer.Option("--with-logs", help="Progress and logs of the jobs too; can be large.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Write the whole house to one file. It may be up meanwhile.

    The file holds private keys: whoever has it can run code on every machine of the house.

    Example: idlehands backup house.backup --with-logs
    """
    from idlehands.cli.printing import print_json
    from idlehands.house.backup import back_up
    from idlehands.house.home import read_home

    with bar(f"writing {file.name}", is_bytes=False) as on_done:
        report = back_up(read_home(), file.absolute(), with_logs=with_logs, say=say, on_done=on_done)
    for sha256 in report.damaged:
        say(f"Warning: blob {sha256} is damaged in the database and is not in the backup.")
    if json:
        print_json(report)
        return
    say(
        f"{file} holds the house up to position {report.position} of its event log ({_size(report.bytes)}). "
        "It contains the keys of the house: keep it where only you can read it."
    )


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `idlehands backup` wrote.")],
    home: Annotated[
        Path | None,
        typer.Option("--home", metavar="DIR", help="Missing or empty; IDLEHANDS_HOME by default."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Make a house from a backup, in an empty folder. All of the file is verified before anything is made.

    Example: idlehands restore house.backup --home /srv/house
    """
    from idlehands.cli.printing import print_json
    from idlehands.house.home import default_home_path
    from idlehands.house.restoring import restore as restore_house

    path = home.absolute() if home else default_home_path()
    with bar(f"checking {file.name}", is_bytes=False) as on_done:
        report = restore_house(path, file.absolute(), say, on_done)
    if json:
        print_json(report)
        return
    for remark in report.remarks:
        say(f"Note: {remark}")
    say(
        f"The house is restored in {path}, up to position {report.position} of its event log. "
        "Start it with `idlehands up`, and never start the old one again: two houses with the same keys "
        "would hand out the same jobs."
    )
    if home:
        say(f"It is not the default house: set IDLEHANDS_HOME={path}.")


def _size(count: int) -> str:
    return f"{count / 2**20:.1f} MiB" if count >= 2**20 else f"{count / 1024:.0f} KiB"
