"""`serve` and `services`: scripts and functions that are kept warm, and called."""

from pathlib import Path
from typing import Annotated, Any

import typer

from idlehands.cli import completing, options
from idlehands.cli.blocks import spread
from idlehands.cli.exits import REFUSED, USAGE, Stop, say
from idlehands.cli.job_options import Placed
from idlehands.cli.printing import answer, print_json

Service = Annotated[
    str, typer.Argument(metavar="NAME", help="Of a service.", autocompletion=completing.services)
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("serve")(serve)
    services = typer.Typer(
        invoke_without_command=True,
        rich_markup_mode=None,
    )
    services.callback()(services_list)
    services.command("call")(services_call)
    services.command("rollback")(services_rollback)
    services.command("stop")(services_stop)
    app.add_typer(services, name="services")


@spread
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
    *,
    job: Placed,
    json: options.Json = False,
) -> None:
    """Turn SCRIPT, or a function of a module, into a service: POST /api/v1/services/NAME calls it.

    The same again is a new version, which takes the calls when it is ready;
    `services rollback NAME` goes back.

    Example: idlehands serve encode.py --name encode --min-warm 2
    """
    from idlehands.cli import words
    from idlehands.cli.building import store_script
    from idlehands.cli.opening import open_client
    from schemas.requests import DeployService
    from schemas.specs import ServiceSpec

    file, colon, function = target.rpartition(":") if ".py:" in target else (target, "", "")
    if colon and not function.isidentifier():
        raise Stop(USAGE, f"{target!r} names no function: MODULE.py:FUNCTION")
    script = Path(file)
    if function and defined_names(script).isdisjoint((function, "*")):
        raise Stop(REFUSED, f"{script} has no function {function!r} at its top level")
    with open_client() as client:
        reference, source, needs = store_script(client, script, job)
        given: dict[str, Any] = {
            "name": name,
            "job": {
                "script": reference,
                "arguments": job.arguments,
                "needs": needs,
                **job.secret_fields(),
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


def defined_names(script: Path) -> frozenset[str]:
    """Return the names that a module defines or imports at its top level, without running it.

    Raises:
        Stop: If it cannot be read.
    """
    import ast

    from idlehands.cli.script_arguments import read_source

    try:
        tree = ast.parse(read_source(script))
    except (SyntaxError, ValueError) as error:
        raise Stop(REFUSED, f"{script} cannot be read: it is no Python: {error}") from None
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.alias(name=name, asname=other):
                names.add(other or name)
    return frozenset(names)


def services_list(context: typer.Context, json: options.Json = False) -> None:
    """Show the services: versions, workers, calls; with a command, call, roll back or stop one.

    Example: idlehands services
    """
    if context.invoked_subcommand is not None:
        return
    from idlehands.cli.opening import open_client
    from idlehands.cli.printing import print_table
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
        float | None,
        typer.Option(
            "--deadline", min=0.001, max=3600, metavar="SECONDS", help="Less than the service's own."
        ),
    ] = None,
) -> None:
    """Call a service once and print what it answers, as JSON.

    Example: idlehands services call encode --param text=hello
    """
    from idlehands.cli import words
    from idlehands.cli.opening import open_client
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
    json: options.Json = False,
) -> None:
    """Let an earlier version of a service take the calls again, when it is ready.

    Example: idlehands services rollback encode 3
    """
    from idlehands.cli.opening import open_client
    from schemas.requests import RollBackService

    with open_client() as client:
        result = client.ask(RollBackService(service=name, version=version)).result
    answer(json, result, f"{name} goes back to version {result['version']}.")


def services_stop(name: Service, json: options.Json = False) -> None:
    """Stop a service. Its versions are kept: `services rollback NAME VERSION` starts one again.

    Example: idlehands services stop encode
    """
    from idlehands.cli.opening import open_client
    from schemas.requests import StopService

    with open_client() as client:
        client.ask(StopService(service=name))
    answer(json, {"service": name, "stopped": True}, f"{name} is stopped.")
