"""`models`: what jobs left behind under a name, as versions with a stage and where they came from."""

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from idlehands.cli import completing, options
from idlehands.cli.exits import REFUSED, USAGE, Stop, say
from schemas.registry import Stage

if TYPE_CHECKING:
    from idlehands.client import Client

STAGES: tuple[str, ...] = get_args(Stage)
Reference = Annotated[
    str,
    typer.Argument(
        metavar="NAME[@VERSION]",
        help="wine, wine@3, wine@production, wine@latest.",
        autocompletion=completing.models,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    models = typer.Typer(
        help="Models: files of a job under a name, as versions. A parameter model://NAME becomes their path.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    models.command("promote")(promote)
    models.command("list")(list_models)
    models.command("show")(show_model)
    models.command("stage")(stage_model)
    models.command("remove")(remove_model)
    app.add_typer(models, name="models")


def promote(
    ident: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="Of a job, or of a sweep: then its best trial.",
            autocompletion=completing.jobs_and_sweeps,
        ),
    ],
    name: Annotated[str, typer.Option("--name", help="Of the model: a-z, 0-9, dots, - and _.")],
    stage: Annotated[
        str,
        typer.Option(
            "--stage",
            help="none, staging, production or archived; one version each of two.",
            autocompletion=completing.words(*STAGES),
        ),
    ] = "none",
    artifact: Annotated[
        list[str] | None,
        typer.Option("--artifact", metavar="FILE", help="A file that it kept; repeatable. Default: all."),
    ] = None,
    note: Annotated[str, typer.Option("--note", help="What should be known about it.")] = "",
    json: options.Json = False,
) -> None:
    """Register the files of a job, or of a sweep's best trial, as the next version of a model.

    Example: idlehands models promote j7q2 --name wine --stage production --artifact model.pt
    """
    from idlehands.cli.finding import find_job, find_sweep
    from idlehands.cli.opening import open_client
    from idlehands.cli.printing import print_json

    checked = _checked_stage(stage)
    with open_client() as client:
        is_sweep = ident.startswith("s")
        done = client.promote(
            name,
            job=None if is_sweep else find_job(client, ident),
            sweep=find_sweep(client, ident) if is_sweep else None,
            artifacts=tuple(artifact or ()),
            stage=checked,
            note=note,
        )
    if json:
        print_json(done)
        return
    files = done["files"]
    say(f"{', '.join(files[:5])}{' ...' if len(files) > 5 else ''} of {done['job']}, stage {done['stage']}")
    sys.stdout.write(f"model://{done['model']}@{done['version']}\n")


def list_models(json: options.Json = False) -> None:
    """List the models with their versions in a stage. --json: one JSON document a line.

    Example: idlehands models list
    """
    from idlehands.cli.opening import open_client
    from idlehands.cli.printing import ago, print_lines, print_table

    with open_client() as client:
        rows = list(client.models())
    if json:
        print_lines(rows)
        return
    now = time.time()
    print_table(
        ("model", "versions", "latest", "production", "staging", "metrics", "changed"),
        [
            (
                row["name"],
                row["versions"],
                row["latest"],
                row["stages"].get("production"),
                row["stages"].get("staging"),
                _short(row["metrics"]),
                ago(row["changed_at"], now),
            )
            for row in rows
        ],
        "No models. `idlehands models promote JOB --name NAME` registers one.",
    )


def show_model(name: Reference, json: options.Json = False) -> None:
    """Show the versions of a model or, with @VERSION, one with its files and where it came from.

    Example: idlehands models show wine@production
    """
    from idlehands.cli.opening import open_client
    from idlehands.cli.printing import print_json
    from schemas.registry import parse_reference

    try:
        asked = parse_reference(name)
    except ValueError as error:
        raise Stop(REFUSED, str(error)) from None
    with open_client() as client:
        if asked.version:
            found = client.model(name, at_least=client.ping())
            print_json(found) if json else _print_version(found)
            return
        found = client.rest.get(f"/models/{asked.name}", at_least=client.ping())
    print_json(found) if json else _print_versions(found)


def stage_model(
    name: Reference,
    stage: Annotated[str, typer.Argument(metavar="STAGE", help="none, staging, production or archived.")],
    json: options.Json = False,
) -> None:
    """Give a version of a model another stage. Which had it before is archived.

    Example: idlehands models stage wine@3 production
    """
    from idlehands.cli.opening import open_client
    from idlehands.cli.printing import print_json

    checked = _checked_stage(stage)
    with open_client() as client:
        found = _find(client, name)
        done = client.stage_model(found["model"], found["version"], checked)
    if json:
        print_json(done)
        return
    stepped = "".join(f"; @{version} is archived" for version in done["archived"])
    say(f"{done['model']}@{done['version']} is {done['stage']} now{stepped}")


def remove_model(name: Reference, json: options.Json = False) -> None:
    """Forget a version of a model or, without @VERSION, all of them. None that is in production.

    Example: idlehands models remove wine@2
    """
    from idlehands.cli.opening import open_client
    from idlehands.cli.printing import print_json

    with open_client() as client:
        if "@" in name:
            found = _find(client, name)
            done = client.remove_model(found["model"], found["version"])
        else:
            done = client.remove_model(name)
    if json:
        print_json(done)
        return
    numbers = ", ".join(str(version) for version in done["removed"])
    say(f"{done['model']}: version{'s' if len(done['removed']) > 1 else ''} {numbers} removed")


def _find(client: "Client", name: str) -> dict[str, Any]:

    if "@" not in name:
        raise Stop(USAGE, f"which version? {name}@3, {name}@staging, {name}@production or {name}@latest")
    try:
        return client.model(name, at_least=client.ping())
    except ValueError as error:
        raise Stop(REFUSED, str(error)) from None


def _checked_stage(stage: str) -> Stage:
    if stage not in STAGES:
        raise Stop(USAGE, f"there is no stage {stage!r}: it is none, staging, production or archived")
    return stage  # type: ignore[return-value]


def _short(metrics: dict[str, Any] | None) -> str:
    numbers = {name: value for name, value in (metrics or {}).items() if isinstance(value, int | float)}
    return ", ".join(f"{name} {value:.4g}" for name, value in list(numbers.items())[:3])


def _print_versions(model: dict[str, Any]) -> None:
    from idlehands.cli.printing import ago, print_table

    now = time.time()
    print_table(
        ("version", "stage", "metrics", "files", "from", "by", "at", "note"),
        [
            (
                one["version"],
                one["stage"],
                _short(one["lineage"].get("metrics")),
                ", ".join(file["name"] for file in one["files"][:3]),
                one["lineage"]["job"],
                one["by"],
                ago(one["at"], now),
                one.get("note"),
            )
            for one in model["versions"]
        ],
        "",
    )


def _print_version(one: dict[str, Any]) -> None:
    from idlehands.cli.printing import print_table

    lineage, spec = one["lineage"], one["lineage"]["spec"]
    source = spec.get("source") or {}
    commit = source.get("commit", "") + (" with changes" if source.get("dirty") else "")
    script = spec["script"]
    trial = f"{lineage['sweep']} trial {spec.get('trial')}" if lineage.get("sweep") else ""
    rows = [
        ("model", f"{one['model']}@{one['version']}"),
        ("stage", one["stage"]),
        ("sha256", one["sha256"]),
        ("note", one.get("note")),
        ("job", lineage["job"]),
        ("sweep", trial),
        ("machine", lineage.get("agent")),
        (
            "script",
            f"{script.get('name') or script['entry']} {script['bundle'][:12]}",
        ),
        ("commit", commit),
        ("words", " ".join(spec.get("argv") or ())),
        ("parameters", spec.get("params")),
        ("result", lineage.get("metrics")),
        ("datasets", {name: sha256[:12] for name, sha256 in (lineage.get("datasets") or {}).items()} or ""),
        ("environment", (lineage.get("environment") or "")[:12]),
        *(("file", f"{file['name']}  {file['bytes']} bytes  {file['sha256'][:12]}") for file in one["files"]),
    ]
    print_table(("what", "value"), [row for row in rows if row[1]], "")
