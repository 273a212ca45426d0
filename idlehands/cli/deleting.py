"""`delete`: jobs and sweeps that have ended, with all that is stored of them."""

from typing import Annotated

import typer

from idlehands.cli import completing, options

Ids = Annotated[
    list[str],
    typer.Argument(
        metavar="ID...",
        help="Ids of jobs or sweeps, or unique beginnings of them.",
        autocompletion=completing.jobs_and_sweeps,
    ),
]
#: What one request deletes: its answer lists the jobs again.
_AT_ONCE = 2000


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("delete")(delete)


def delete(ids: Ids, json: options.Json = False) -> None:
    """Delete jobs that have ended with results, logs and curves, or sweeps with their jobs. For ever.

    Example: idlehands delete j7q2 s3fa
    """
    from idlehands.cli.exits import say
    from idlehands.cli.finding import find_ids
    from idlehands.cli.opening import open_client
    from idlehands.cli.printing import print_json

    with open_client() as client:
        jobs, sweeps = find_ids(client, ids, sweeps=True)
        position = 0
        for first in range(0, len(jobs), _AT_ONCE):
            position = client.delete(jobs[first : first + _AT_ONCE]).position
        for sweep in sweeps:
            position = client.delete_sweep(sweep).position
    if json:
        print_json({"jobs": jobs, "sweeps": sweeps, "position": position})
        return
    for one in (*jobs, *sweeps):
        say(f"{one} deleted")
