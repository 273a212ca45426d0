"""`limit`: how many jobs of a user, or that name a limit, run at once."""

from typing import Annotated

import typer

from idlehands.cli import options
from idlehands.cli.exits import USAGE, Stop, say


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("limit")(limit)


def limit(
    name: Annotated[
        str | None, typer.Argument(metavar="[USER]", help="Whose jobs; with --named, the limit's name.")
    ] = None,
    number: Annotated[
        str | None, typer.Argument(metavar="[N]", help="How many run at once; `none` takes the limit away.")
    ] = None,
    named: Annotated[
        bool, typer.Option("--named", help="A limit that jobs name with --within, such as a licence.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Show the house's limits, or set one. What runs goes on; jobs beyond a limit wait, and say so.

    Examples: idlehands limit anna 3; idlehands limit licence 2 --named; idlehands limit anna none
    """
    from idlehands.cli.opening import open_client
    from idlehands.cli.printing import print_json, print_table
    from schemas.requests import SetLimit

    if (name is None) != (number is None):
        raise Stop(USAGE, "Give a name and a number, such as `idlehands limit anna 3`, or neither to look")
    with open_client() as client:
        if name is None or number is None:
            rows = client.rest.get("/limits")["limits"]
            if json:
                print_json(rows)
            else:
                table = [(row["kind"], row["name"], row["at_most"], row["by"]) for row in rows]
                print_table(("of", "name", "at once", "set by"), table, "No limits: all run that fit.")
            return
        at_most = _parse(number)
        wanted = SetLimit(of="named" if named else "user", name=name, at_most=at_most)
        position = client.request(wanted).position
    if json:
        print_json({"name": name, "at_most": at_most, "position": position})
    else:
        say(f"{name}: " + ("no limit" if at_most is None else f"{at_most} at once"))


def _parse(number: str) -> int | None:
    if number == "none":
        return None
    if not number.isdecimal() or int(number) > 100_000:
        raise Stop(USAGE, f"{number!r} is no number from 0 to 100000, and not none")
    return int(number)
