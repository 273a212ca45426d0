"""`serve` and `services`: scripts and functions that are kept warm, and called."""

from pathlib import Path
from typing import Annotated, Any

import typer

from idlehands.cli import options
from idlehands.cli.exits import USAGE, Stop, say

Service = Annotated[str, typer.Argument(metavar="NAME", help="Of a service.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("serve")(serve)
    services = typer.Typer(
        help="Services: scripts and functions that are kept warm, and called.",
        invoke_without_command=True,
        rich_markup_mode=None,
    )
    services.callback()(services_list)
    services.command("call")(services_call)
    services.command("rollback")(services_rollback)
    services.command("stop")(services_stop)
    app.add_typer(services, name="services")


def serve(
    target: Annotated[
        str, typer.Argument(metavar="SCRIPT", help="A Python file, or a function in one: MODULE.py:FUNCTION.")
    ],
    name: Annotated[str, typer.Option("--name", help="What it is called by: a-z, 0-9 and -.")],
    min_warm: Annotated[
        int, typer.Option("--min-warm", min=1, max=100, help="On so many machines a worker is ready.")
    ] = 1,
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, max=64, help="Calls at a time, for each worker.")
    ] = 1,
    queue: Annotated[
        int, typer.Option("--queue", min=0, max=10_000, help="Calls that may wait; more are refused.")
    ] = 100,
    deadline: Annotated[
        float, typer.Option("--deadline", min=0.001, max=3600, metavar="SECONDS", help="Of a call.")
    ] = 30,
    no_log: Annotated[
        bool,
        typer.Option("--no-log", help="Keep no record of calls: quicker, for pure functions."),
    ] = False,
    arguments: options.Arguments = "flags",
    include: options.Include = None,
    author_key: options.AuthorKey = None,
    label: options.Label = None,
    agent: options.Agent = None,
    memory_mb: options.Memory = 0,
    gpus: options.Gpus = 0,
    isolation: options.IsolationMinimum = "basic",
    network: options.Network = False,
    env: options.Environment = "auto",
    secret: options.Secret = None,
    secret_files: options.SecretFiles = False,
    json: options.Json = False,
) -> None:
    """Turn SCRIPT, or a function of a module, into a service: POST /api/v1/services/NAME calls it.

    The same again is a new version, which takes the calls when it is ready;
    `services rollback NAME` goes back.
    """
    from idlehands.cli import words
    from idlehands.cli.opening import open_client
    from idlehands.cli.printing import print_json
    from schemas.requests import DeployService
    from schemas.specs import ServiceSpec

    file, colon, function = target.rpartition(":") if ".py:" in target else (target, "", "")
    if colon and not function.isidentifier():
        raise Stop(USAGE, f"{target!r} names no function: MODULE.py:FUNCTION")
    script = Path(file)
    needs = options.needs_of(label, agent, memory_mb, gpus, isolation, network)
    with open_client() as client:
        packed, needs = words.add_environment(script, env, include or [], needs)
        reference, source = words.upload_with_source(client, script, packed, author_key)
        given: dict[str, Any] = {
            "name": name,
            "job": {
                "script": reference,
                "arguments": arguments,
                "needs": needs,
                "secrets": tuple(secret or ()),
                "secrets_as": "files" if secret_files else "environment",
                "source": source,
            },
            "function": function or None,
            "min_warm": min_warm,
            "concurrency": concurrency,
            "queue": queue,
            "deadline_seconds": deadline,
            "log": not no_log,
        }
        spec: ServiceSpec = words.checked(given, ServiceSpec)
        result = client.ask(DeployService(service=spec)).result
    if json:
        print_json(result)
        return
    say(f"{name} is deployed, version {result['version']}. POST /api/v1/services/{name} calls it.")


def services_list(context: typer.Context, json: options.Json = False) -> None:
    """Show the services: versions, workers, calls. With a command, do that."""
    if context.invoked_subcommand is not None:
        return
    from idlehands.cli.opening import open_client
    from idlehands.cli.printing import print_json, print_table
    from schemas.requests import ReadServices

    with open_client() as client:
        found = client.ask(ReadServices()).result["services"]
    if json:
        print_json(found)
        return
    print_table(
        ("service", "version", "state", "workers", "runs", "waits", "calls", "failed", "median"),
        [
            (
                one["service"],
                f"v{one['version']}",
                _state(one),
                f"{sum(worker['is_ready'] for worker in one['workers'])}/{one['min_warm']}",
                str(one["running"]),
                str(one["waiting"]),
                str(one["calls"]),
                str(one["failures"]),
                "" if one["median_seconds"] is None else f"{one['median_seconds'] * 1000:.1f} ms",
            )
            for one in found
        ],
        "There are no services. `idlehands serve SCRIPT --name NAME` makes one.",
    )
    for one in found:
        if one["why"]:
            say(f"{one['service']}: {one['why']}")


def _state(service: dict[str, Any]) -> str:
    if not service["is_running"]:
        return "stopped"
    return "ready" if service["is_healthy"] else "not ready"


def services_call(
    name: Service,
    param: options.Params = None,
    deadline: Annotated[
        float | None, typer.Option("--deadline", min=0.001, max=3600, metavar="SECONDS")
    ] = None,
) -> None:
    """Call a service once and print what it answers, as JSON."""
    from idlehands.cli import words
    from idlehands.cli.opening import open_client
    from idlehands.cli.printing import print_json
    from schemas.requests import CallService

    params = words.parse_params(param or [])
    with open_client() as client:
        asked = CallService(service=name, params=params, deadline_seconds=deadline)
        # HQ answers at the deadline of the call.
        print_json(client.ask(asked, deadline_seconds=(deadline or 3600) + 10).result["result"])


def services_rollback(
    name: Service,
    version: Annotated[
        int | None, typer.Argument(metavar="[VERSION]", min=1, help="Default: the one before.")
    ] = None,
) -> None:
    """Let an earlier version of a service take the calls again, when it is ready."""
    from idlehands.cli.opening import open_client
    from schemas.requests import RollBackService

    with open_client() as client:
        result = client.ask(RollBackService(service=name, version=version)).result
    say(f"{name} goes back to version {result['version']}.")


def services_stop(name: Service) -> None:
    """Stop a service. Its versions are kept: `services rollback NAME VERSION` starts one again."""
    from idlehands.cli.opening import open_client
    from schemas.requests import StopService

    with open_client() as client:
        client.ask(StopService(service=name))
    say(f"{name} is stopped.")
