"""`machines pause`, `drain` and `resume`: asking another machine of the house for less."""

import time
from typing import Annotated, Any

import typer

from idlehands.cli import looking, options
from idlehands.cli.exits import REFUSED, USAGE, Stop
from schemas.names import GuestCommand

Machine = Annotated[str, typer.Argument(metavar="NAME", help="As `idlehands agents` lists it.")]
For = Annotated[
    str | None,
    typer.Option("--for", metavar="TIME", help="Such as 30m, 1h or 2d; else until `machines resume`."),
]
#: It tells a change at once; a heartbeat that is lost is made good ten seconds later.
_CONFIRMED_SECONDS = 15.0


def register(app: typer.Typer) -> None:
    """Add the commands."""
    machines = typer.Typer(
        help="List the machines (without a command), or ask one for less.",
        invoke_without_command=True,
        rich_markup_mode=None,
    )
    machines.callback()(list_machines)
    machines.command("pause")(pause)
    machines.command("drain")(drain)
    machines.command("resume")(resume)
    app.add_typer(machines, name="machines")


def list_machines(context: typer.Context, json: options.Json = False) -> None:
    """List the machines, as `agents` does, or ask one for less."""
    if context.invoked_subcommand is None:
        looking.agents(json)


def pause(name: Machine, duration: For = None) -> None:
    """Let the jobs of a machine stand still at once; they leave if that lasts."""
    _ask(name, "pause", duration)


def drain(name: Machine, duration: For = None) -> None:
    """Let a machine finish what it has and take nothing new."""
    _ask(name, "drain", duration)


def resume(name: Machine) -> None:
    """Take back `machines pause` and `drain`. What its owner asked for on the machine itself stays."""
    _ask(name, "resume", None)


def _ask(name: str, command: GuestCommand, duration: str | None) -> None:
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
                print(f"{name}: {_words(guest)}")
                return
            time.sleep(0.2)
    raise Stop(REFUSED, f"{name} was told, and has not said yet that it does. `idlehands agents` shows when")


def _words(guest: dict[str, Any]) -> str:
    if guest.get("accepting"):
        return guest.get("reason") or "takes jobs"
    return str(guest.get("reason") or "takes no jobs")
