"""`describe`: what arguments a script takes, read without running it, and a sweep to begin with."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idlehands.cli import options
from idlehands.cli.exits import REFUSED, USAGE, Stop

if TYPE_CHECKING:
    from schemas.arguments.vocabulary import Argument, Script


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("describe")(describe)


def describe(
    script: Annotated[Path, typer.Argument(metavar="SCRIPT", help="A Python file.")],
    sweep: Annotated[
        bool,
        typer.Option("--sweep", help="Print a sweep over its arguments, for `idlehands sweep --file`."),
    ] = False,
    json: options.Json = False,
) -> None:
    """Print the arguments that SCRIPT takes, as its argparse, click, typer or tyro says. It is not run.

    Example: idlehands describe train.py
    """
    from idlehands.cli.printing import print_json
    from idlehands.cli.script_arguments import read_source
    from schemas.arguments.reading import read_script

    if sweep and json:
        raise Stop(USAGE, "Give --sweep or --json, and not both; a sweep is JSON")
    found = read_script(read_source(script))
    if sweep:
        print_json(suggest_sweep(script, found))
    elif json:
        print_json(found)
    elif found.trouble:
        raise Stop(REFUSED, f"{script}: {found.trouble}")
    else:
        _print(script, found)


def suggest_sweep(script: Path, found: "Script") -> dict[str, Any]:
    """Return a sweep file over the arguments of a script.

    Raises:
        Stop: If no argument of it could be read that a search can change.
    """
    from schemas.arguments.suggesting import suggest_space

    if found.trouble:
        raise Stop(REFUSED, f"{script}: {found.trouble}")
    space = suggest_space(found)
    if not space:
        raise Stop(
            REFUSED,
            f"No argument of {script} could be read that a search can change: it needs numbers with a "
            "default or bounds, choices or switches. Give --space NAME=SPACE to `idlehands sweep`",
        )
    return {"job": {"script": str(script)}, "space": space, "trials": 20}


def _print(script: Path, found: "Script") -> None:
    from idlehands.cli.printing import print_table

    say = sys.stdout.write
    if found.about:
        say(f"{found.about}\n\n")
    print_table(
        ("argument", "type", "default", "help"),
        [(_flag(one), _type(one), _default(one), one.help) for one in found.arguments],
        "It takes no arguments that could be read.",
    )
    if found.commands:
        say(f"\nCommands, one of which comes first: {', '.join(found.commands)}\n")
    if found.more:
        say("\nIt may take more than could be read.\n")
    if found.arguments and not found.commands:
        say(f"\nA sweep to begin with: idlehands describe --sweep {script} > sweep.json\n")


def _flag(one: "Argument") -> str:
    where = f"{one.command} " if one.command else ""
    return where + (one.flag or one.name.upper())


def _type(one: "Argument") -> str:
    if one.kind == "bool":
        return f"switch, {one.off} switches it off" if one.off else "switch"
    kind = {"text": "text", "int": "whole number", "float": "number"}[one.kind]
    said = "one of " + ", ".join(map(str, one.choices)) if one.choices else kind
    if one.low is not None or one.high is not None:
        low, high = ("" if end is None else f"{end:g}" for end in (one.low, one.high))
        said += f" {low}..{high}"
    if one.count:
        return f"{one.count} of: {said}"
    return f"several: {said}" if one.many else said


def _default(one: "Argument") -> str:
    if one.required:
        return "(required)"
    if one.computed:
        return one.computed
    if one.kind == "bool":
        return "on" if one.default else "off"
    if one.default is None:
        return ""
    return " ".join(map(str, one.default)) if isinstance(one.default, list) else str(one.default)
