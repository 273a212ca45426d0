"""`cancel`, `hold`, `release` and `retry`."""

from typing import Annotated

import typer

from idlehands.cli import completing, options

Ids = Annotated[
    list[str],
    typer.Argument(
        metavar="ID...",
        help="Job ids, or unique beginnings of them.",
        autocompletion=completing.jobs_and_sweeps,
    ),
]
_DONE = {"cancel": "cancelled", "hold": "held", "release": "released"}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("cancel")(cancel)
    app.command("hold")(hold)
    app.command("release")(release)
    app.command("retry")(retry)


def cancel(ids: Ids, json: options.Json = False) -> None:
    """Cancel jobs, or a sweep with all its trials. Jobs: all of them or, when one cannot be, none.

    Example: idlehands cancel j7q2 s3fa
    """
    _change("cancel", ids, json)


def hold(ids: Ids, json: options.Json = False) -> None:
    """Keep queued jobs from starting.

    Example: idlehands hold j7q2 j8aa
    """
    _change("hold", ids, json)


def release(ids: Ids, json: options.Json = False) -> None:
    """Let held jobs start.

    Example: idlehands release j7q2
    """
    _change("release", ids, json)


def retry(ids: Ids, json: options.Json = False) -> None:
    """Submit new jobs with the same specs, and print their ids.

    Example: idlehands retry j7q2
    """
    _change("retry", ids, json)


def _change(verb: str, ids: list[str], json: bool) -> None:
    import sys

    from idlehands.cli.exits import say
    from idlehands.cli.finding import find_ids
    from idlehands.cli.opening import open_client
    from idlehands.cli.printing import print_json

    with open_client() as client:
        jobs, sweeps = find_ids(client, ids, sweeps=verb == "cancel")
        position = 0
        changed: tuple[str, ...] = ()
        if jobs:
            answer = getattr(client, verb)(jobs)
            changed, position = answer.jobs, answer.position
        for sweep in sweeps:
            position = client.cancel_sweep(sweep).position
    if json:
        print_json({"jobs": changed, "sweeps": sweeps, "position": position})
    elif verb == "retry":
        sys.stdout.write("".join(f"{job}\n" for job in changed))
    else:
        for one in (*changed, *sweeps):
            say(f"{one} {_DONE[verb]}")
