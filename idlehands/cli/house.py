"""`up`, `status`, `login`, `hq`, `web` and `agent`: the house itself."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from idlehands.cli import completing, credentials, guesting, options
from idlehands.cli.exits import NOT_READY, REFUSED, UNREACHABLE, USAGE, Stop
from idlehands.cli.pairing import become_agent
from idlehands.cli.printing import print_json


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("up")(up)
    app.command("status")(status)
    app.command("login")(login)
    hq = typer.Typer(
        invoke_without_command=True,
        rich_markup_mode=None,
    )
    hq.callback()(run_hq)
    hq.command("status")(hq_status)
    hq.command("rebuild")(hq_rebuild)
    hq.command("clean")(hq_clean)
    hq.command("compact")(hq_compact)
    hq.command("keep")(hq_keep)
    app.add_typer(hq, name="hq")
    app.command("web")(web)
    app.command("optuna-dashboard")(optuna_dashboard)
    one = typer.Typer(
        invoke_without_command=True,
        rich_markup_mode=None,
    )
    one.callback()(agent)
    guesting.register(one)
    app.add_typer(one, name="agent")
    credentials.register(app)


def up(
    no_agent: Annotated[bool, typer.Option("--no-agent", help="No agent on this machine.")] = False,
    agents: Annotated[int, typer.Option("--agents", min=0, max=64, help="Agents on this machine.")] = 1,
    slots: Annotated[int | None, typer.Option("--slots", min=1, help="Jobs at a time, per agent.")] = None,
    isolation: options.LeastIsolation = None,
    runner: Annotated[
        str | None, typer.Option("--runner", help="subprocess, or noop to measure without scripts.")
    ] = None,
    address: Annotated[
        str | None,
        typer.Option("--address", help="Where others reach this machine, or `lan` to look; kept."),
    ] = None,
) -> None:
    """Run the house in the foreground: broker, mongod, HQ, web and an agent. SIGTERM stops all of it.

    Example: idlehands up --address lan --slots 2
    """
    from idlehands.house.components import AgentOptions
    from idlehands.house.home import open_home
    from idlehands.house.up import up as run_house

    least = options.checked_isolation(isolation)
    house = open_home()
    if address is not None:
        house = _move(house, address)
    options_of_agents = AgentOptions(0 if no_agent else agents, slots, runner, least, guest=None)
    raise typer.Exit(run_house(house, options_of_agents))


def _move(house: Any, address: str) -> Any:
    """Return the house at another address."""
    from idlehands.house.home import set_address
    from idlehands.house.status import read_status
    from idlehands.pairing.announcing import own_address

    if read_status(house).up:
        raise Stop(REFUSED, f"The house in {house.path} is up: stop it before it gets another address.")
    found = own_address() if address == "lan" else address
    if found is None:
        raise Stop(REFUSED, "This machine is in no network. Name its address: --address 192.168.1.10")
    return set_address(house, found)


def status(json: options.Json = False) -> None:
    """Show what runs. Exit code 3 when the house is down, 4 while not all of it is ready.

    Example: idlehands status --json
    """
    from idlehands.house.home import read_home
    from idlehands.house.status import describe, read_status

    found = read_status(read_home())
    if json:
        print_json(found)
    else:
        sys.stdout.write(f"{describe(found)}\n")
    if not found.ready:
        raise typer.Exit(NOT_READY if found.up else UNREACHABLE)


def login(
    role: Annotated[
        str,
        typer.Option(
            "--role",
            metavar="ROLE",
            help="viewer, operator or admin.",
            autocompletion=completing.words("viewer", "operator", "admin"),
        ),
    ] = "admin",
    name: Annotated[str, typer.Option("--name", help="Under which their jobs are known.")] = "owner",
    json: options.Json = False,
) -> None:
    """Print a link that logs in to the page whoever opens it first, within the hour.

    Example: idlehands login --role viewer --name vera
    """
    from idlehands.house.home import read_home
    from idlehands.house.login import login_link
    from idlehands.house.tokens import TokenRole

    options.check_word("--role", role, ("viewer", "operator", "admin"))
    link = login_link(read_home(), name, TokenRole(role))
    if json:
        print_json({"link": link, "name": name, "role": role})
    else:
        sys.stdout.write(f"{link}\n")


def run_hq(context: typer.Context) -> None:
    """Run HQ alone (without a command), look at it, or make its read models anew.

    Example: idlehands hq
    """
    if context.invoked_subcommand is not None:
        return
    from idlehands.house.components import hq_command

    _become(hq_command(_furnished()))


def hq_status(json: options.Json = False) -> None:
    """Show HQ's epoch, log position, counts, and refused messages by reason.

    Example: idlehands hq status
    """
    from idlehands.cli.opening import open_client
    from idlehands.cli.printing import print_table

    with open_client() as client:
        found = client.status(10)
    if json:
        print_json(found)
        return
    facts: list[tuple[str, Any]] = [
        (name, found.get(name))
        for name in ("version", "epoch", "position", "database", "sweeps", "leases", "offers")
    ]
    facts += [(f"jobs {name}", count) for name, count in sorted(found.get("jobs", {}).items())]
    facts += [(f"refused {reason}", count) for reason, count in sorted(found.get("refused", {}).items())]
    print_table(("what", "value"), facts, "")
    print_table(
        ("agent", "boot", "silent", "slots", "busy", "accepting", "reason"),
        [
            (
                one["agent"],
                str(one["boot"]),
                f"{one['seconds_silent']:.0f}s",
                str(one["slots"]),
                str(one["busy"]),
                one["accepting"],
                one["reason"],
            )
            for one in found.get("agents", ())
        ],
        "No agent has reported.",
    )


def hq_rebuild(json: options.Json = False) -> None:
    """Make the read models anew from the event log. The database must run; HQ may.

    Example: idlehands hq rebuild
    """
    from idlehands.cli.chores import run_chore
    from idlehands.house.components import rebuild_command
    from idlehands.house.home import read_home

    run_chore(rebuild_command(read_home()), "making the read models anew", json)


def hq_clean(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be deleted.")] = False,
    json: options.Json = False,
) -> None:
    """Delete blobs that nothing refers to, and logs that retention.json calls old. HQ may run.

    Example: idlehands hq clean --dry-run
    """
    from idlehands.cli.chores import run_chore
    from idlehands.house.components import housekeeping_command
    from idlehands.house.home import read_home

    house = read_home()
    flags = ["--retention", str(house.retention_file), *(["--dry-run"] if dry_run else [])]
    run_chore(housekeeping_command(house, "clean", *flags), "cleaning", json)


def hq_compact(
    keep: Annotated[int, typer.Option("--keep", min=1, help="The last decisions, which stay.")] = 10_000,
    json: options.Json = False,
) -> None:
    """Put a snapshot in the place of the event log's beginning. The database must run; HQ may.

    Example: idlehands hq compact --keep 50000
    """
    from idlehands.cli.chores import run_chore
    from idlehands.house.components import housekeeping_command
    from idlehands.house.home import read_home

    run_chore(housekeeping_command(read_home(), "compact", "--keep", str(keep)), "compacting", json)


def hq_keep(
    settings: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME=NUMBER]...", help="What to change; `NAME=never` takes it out."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Say how long things are kept, and change that: retention.json, which HQ reads every hour.

    Example: idlehands hq keep finished_jobs_days=180 logs_days=60
    """
    from idlehands.cli.chores import run_chore
    from idlehands.house.components import keeping_command
    from idlehands.house.home import read_home

    run_chore(keeping_command(read_home(), *(settings or ())), "keeping", json)


