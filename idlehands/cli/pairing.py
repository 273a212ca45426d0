"""`pair` on the HQ host and `join` on the new machine."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from idlehands.cli import completing, options
from idlehands.cli.exits import REFUSED, USAGE, Stop, say
from idlehands.cli.printing import print_json

if TYPE_CHECKING:
    from idlehands.pairing.join_token import JoinToken


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("pair")(pair)
    app.command("join")(join)


def pair(
    name: Annotated[
        str | None, typer.Option("--name", help="What the machine will be called; else it says so itself.")
    ] = None,
    role: Annotated[
        str,
        typer.Option(
            "--role",
            metavar="ROLE",
            help="agent, operator or viewer.",
            autocompletion=completing.words("agent", "operator", "viewer"),
        ),
    ] = "agent",
    auto: Annotated[
        bool, typer.Option("--auto", help="Allow whoever has the token, without asking.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="The machine was set up anew: replace its certificate.")
    ] = False,
    minutes: Annotated[float, typer.Option("--minutes", min=0.05, max=1440, help="How long it waits.")] = 10,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="To listen on; 0: a usual one.")] = 0,
) -> None:
    """Let one more computer join: prints the line to type there, and waits for it.

    Example: idlehands pair --name attic-pc
    """
    from idlehands.house.furnish import furnish
    from idlehands.house.home import read_home
    from idlehands.house.registry import Role, check_name
    from idlehands.house.status import read_status
    from idlehands.pairing.hosting import PairOptions, Screen, ask_on_terminal, host_pairing
    from idlehands.pairing.messages import PORT
    from idlehands.pairing.showing import show_token

    options.check_word("--role", role, ("agent", "operator", "viewer"))
    house = read_home()
    if name is not None:
        check_name(name)
    furnish(house, agents=0)
    if house.is_loopback:
        from idlehands.pairing.announcing import own_address

        say(
            f"Only this machine reaches this house: it listens on {house.settings.address}. For others, stop "
            f"it and start it with `idlehands up --address {own_address() or '192.168.1.10'}`, once."
        )
    if not read_status(house).up:
        say("The house is down: a machine can join, but works only once `idlehands up` runs.")
    wanted = PairOptions(Role(role), name, auto, replace, minutes, port or PORT)
    screen = Screen(say, lambda token, address: show_token(token, address, wanted, say), ask_on_terminal)
    if not host_pairing(house, wanted, screen):
        raise typer.Exit(REFUSED)


def join(
    token: Annotated[str, typer.Argument(metavar="TOKEN", help="What `idlehands pair` printed.")],
    hq: Annotated[
        str | None, typer.Option("--hq", metavar="HOST[:PORT]", help="Of `pair`; else found by mDNS.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="What this machine will be called.")] = None,
    run: Annotated[bool, typer.Option("--run", help="Then run its agent.")] = False,
    json: options.Json = False,
) -> None:
    """Join a house: makes keys here and gets a certificate. Afterwards `idlehands agent` needs no flags.

    Example: idlehands join TOKEN --hq 192.168.1.10 --run
    """
    from idlehands.house.home import default_home_path, machine_name
    from idlehands.pairing.join_token import JoinToken, TokenMistyped
    from idlehands.pairing.joined import has_joined, joined_folder, read_joined
    from idlehands.pairing.joining import join as join_house

    try:
        parsed = JoinToken.parse(token)
    except TokenMistyped as error:
        raise Stop(USAGE, str(error)) from None
    folder = joined_folder()
    if (default_home_path() / "house.json").exists():
        raise Stop(
            REFUSED,
            f"This machine has a house of its own in {default_home_path()}. Set IDLEHANDS_HOME to another "
            "folder to join one elsewhere.",
        )
    if has_joined(folder):
        joined = read_joined(folder)
        raise Stop(
            REFUSED,
            f"This machine has joined already, as {joined.name} ({joined.role}), a house at {joined.broker}. "
            f"To join another, or anew, remove {folder} first.",
        )
    host, port = _find_hq(parsed, hq)
    say(f"Asking {host} port {port} ...")
    joined = join_house(parsed, host, port, name or machine_name(), folder, say)
    if json:
        facts = {"name": joined.name, "role": joined.role, "broker": joined.broker}
        print_json({**facts, "certificate": str(folder)})
    say(f"Joined as {joined.name} ({joined.role}). Keys and certificate are in {folder}.")
    if joined.role != "agent":
        say("`idlehands jobs` and the other commands now talk to that house.")
    elif run:
        become_agent(folder)
    else:
        say("`idlehands agent` runs its agent.")


def become_agent(
    folder: Path,
    *,
    home: Path | None = None,
    slots: int | None = None,
    runner: str | None = None,
    isolation: str | None = None,
) -> NoReturn:
    """Turn into the agent of a machine that has joined. Does not return.

    Raises:
        HouseError: If it has not joined, or not as an agent.
    """
    from idlehands.house.home import HouseError
    from idlehands.pairing.joined import read_joined

    joined = read_joined(folder)
    if joined.role != "agent":
        raise HouseError(
            f"This machine joined as {joined.name} with the role {joined.role}, which runs no jobs. "
            "`idlehands pair` on the HQ host lets it join as an agent, with another IDLEHANDS_HOME here."
        )
    argv = [sys.executable, "-P", "-m", "agents", "--broker", joined.broker]
    argv += ["--certificate", str(folder), "--home", str(home or folder / "home")]
    argv += ["--https"] if joined.https else []
    argv += [] if slots is None else ["--slots", str(slots)]
    argv += [] if runner is None else ["--runner", runner]
    argv += [] if isolation is None else ["--isolation", isolation]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(argv[0], argv)  # noqa: S606 - an argv list, no shell


def _find_hq(token: "JoinToken", hq: str | None) -> tuple[str, int]:
    from idlehands.pairing.announcing import can_search, search
    from idlehands.pairing.messages import PORT

    if hq is not None:
        return _parse_hq(hq, PORT)
    if not can_search():
        raise Stop(USAGE, "Give --hq HOST:PORT, as `idlehands pair` prints it: mDNS is not installed here.")
    say("Looking for HQ by mDNS ...")
    found = search(token.ca_hash)
    if found is None:
        raise Stop(
            REFUSED,
            "No HQ of this token was found by mDNS. Does `idlehands pair` still run there? "
            "Give --hq HOST:PORT, as it prints it.",
        )
    return found


def _parse_hq(text: str, usual: int) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not text.startswith("[")):
        host, port = text, str(usual)
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise Stop(USAGE, f"--hq {text!r} is not HOST or HOST:PORT, such as 192.168.1.10:8884")
    return host, int(port)
