"""`get`: a job's result, log and files, here."""

from pathlib import Path
from typing import Annotated

import typer

from idlehands.cli import options


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("get")(get)


def get(
    ident: options.OneJob,
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Where to; made if missing. By default ./ID.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Bring a job's result.json, log.txt and artifacts here; goes on where it broke off, checks each file."""
    import sys

    from idlehands.cli.exits import REFUSED, Stop, say
    from idlehands.cli.finding import find_job
    from idlehands.cli.opening import open_client
    from idlehands.cli.printing import print_json
    from idlehands.client.outputs import fetch_outputs

    with open_client() as client:
        whole = find_job(client, ident)
        target = folder or Path(whole)
        try:
            written = fetch_outputs(client, client.job(whole), target, say)
        except OSError as error:
            raise Stop(REFUSED, f"{error.filename or target} cannot be written: {error.strerror}") from None
    if json:
        print_json({"job": whole, "files": [str(path) for path in written]})
    else:
        sys.stdout.write("".join(f"{path}\n" for path in written))