def web() -> None:
    """Run REST and the page alone in the foreground.

    Example: idlehands web
    """
    from idlehands.house.components import web_command

    _become(web_command(_furnished()))


def agent(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Option("--name", help="Of the agent; this machine's by default.")
    ] = None,
    broker: Annotated[
        str | None, typer.Option("--broker", metavar="HOST:PORT", help="Of a house on another machine.")
    ] = None,
    certificate: Annotated[
        Path | None,
        typer.Option("--certificate", metavar="DIR", help="What `idlehands cert issue` wrote, and a token."),
    ] = None,
    home: Annotated[
        Path | None,
        typer.Option("--home", metavar="DIR", help="Where it keeps its state; DIR/home by default."),
    ] = None,
    slots: Annotated[int | None, typer.Option("--slots", min=1, help="Jobs at a time.")] = None,
    runner: Annotated[str | None, typer.Option("--runner", help="subprocess or noop.")] = None,
    isolation: options.LeastIsolation = None,
) -> None:
    """Run one agent (without a command), or say when jobs may run on this machine.

    It is an agent of the house here, or of the one that this machine has joined.

    Example: idlehands agent --slots 2
    """
    if context.invoked_subcommand is not None:
        return
    least = options.checked_isolation(isolation)
    if (broker is None) != (certificate is None):
        raise Stop(USAGE, "Give both --broker and --certificate, or neither for the house on this machine")
    if broker is not None and certificate is not None:
        from bus.settings import BusSettings

        settings = BusSettings.parse(broker, certificate)
        settings.read_context()
        argv = [sys.executable, "-P", "-m", "agents", "--broker", settings.address]
        argv += ["--certificate", str(certificate), "--home", str(home or certificate / "home")]
        argv += [] if slots is None else ["--slots", str(slots)]
        argv += [] if runner is None else ["--runner", runner]
        argv += [] if least is None else ["--isolation", least]
        _become(argv)
    from idlehands.pairing.joined import has_joined, joined_folder

    if name is None and has_joined():
        become_agent(joined_folder(), home=home, slots=slots, runner=runner, isolation=least)
    from idlehands.house import broker as house_broker
    from idlehands.house import pki, tokens
    from idlehands.house.components import AgentOptions, agent_command
    from idlehands.house.registry import Role, check_name, check_role

    house = _furnished()
    given = check_name(name or house.settings.machine)
    check_role(given, Role.AGENT)
    pki.ensure(house, given, Role.AGENT, house.agent(given))
    tokens.ensure(house, tokens.TokenRole.AGENT, given, house.agent(given) / "token")
    house_broker.admit(house)
    _become(agent_command(house, given, AgentOptions(1, slots, runner, least, guest=None)))


def optuna_dashboard(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 for any that is free.")] = 8080,
) -> None:
    """Show the sweeps in optuna-dashboard, on this machine only. Needs the extra `dashboard`.

    Example: idlehands optuna-dashboard --port 8088
    """
    from idlehands.house.components import optuna_dashboard_command
    from idlehands.house.home import read_home

    _become(optuna_dashboard_command(read_home(), port))


def _furnished() -> Any:
    """Return the house with its authority and its services' certificates, founded where there is none."""
    from idlehands.house.furnish import furnish
    from idlehands.house.home import open_home

    house = open_home()
    furnish(house, agents=0)
    return house


def _become(argv: Any) -> None:
    """Turn into that process, so that signals and the exit code are its own."""
    import os

    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(argv[0], list(argv))  # noqa: S606 - an argv list, no shell
