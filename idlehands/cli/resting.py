"""`machines pause`, `drain` and `resume`: asking another machine of the house for less."""

import sys
import time
from typing import Annotated, Any

import typer

from idlehands.cli import completing, looking, options
from idlehands.cli.exits import TIMED_OUT, USAGE, Stop
from idlehands.cli.printing import print_json
from schemas.names import GuestCommand

Machine = Annotated[
    str,
    typer.Argument(metavar="NAME", help="As `idlehands agents` lists it.", autocompletion=completing.agents),
]
For = Annotated[
    str | None,
    typer.Option("--for", metavar="TIME", help="Such as 30m, 1h or 2d; else until `machines resume`."),
]
#: It tells a change at once; a heartbeat that is lost is made good ten seconds later.
_CONFIRMED_SECONDS = 15.0


def register(app: typer.Typer) -> None:
    """Add the commands."""
    machines = typer.Typer(
        invoke_without_command=True,
        rich_markup_mode=None,
    )
    machines.callback()(list_machines)
    machines.command("pause")(pause)
    machines.command("drain")(drain)
    machines.command("resume")(resume)
    app.add_typer(machines, name="machines")


def list_machines(context: typer.Context, json: options.Json = False) -> None:
    """List the machines (without a command), or ask one for less.

    Example: idlehands machines
    """
    if context.invoked_subcommand is None:
        looking.agents(json)


def pause(name: Machine, duration: For = None, json: options.Json = False) -> None:
    """Let the jobs of a machine stand still at once; they leave if that lasts.

    Example: idlehands machines pause attic-pc --for 1h
    """
    _ask(name, "pause", duration, json=json)


def drain(name: Machine, duration: For = None, json: options.Json = False) -> None:
    """Let a machine finish what it has and take nothing new.

    Example: idlehands machines drain attic-pc
    """
    _ask(name, "drain", duration, json=json)


def resume(name: Machine, json: options.Json = False) -> None:
    """Take back `machines pause` and `drain`. What its owner asked for on the machine itself stays.

    Example: idlehands machines resume attic-pc
    """
    _ask(name, "resume", None, json=json)


def _ask(name: str, command: GuestCommand, duration: str | None, *, json: bool) -> None:
    from idlehands.cli.opening import open_client
    from schemas.durations import DurationUnknown, parse_duration

    try:
        seconds = None if duration is None else parse_duration(duration)
    except DurationUnknown as error:
        raise Stop(USAGE, str(error)) from None
    with open_client() as client:
        client.ask_agent(name, command, seconds)
        deadline = time.monotonic() + _CONFIRMED_SECONDS
        while time.monotonic() < deadline:
            row = next((row for row in client.agents() if row["name"] == name), {})
            guest: dict[str, Any] = (row.get("heard") or {}).get("guest") or {}
            if guest.get("house_wish", "") == ("" if command == "resume" else command):
                if json:
                    print_json({"agent": name, "wish": guest.get("house_wish", ""), **guest})
                else:
                    sys.stdout.write(f"{name}: {_words(guest)}\n")
                return
            time.sleep(0.2)
    raise Stop(
        TIMED_OUT, f"{name} was told, and has not said yet that it does. `idlehands agents` shows when"
    )


def _words(guest: dict[str, Any]) -> str:
    if guest.get("accepting"):
        return guest.get("reason") or "takes jobs"
    return str(guest.get("reason") or "takes no jobs")
