"""`run` and `submit`: a script becomes a job."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from idlehands.cli import options
from idlehands.cli.exits import RUN_TROUBLE, Stop, code_of, tell

Script = Annotated[Path, typer.Argument(metavar="SCRIPT", help="A Python file.")]
Words = Annotated[
    list[str] | None, typer.Argument(metavar="[ARGS]...", help="Words for the script, passed on untouched.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    # Without interspersed options every word after SCRIPT is the script's, `--help` included.
    app.command("run", context_settings={"allow_interspersed_args": False})(run)
    app.command("submit")(submit)


def run(
    script: Script,
    args: Words = None,
    param: options.Params = None,
    arguments: options.Arguments = "flags",
    name: options.Name = "",
    include: options.Include = None,
    author_key: options.AuthorKey = None,
    artifact: options.Artifact = None,
    label: options.Label = None,
    agent: options.Agent = None,
    memory_mb: options.Memory = 0,
    gpus: options.Gpus = 0,
    isolation: options.IsolationMinimum = "basic",
    network: options.Network = False,
    env: options.Environment = "auto",
    secret: options.Secret = None,
    secret_files: options.SecretFiles = False,
    priority: options.Priority = 0,
    exclusive: options.Exclusive = False,
    retry_on_failure: options.Retries = 0,
    job_seed: options.JobSeed = None,
    time_limit: options.Wall = 0,
    within: options.Within = None,
    project: options.Project = None,
    tag: options.Tags = None,
    note: options.Note = "",
    after: options.After = None,
    after_any: options.AfterAny = None,
    not_before: options.NotBefore = "",
    expires: options.Expires = "",
    force: options.Force = False,
) -> None:
    """Run SCRIPT on a machine of the house: follow it live, print its result as JSON, exit with its code.

    Options for idlehands go before SCRIPT; all words after it are the script's.
    Ctrl-C cancels the job. Exit codes of idlehands' own: 125 trouble, 126 the
    machines went down, 130 cancelled.
    """
    from idlehands.cli.running import run_job

    try:
        shared = options.spec_options(**locals())
        code = run_job(script, args or [], include or [], param or [], shared, author_key, env, force)
    except BaseException as error:
        if code_of(error) is None:
            raise
        tell(error)
        # The script's own codes must not be mistaken for ours.
        raise typer.Exit(130 if isinstance(error, KeyboardInterrupt) else _run_code(error)) from None
    raise typer.Exit(code)


def _run_code(error: BaseException) -> int:
    return error.code if isinstance(error, Stop) and error.code == 2 else RUN_TROUBLE


def submit(
    script: Script,
    args: Words = None,
    param: options.Params = None,
    arguments: options.Arguments = "flags",
    name: options.Name = "",
    include: options.Include = None,
    author_key: options.AuthorKey = None,
    artifact: options.Artifact = None,
    label: options.Label = None,
    agent: options.Agent = None,
    memory_mb: options.Memory = 0,
    gpus: options.Gpus = 0,
    isolation: options.IsolationMinimum = "basic",
    network: options.Network = False,
    env: options.Environment = "auto",
    secret: options.Secret = None,
    secret_files: options.SecretFiles = False,
    priority: options.Priority = 0,
    exclusive: options.Exclusive = False,
    retry_on_failure: options.Retries = 0,
    job_seed: options.JobSeed = None,
    time_limit: options.Wall = 0,
    within: options.Within = None,
    project: options.Project = None,
    tag: options.Tags = None,
    note: options.Note = "",
    after: options.After = None,
    after_any: options.AfterAny = None,
    not_before: options.NotBefore = "",
    expires: options.Expires = "",
    force: options.Force = False,
    key: Annotated[
        str | None, typer.Option("--key", help="Idempotency key: the same key submits once, for seven days.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Submit SCRIPT as a job and print its id. Words for the script go after `--`."""
    from idlehands.cli import words
    from idlehands.cli.opening import open_client
    from idlehands.cli.printing import print_json
    from idlehands.cli.script_arguments import check_arguments

    shared: dict[str, Any] = options.spec_options(**locals())
    params = words.parse_params(param or [])
    check_arguments(script, params, args or [], arguments, force=force)
    with open_client() as client:
        packed, shared["needs"] = words.add_environment(script, env, include or [], shared["needs"])
        reference, source = words.upload_with_source(client, script, packed, author_key)
        spec = words.build_spec(reference, params=params, argv=args or [], source=source, **shared)
        changed = client.submit([spec], key=key)
    if json:
        print_json({"jobs": changed.jobs, "position": changed.position})
    else:
        sys.stdout.write(f"{changed.jobs[0]}\n")
