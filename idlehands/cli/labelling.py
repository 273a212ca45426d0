"""`label`: projects, tags and notes of jobs and sweeps, also of those that have ended."""

import re
from collections.abc import Iterable
from typing import Annotated

import typer

from idlehands.cli import options
from idlehands.cli.exits import USAGE, Stop, say
from schemas.names import ANY_PROJECT_PATTERN, TAG_PATTERN

Ids = Annotated[
    list[str], typer.Argument(metavar="ID...", help="Jobs and sweeps, or unique beginnings of their ids.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("label")(label)


def _check(project: str | None, tags: Iterable[str]) -> None:
    """Raise Stop with words where HQ would answer with a pattern."""
    if project is not None and not re.match(ANY_PROJECT_PATTERN, project):
        raise Stop(USAGE, f"{project!r} is no project: up to 63 letters, digits, dots, hyphens, underscores")
    for one in tags:
        if not re.match(TAG_PATTERN, one):
            raise Stop(
                USAGE, f"{one!r} is no tag: up to 40 lower-case letters, digits, dots, hyphens, underscores"
            )


def label(
    ids: Ids,
    project: Annotated[
        str | None, typer.Option("--project", metavar="NAME", help="What they belong to; '' for none.")
    ] = None,
    note: Annotated[
        str | None, typer.Option("--note", help="What should be known about them; '' for nothing.")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", metavar="WORD", help="Add a tag.")] = None,
    untag: Annotated[list[str] | None, typer.Option("--untag", metavar="WORD", help="Take one away.")] = None,
    json: options.Json = False,
) -> None:
    """Change projects, tags and notes: of all that are named or, when one is not there, of none.

    Example: idlehands label j7q2 --tag baseline --note "the one to beat"
    """
    from idlehands.cli.finding import find_ids
    from idlehands.cli.opening import open_client
    from idlehands.cli.printing import print_json
    from idlehands.cli.words import checked
    from schemas.requests import Label

    _check(project, (*(tag or ()), *(untag or ())))
    with open_client() as client:
        jobs, sweeps = find_ids(client, ids, sweeps=True)
        given = {
            "kind": "label",
            "ids": [*jobs, *sweeps],
            "project": project,
            "note": note,
            "add_tags": tag or [],
            "remove_tags": untag or [],
        }
        position = client.request(checked(given, Label)).position
    if json:
        print_json({"ids": [*jobs, *sweeps], "position": position})
    else:
        for one in (*jobs, *sweeps):
            say(f"{one} labelled")
