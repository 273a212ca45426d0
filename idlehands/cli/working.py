"""`run` and `submit`: a script becomes a job."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from idlehands.cli import options
from idlehands.cli.blocks import spread
from idlehands.cli.exits import RUN_TROUBLE, Stop, code_of, tell
from idlehands.cli.job_options import OneJob

Script = Annotated[Path, typer.Argument(metavar="SCRIPT", help="A Python file.")]
Words = Annotated[
    list[str] | None, typer.Argument(metavar="[ARGS]...", help="Words for the script, passed on untouched.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    # Without interspersed options every word after SCRIPT is the script's, `--help` included.
    app.command("run", context_settings={"allow_interspersed_args": False})(run)
    app.command("submit")(submit)


@spread
def run(
    script: Script,
    args: Words = None,
    *,
    job: OneJob,
) -> None:
    """Run SCRIPT on a machine of the house: follow it live, print its result as JSON, exit with its code.

    Options for idlehands go before SCRIPT; all words after it are the script's.
    Ctrl-C cancels the job. Exit codes of idlehands' own: 125 trouble, 126 the
    machines went down, 130 cancelled.

    Example: idlehands run --param epochs=3 train.py
    """
    from idlehands.cli.running import run_job

    try:
        code = run_job(script, args or [], job)
    except BaseException as error:
        if code_of(error) is None:
            raise
        tell(error)
        # The script's own codes must not be mistaken for ours.
        raise typer.Exit(130 if isinstance(error, KeyboardInterrupt) else _run_code(error)) from None
    raise typer.Exit(code)


def _run_code(error: BaseException) -> int:
    return error.code if isinstance(error, Stop) and error.code == 2 else RUN_TROUBLE


@spread
def submit(
    script: Script,
    args: Words = None,
    *,
    job: OneJob,
    key: Annotated[
        str | None, typer.Option("--key", help="Idempotency key: the same key submits once, for seven days.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Submit SCRIPT as a job and print its id. Words for the script go after `--`.

    Example: idlehands submit train.py --param lr=0.1 --gpus 1 --name first
    """
    from idlehands.cli.building import build_job, checked_params
    from idlehands.cli.opening import open_client
    from idlehands.cli.printing import print_json

    params = checked_params(script, args or [], job)
    with open_client() as client:
        spec = build_job(client, script, params, args or [], job)
        changed = client.submit([spec], key=key)
    if json:
        print_json({"jobs": changed.jobs, "position": changed.position})
    else:
        sys.stdout.write(f"{changed.jobs[0]}\n")
