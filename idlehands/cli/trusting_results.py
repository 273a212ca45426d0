"""`trust agent`: machines whose results may be anything, code included, here."""

from pathlib import Path
from typing import Annotated

import typer

from idlehands.cli import completing, options
from idlehands.cli.exits import REFUSED, Stop
from idlehands.cli.printing import answer, print_json, print_table

Agent = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="As `idlehands agents` lists it; '*' for every machine.",
        autocompletion=completing.agents,
    ),
]


def register(trust: typer.Typer) -> None:
    """Add the commands below `trust`."""
    agent = typer.Typer(
        help="Machines whose results your programs open whatever they hold.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    agent.command("add")(add_agent)
    agent.command("remove")(remove_agent)
    agent.command("list")(list_agents)
    trust.add_typer(agent, name="agent")


def add_agent(name: Agent, json: options.Json = False) -> None:
    """Open what NAME returns of a call even if it could run code: its owner can then run code as you.

    Plain values, arrays and Python's own exceptions need no trust. For you on this computer only.

    Example: idlehands trust agent add attic-pc
    """
    from idlehands.calls.trusting import EVERY, read_trusted, write_trusted
    from idlehands.house.registry import check_name

    if name != EVERY:
        check_name(name)
    folder = _folder()
    write_trusted(folder, (*read_trusted(folder), name))
    who = "every machine of the house" if name == EVERY else name
    answer(json, {"agent": name, "trusted": True}, f"Whatever {who} returns is opened here from now on.")


def remove_agent(name: Agent, json: options.Json = False) -> None:
    """Open only plain values of NAME again.

    Example: idlehands trust agent remove attic-pc
    """
    from idlehands.calls.trusting import read_trusted, write_trusted

    folder = _folder()
    before = read_trusted(folder)
    if name not in before:
        raise Stop(
            REFUSED, f"{name} was not trusted with its results: `idlehands trust agent list` shows who is"
        )
    write_trusted(folder, (one for one in before if one != name))
    answer(json, {"agent": name, "trusted": False}, f"Of {name}, only plain values are opened from now on.")


def list_agents(json: options.Json = False) -> None:
    """List the machines whose results are opened whatever they hold, with those that always are.

    Example: idlehands trust agent list
    """
    from idlehands.calls.trusting import read_trusted
    from idlehands.cli.opening import find_settings

    found = find_settings()
    own = [(name, "an agent of this very machine") for name in sorted(found.own_agents)]
    rows = [*own, *((name, "added here") for name in read_trusted(found.settings.certificate))]
    if json:
        print_json([{"agent": name, "why": why} for name, why in rows])
        return
    print_table(("agent", "why"), rows, "None: only plain values are opened, wherever they come from.")


def _folder() -> Path:
    from idlehands.cli.opening import find_settings

    return find_settings().settings.certificate
