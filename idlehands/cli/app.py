"""The tree of commands. Each module adds its own."""

import sys
from typing import Annotated

import typer

from idlehands.cli import (
    allowing,
    auditing,
    backup_commands,
    changing,
    conforming,
    datasets,
    deleting,
    demo_command,
    describing,
    getting,
    house,
    labelling,
    limiting,
    looking,
    models,
    notifying,
    pairing,
    piping,
    reproducing,
    resting,
    scheduling,
    secrets,
    serving,
    stacking,
    sweeping,
    taking,
    trusting,
    working,
)

app = typer.Typer(
    name="idlehands",
    epilog=(
        "Exit codes: 0 done, 1 refused or wrong, 2 not understood, 3 broker, HQ or web not reached, "
        "4 (of `status`) not all of the house is ready, 5 what was waited for did not succeed, 6 no answer "
        "in time. `run` exits with the script's own code; 125 is trouble of idlehands itself, 126 a dead "
        "job, 130 a cancelled one. docs/exit-codes.md has them in a table."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"idlehands {version('idlehands')}, Python {sys.version.split()[0]}")
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end."),
    ] = False,
) -> None:
    """Put every idle computer of a house to work on machine-learning jobs."""


for module in (
    demo_command,
    working,
    sweeping,
    piping,
    describing,
    looking,
    getting,
    reproducing,
    datasets,
    models,
    limiting,
    labelling,
    changing,
    deleting,
    house,
    resting,
    pairing,
    trusting,
    secrets,
    stacking,
    allowing,
    serving,
    scheduling,
    notifying,
    taking,
    auditing,
    backup_commands,
    conforming,
):
    module.register(app)
