"""`data`: datasets by name and version, which scripts get as paths."""

import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idlehands.cli import completing, options

if TYPE_CHECKING:
    from idlehands.client import Client

Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="Of a dataset: wine, or wine@VERSION.", autocompletion=completing.datasets
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    data = typer.Typer(
        help="Datasets: a parameter data://NAME becomes a path on the machine that runs the job.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    data.command("add")(add)
    data.command("list")(list_datasets)
    data.command("show")(show_dataset)
    data.command("remove")(remove)
    app.add_typer(data, name="data")


def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Lower-case letters, digits, . - and _.")],
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A file or a folder.")],
    json: options.Json = False,
) -> None:
    """Store PATH as the newest version of the dataset NAME and print it. Goes on where it broke off.

    Example: idlehands data add wine wine.csv
    """
    from idlehands.cli.bars import bar
    from idlehands.cli.exits import REFUSED, USAGE, Stop, say
    from idlehands.cli.opening import open_client
    from idlehands.cli.printing import print_json
    from idlehands.client.datasets import add_dataset
    from schemas.names import DATASET_PATTERN

    if not re.fullmatch(DATASET_PATTERN, name):
        raise Stop(USAGE, f"{name[:80]!r} cannot name a dataset: 1 to 63 of a-z, 0-9, dots, _ and -")
    with open_client() as client, bar(f"sending {name}") as on_bytes:
        try:
            added = add_dataset(client.rest, name, path, on_bytes)
        except OSError as error:
            raise Stop(REFUSED, f"{error.filename or path} cannot be read: {error.strerror}") from None
    if json:
        print_json(added)
        return
    was = "" if added["new"] else ", which was there already"
    say(f"{added['files']} files, {added['bytes']} bytes{was}")
    sys.stdout.write(f"{added['name']}@{added['sha256'][:12]}\n")


def list_datasets(json: options.Json = False) -> None:
    """List the datasets. --json: one JSON document a line.

    Example: idlehands data list
    """
    from idlehands.cli.opening import open_client

    with open_client() as client:
        rows = list(client.rest.pages("/datasets", "datasets", limit=1000))
    columns = ("name", "newest", "versions", "kind", "files", "bytes", "added")
    _print(rows, json, columns, "No datasets. `idlehands data add NAME PATH` makes one.")


def show_dataset(name: Name, json: options.Json = False) -> None:
    """Show the versions of a dataset, the newest first. --json: one JSON document a line.

    Example: idlehands data show wine
    """
    from idlehands.cli.opening import open_client

    with open_client() as client:
        rows = _find(client, name)
    _print(rows, json, ("version", "kind", "file", "files", "bytes", "by", "added"))


def _print(rows: list[dict[str, Any]], json: bool, columns: Sequence[str], empty: str = "") -> None:
    from idlehands.cli.printing import ago, print_lines, print_table

    if json:
        print_lines(rows)
        return
    now = time.time()
    shown = [
        {
            **row,
            "newest": row["sha256"][:12],
            "version": row["sha256"],
            "file": row.get("filename"),
            "added": ago(row["at"], now),
        }
        for row in rows
    ]
    print_table(columns, [[row[name] for name in columns] for row in shown], empty)


def remove(name: Name, json: options.Json = False) -> None:
    """Forget a dataset with all its versions, or with NAME@VERSION one. Jobs that name it fail then.

    Example: idlehands data remove wine@3f0c
    """
    from idlehands.cli.exits import say
    from idlehands.cli.opening import open_client
    from idlehands.cli.printing import print_json

    base, _, version = name.partition("@")
    with open_client() as client:
        found = _find(client, name)
        if version:
            for row in found:
                client.rest.send("DELETE", f"/datasets/{base}/{row['sha256']}")
        else:
            client.rest.send("DELETE", f"/datasets/{base}")
    if json:
        print_json({"name": base, "removed": [row["sha256"] for row in found]})
    else:
        say(f"{base}: {len(found)} versions removed")


def _find(client: "Client", name: str) -> list[dict[str, Any]]:
    """Return the versions that a name means.

    Raises:
        Stop: If there are none, or `@VERSION` is the beginning of several.
    """
    import urllib.parse

    from idlehands.cli.exits import REFUSED, Stop

    base, _, version = name.partition("@")
    rows = client.rest.get(f"/datasets/{urllib.parse.quote(base, safe='')}")["versions"]
    found = [row for row in rows if row["sha256"].startswith(version)]
    if not found:
        raise Stop(REFUSED, f"{base} has no version {version[:64]!r}: see `idlehands data show {base}`")
    if version and len(found) > 1:
        raise Stop(REFUSED, f"{version!r} begins {len(found)} versions of {base}: give more of it")
    return found
