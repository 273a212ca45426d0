"""`conformance`: whether an agent, in any language, keeps the protocol."""

import signal
from pathlib import Path
from typing import Annotated

import typer

from idlehands.cli import options
from idlehands.cli.exits import UNSUCCESSFUL, USAGE, Stop, say


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("conformance")(conformance)


def conformance(
    agent: Annotated[
        str,
        typer.Option(
            "--agent",
            metavar="COMMAND",
            help="What starts the agent, in quotes. {broker}, {certificate} and {home} are filled in.",
        ),
    ],
    part: Annotated[
        list[str] | None,
        typer.Option("--part", help="Only this part; may be repeated. A wrong word lists them."),
    ] = None,
    together: Annotated[
        int,
        typer.Option("--together", min=1, max=6, help="So many parts at a time: fewer on a slow machine."),
    ] = 6,
    keep: Annotated[
        Path | None,
        typer.Option("--keep-in", metavar="DIR", help="Work in this new folder, and leave the logs there."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Try whether an agent keeps the protocol. Needs mosquitto, and no house.

    Plays HQ on a broker of its own. The agent is told where in IDLEHANDS_BROKER, IDLEHANDS_CERTIFICATE
    and IDLEHANDS_HOME, started and killed several times, and runs harmless scripts. Exit code 0 only if
    it does all that it must, else 5.

    Example: idlehands conformance --agent "./agent --broker {broker} --home {home}" --part presence
    """
    from idlehands.cli.printing import print_json
    from idlehands.conformance.report import print_verdicts
    from idlehands.conformance.suite import PARTS, run_suite
    from idlehands.conformance.verdicts import Verdict, all_musts_pass

    if unknown := set(part or ()) - set(PARTS):
        raise Stop(USAGE, f"There is no part {min(unknown)!r}. The parts are {', '.join(PARTS)}.")
    if keep is not None and keep.exists():
        raise Stop(USAGE, f"{keep} is there already. Name a folder that is not, for --keep-in.")

    chosen = {name: checks for name, checks in PARTS.items() if not part or name in part}

    def tell(verdict: Verdict) -> None:
        if verdict.status == "failed":
            say(f"{verdict.check} ({verdict.level}) failed: {verdict.seen}")

    # Brokers and agents are to end with this process, however it is asked to.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    verdicts = run_suite(agent, chosen, together=together, keep=keep.absolute() if keep else None, say=tell)
    if json:
        print_json(verdicts)
    else:
        print_verdicts(verdicts)
    if not all_musts_pass(verdicts):
        raise Stop(UNSUCCESSFUL)
