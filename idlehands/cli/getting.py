"""`get`: a job's result, log and files, or a model's files, here."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idlehands.cli import completing, options

if TYPE_CHECKING:
    from idlehands.client import Client

_MODEL = "model://"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("get")(get)


def get(
    ident: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="A job id or a unique beginning of one, or model://NAME@STAGE.",
            autocompletion=completing.jobs_and_models,
        ),
    ],
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="Where to; made if missing. By default ./ID.")
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="DIR", help="The same.")] = None,
    json: options.Json = False,
) -> None:
    """Bring a job's result.json, log.txt and artifacts here; goes on where it broke off, checks each file.

    Of model://NAME, model://NAME@3, @production, @staging or @latest it brings the model's files.

    Example: idlehands get model://wine@production -o wine
    """
    import sys

    from idlehands.cli.exits import REFUSED, USAGE, Stop
    from idlehands.cli.opening import open_client
    from idlehands.cli.printing import print_json

    if folder is not None and output is not None:
        raise Stop(USAGE, f"where to: {folder} or {output}?")
    folder = folder or output
    fetch = _get_model if ident.startswith(_MODEL) else _get_job
    with open_client() as client:
        try:
            said, written = fetch(client, ident, folder)
        except OSError as error:
            raise Stop(REFUSED, f"{error.filename or folder} cannot be written: {error.strerror}") from None
    if json:
        print_json({**said, "files": [str(path) for path in written]})
    else:
        sys.stdout.write("".join(f"{path}\n" for path in written))


def _get_job(client: "Client", ident: str, folder: Path | None) -> tuple[dict[str, Any], list[Path]]:
    from idlehands.cli.bars import bar
    from idlehands.cli.exits import say
    from idlehands.cli.finding import find_job
    from idlehands.client.outputs import fetch_outputs

    whole = find_job(client, ident)
    with bar(f"bringing {whole}") as on_bytes:
        return {"job": whole}, fetch_outputs(client, client.job(whole), folder or Path(whole), say, on_bytes)


def _get_model(client: "Client", ident: str, folder: Path | None) -> tuple[dict[str, Any], list[Path]]:
    from idlehands.cli.bars import bar
    from idlehands.cli.exits import REFUSED, Stop, say
    from idlehands.client.outputs import fetch_model
    from schemas.registry import parse_reference

    try:
        asked = parse_reference(ident)
    except ValueError as error:
        raise Stop(REFUSED, str(error)) from None
    version = client.model(ident, at_least=client.ping())
    name = f"{version['model']}@{version['version']}"
    say(f"{name}, stage {version['stage']}, of job {version['lineage']['job']}")
    with bar(f"bringing {name}") as on_bytes:
        written = fetch_model(client.rest, version, folder or Path(asked.name), on_bytes, asked.path)
    said = {"model": version["model"], "version": version["version"], "sha256": version["sha256"]}
    return {**said, "stage": version["stage"]}, written
