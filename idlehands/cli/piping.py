"""`pipeline`: steps from a file that wait for each other, how they stand, and going on after a failure."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idlehands.cli import completing, options
from idlehands.cli.bars import bar
from idlehands.cli.exits import REFUSED, UNSUCCESSFUL, USAGE, Stop, say

if TYPE_CHECKING:
    from idlehands.client import Client

Pipeline = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        help="A pipeline's id, or a unique beginning of one.",
        autocompletion=completing.pipelines,
    ),
]
Wait = Annotated[
    bool, typer.Option("--wait", help="Follow it to its end; exit with 5 unless every step succeeded.")
]
_LOOK_SECONDS = 0.5
_NEWEST = 1000


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        help="Pipelines: named steps in a file, jobs and sweeps that wait for each other.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    group.command("run")(run)
    group.command("show")(show)
    group.command("list")(list_pipelines)
    group.command("retry")(retry)
    group.command("cancel")(cancel)
    group.command("delete")(delete)
    app.add_typer(group, name="pipeline")


def run(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="YAML or JSON; scripts are paths beside it.")],
    wait: Wait = False,
    author_key: options.AuthorKey = None,
    force: options.Force = False,
    json: options.Json = False,
) -> None:
    """Submit all steps of the pipeline in FILE or, when one is refused, none.

    Example: idlehands pipeline run docs/examples/pipeline.yaml --wait
    """
    from idlehands.cli.opening import open_client
    from idlehands.cli.pipeline_file import read_pipeline, upload_scripts

    given = read_pipeline(file)
    with open_client() as client:
        spec = upload_scripts(client, given, file, author_key, force=force)
        done = client.submit_pipeline(spec)
        _conclude(client, done.pipeline, done.position, wait=wait, json=json)


def retry(pipeline: Pipeline, wait: Wait = False, json: options.Json = False) -> None:
    """Go on with a pipeline that failed: what succeeded is kept, the rest is submitted as a new pipeline.

    Example: idlehands pipeline retry p5ka --wait
    """
    from idlehands.cli.opening import open_client

    with open_client() as client:
        done = client.retry_pipeline(_find(client, pipeline))
        _conclude(client, done.pipeline, done.position, wait=wait, json=json)


def cancel(pipeline: Pipeline, json: options.Json = False) -> None:
    """Cancel all steps of a pipeline that have not ended.

    Example: idlehands pipeline cancel p5ka
    """
    from idlehands.cli.opening import open_client
    from idlehands.cli.printing import print_json

    with open_client() as client:
        found = _find(client, pipeline)
        position = client.cancel_pipeline(found)
    if json:
        print_json({"pipeline": found, "position": position})
    else:
        say(f"{found} cancelled")


def delete(pipeline: Pipeline, json: options.Json = False) -> None:
    """Delete a pipeline that has ended, with its jobs, sweeps, results and logs. For ever.

    Steps that it kept of the pipeline before it stay with that one.

    Example: idlehands pipeline delete p5ka
    """
    from idlehands.cli.opening import open_client
    from idlehands.cli.printing import print_json

    with open_client() as client:
        found = _find(client, pipeline)
        position = client.delete_pipeline(found)
    if json:
        print_json({"pipeline": found, "position": position})
    else:
        say(f"{found} deleted")


def show(pipeline: Pipeline, json: options.Json = False) -> None:
    """Print the steps of a pipeline, how each stands, and why.

    Example: idlehands pipeline show p5ka
    """
    from idlehands.cli.opening import open_client
    from idlehands.cli.printing import print_json

    with open_client() as client:
        found = client.pipeline(_find(client, pipeline))
    if json:
        print_json(found)
    else:
        sys.stdout.write("".join(f"{line}\n" for line in draw(found)))


def list_pipelines(limit: options.Limit = 20, json: options.Json = False) -> None:
    """List pipelines, newest first.

    Example: idlehands pipeline list
    """
    from itertools import islice

    from idlehands.cli.opening import open_client
    from idlehands.cli.printing import print_json, print_table

    with open_client() as client:
        rows = list(islice(client.pipelines(), limit))
    if json:
        print_json(rows)
        return
    print_table(
        ("pipeline", "name", "status", "steps", "submitted"),
        [
            (
                row["pipeline"],
                row["name"],
                row["status"],
                ", ".join(row["steps"]),
                time.strftime("%Y-%m-%d %H:%M", time.localtime(row["submitted_at"])),
            )
            for row in rows
        ],
        "no pipelines",
    )


def draw(found: dict[str, Any]) -> list[str]:
    """Return a pipeline as lines: each step below the last of those that it waits for."""
    depth: dict[str, int] = {}
    lines = [f"{found['pipeline']}  {found['name']}  {found['status']}".replace("    ", "  ")]
    for step in found["steps"]:
        above = [depth[name] for name in step["after"] if name in depth]
        depth[step["name"]] = max(above, default=-1) + 1
        mark = "   " * depth[step["name"]] + ("└─ " if depth[step["name"]] else "")
        lines.append(f"{mark}{step['name']}  {step['id']}  {step['status']}{_about(step)}")
    return lines


def _about(step: dict[str, Any]) -> str:
    if step["status"] == "waiting":
        return f"  for {', '.join(step['waits_for'])}"
    if step["kind"] == "sweep" and step.get("best") is not None:
        return f"  best {step['best']:g} of {step['succeeded']}"
    if step["why"]:
        return f"  {step['why']}"
    return f"  on {step['agent']}" if step.get("agent") else ""


def _conclude(client: "Client", pipeline: str, position: int, *, wait: bool, json: bool) -> None:
    from idlehands.cli.printing import print_json

    if not wait:
        if json:
            found = client.pipeline(pipeline, at_least=position)
            print_json({"pipeline": pipeline, "steps": found["steps"], "position": position})
        else:
            sys.stdout.write(f"{pipeline}\n")
        return
    found = _follow(client, pipeline, position)
    if json:
        print_json(found)
    else:
        sys.stdout.write("".join(f"{line}\n" for line in draw(found)))
    if found["status"] != "succeeded":
        raise typer.Exit(UNSUCCESSFUL)


def _follow(client: "Client", pipeline: str, position: int) -> dict[str, Any]:
    said: dict[str, str] = {}
    with bar(pipeline, is_bytes=False) as on_done:
        while True:
            found = client.pipeline(pipeline, at_least=position)
            for step in found["steps"]:
                line = f"{step['name']}: {step['status']}{_about(step)}"
                if said.get(step["name"]) != line:
                    said[step["name"]] = line
                    say(line)
            if found["status"] != "running":
                return found
            waiting = ("waiting", "queued", "held", "running", "paused")
            on_done(sum(step["status"] not in waiting for step in found["steps"]), len(found["steps"]))
            time.sleep(_LOOK_SECONDS)


def _find(client: "Client", given: str) -> str:
    """Return a pipeline's whole id.

    Raises:
        Stop: If there is none or more than one.
    """
    from itertools import islice

    if not given.startswith("p"):
        raise Stop(USAGE, f"{given!r} is no pipeline's id: `idlehands pipeline list` shows them")
    if len(given) == 13:
        return given
    newest = islice(client.pipelines(), _NEWEST)
    found = [row["pipeline"] for row in newest if row["pipeline"].startswith(given)]
    if len(found) != 1:
        how = "no pipeline" if not found else "more than one pipeline"
        raise Stop(REFUSED, f"{how} begins with {given}: `idlehands pipeline list` shows them")
    return str(found[0])
