"""`reproduce`: the same job once more, and what differs."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idlehands.cli import completing, options

if TYPE_CHECKING:
    from idlehands.client import Client
    from schemas.specs import JobSpec


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("reproduce")(reproduce)


def reproduce(
    ident: options.OneJob,
    agent: Annotated[
        str | None,
        typer.Option(
            "--agent",
            metavar="NAME",
            help="On this machine; by default on any that fits.",
            autocompletion=completing.agents,
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Run a job again with the same script, parameters and data, and say what differs: then exit with 5.

    Differences in machine, Python and packages are told, and are no failure by themselves.

    Example: idlehands reproduce j7q2 --agent attic-pc
    """
    from idlehands.cli.exits import REFUSED, UNSUCCESSFUL, Stop
    from idlehands.cli.finding import find_job
    from idlehands.cli.opening import open_client
    from idlehands.cli.printing import print_json, print_table
    from idlehands.cli.screen import Screen
    from idlehands.client import LogUpdate
    from idlehands.client.comparing import compare_results, compare_surroundings

    with open_client() as client:
        whole = find_job(client, ident)
        found = client.job(whole)
        before = _counting(found)
        if before is None:
            raise Stop(REFUSED, f"{whole} is {found['status']} and has no result to compare with")
        made = client.submit([_spec_again(found, before["result"], agent)])
        again = made.jobs[0]
        with Screen(f"{whole} again") as screen:
            screen.note(f"job {again}")
            for update in client.follow(again):
                if not isinstance(update, LogUpdate):
                    screen.show(update)
        ended = client.job(again)
        now = _counting(ended)
        if now is None:
            raise Stop(REFUSED, f"{again} is {ended['status']}: {ended['why']}")
        results = compare_results(
            _with_whole_result(client, before["result"]), _with_whole_result(client, now["result"])
        )
        around = compare_surroundings(
            *(_read_environment(client, row["result"]) for row in (before, now)),
            agents=(before.get("agent"), now.get("agent")),
        )
    if json:
        document = {
            "job": whole,
            "again": again,
            "same": not results,
            "result": results,
            "environment": around,
        }
        print_json(document)
    else:
        rows = [(one.what, one.before, one.now) for one in (*results, *around)]
        print_table(("what", whole, again), rows, "Nothing differs.")
        sys.stdout.write("The result is another.\n" if results else "The result is the same.\n")
    raise typer.Exit(UNSUCCESSFUL if results else 0)


def _counting(job: dict[str, Any]) -> dict[str, Any] | None:
    rows = [row for row in job.get("results", ()) if row.get("verdict") == "accepted" and row.get("result")]
    return dict(rows[-1]) if rows else None


def _spec_again(job: dict[str, Any], result: dict[str, Any], agent: str | None) -> "JobSpec":
    """Return the spec, its datasets and models pinned to the versions that were used."""
    import msgspec
    from msgspec.structs import replace

    from schemas.specs import JobSpec

    spec: JobSpec = msgspec.convert(job["spec"], JobSpec)
    versions = {f"data://{name}": version for name, version in (result.get("datasets") or {}).items()}
    versions |= {f"model://{one['model']}": one["version"] for one in result.get("models") or ()}
    again = replace(
        spec,
        params={name: _pin(value, versions) for name, value in spec.params.items()},
        argv=tuple(_pin(word, versions) for word in spec.argv),
        seed=result.get("seed", spec.seed),
        retry_of=job["id"],
        sweep=None,
        trial=None,
        not_before=0,
        expires=0,
    )
    return again if agent is None else replace(again, needs=replace(again.needs, agent=agent))


def _pin(value: Any, versions: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_pin(one, versions) for one in value]
    if not isinstance(value, str) or not value.startswith(("data://", "model://")):
        return value
    scheme, _, rest = value.partition("://")
    name, slash, path = rest.partition("/")
    base = f"{scheme}://{name.partition('@')[0]}"
    return f"{base}@{versions[base]}{slash}{path}" if base in versions else value


def _with_whole_result(client: "Client", result: dict[str, Any]) -> dict[str, Any]:
    if not result.get("result_blob"):
        return result
    import msgspec

    return {**result, "result": msgspec.json.decode(client.get_blob(result["result_blob"]))}


def _read_environment(client: "Client", result: dict[str, Any]) -> dict[str, Any] | None:
    import msgspec

    if not result.get("environment"):
        return None
    return dict(msgspec.json.decode(client.get_blob(result["environment"])))
