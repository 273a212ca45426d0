"""`job` and `logs`: one job, and what it wrote."""

import time
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from idlehands.cli import options
from idlehands.cli.naming import name_of
from idlehands.cli.printing import ago, print_json, print_lines, print_table, show
from idlehands.energy import add_up, describe


def job(ident: options.OneJob, json: options.Json = False) -> None:
    """Show one job: its parameters, its attempts, its result, and why it stands where it stands.

    Example: idlehands job j7q2
    """
    from idlehands.cli.finding import find_job
    from idlehands.cli.opening import open_client
    from idlehands.cli.used import describe_usage

    with open_client() as client:
        whole = find_job(client, ident)
        found = client.job(whole)
        if found["status"] in ("queued", "held"):
            found["why"] = client.rest.get(f"/jobs/{whole}/why")["why"] or found["why"]
        is_running = found["status"] == "running"
        used = [] if json else describe_usage(client.usage(whole), whole, is_running)
    if json:
        print_json(found)
        return
    _print_job(found, used)


def _print_job(found: dict[str, Any], used: list[tuple[str, str]]) -> None:
    spec = found["spec"]
    accepted = next((row for row in found["results"] if row.get("verdict") == "accepted"), None)
    result = (accepted or {}).get("result") or {}
    now = time.time()
    facts: list[tuple[str, Any]] = [
        ("id", found["id"]),
        ("name", name_of(found)),
        ("project", found.get("project")),
        ("tags", " ".join(found.get("tags", ()))),
        ("note", found.get("note")),
        ("status", found["status"]),
        ("why", found["why"]),
        ("submitted", f"{ago(found['submitted_at'], now)} ago by {found['submitter']}"),
        ("agent", found.get("agent") or (accepted or {}).get("agent")),
        ("script", f"{spec['script']['entry']} ({spec['script']['bundle'][:12]})"),
        ("commit", _commit_of(spec)),
        ("seed", result.get("seed")),
        ("arguments", " ".join(spec.get("argv", ()))),
        ("sweep", spec.get("sweep")),
        ("retry of", spec.get("retry_of")),
        ("starts", found.get("starts", 0)),
        ("interruptions", found.get("interruptions", 0)),
        ("seconds", result.get("duration_seconds")),
        ("energy", describe(add_up(row.get("result") for row in found["results"]))),
        ("exit code", result.get("exit_code")),
    ]
    facts += used
    facts += [(f"param {name}", value) for name, value in spec.get("params", {}).items()]
    facts += [(f"result {name}", value) for name, value in (result.get("result") or {}).items()]
    kept = result.get("artifacts", ())
    facts += [(f"artifact {one['name']}", f"{one['bytes']} bytes, {one['sha256'][:12]}") for one in kept]
    facts += [("note", note) for note in result.get("notes", ()) if not _tells_artifact(note, kept)]
    if found.get("checkpoint"):
        newest = found["checkpoint"]
        facts.append(("checkpoint", f"{newest['bytes']} bytes, {newest['sha256'][:12]}"))
    if result.get("failure"):
        facts.append(("failure", f"{result['failure']['kind']}: {result['failure']['message']}"))
    print_table(
        ("what", "value"), [(name, value) for name, value in facts if show(value) not in ("-", "0")], ""
    )


def _commit_of(spec: dict[str, Any]) -> str | None:
    source = spec.get("source")
    return source and f"{source['commit'][:12]}{', with changes' if source.get('dirty') else ''}"


def _tells_artifact(note: str, artifacts: Sequence[dict[str, Any]]) -> bool:
    return any(note.startswith(f"saved {one['name']}: blob {one['sha256']}") for one in artifacts)


def logs(
    ident: options.OneJob,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job has ended.")] = False,
    json: options.Json = False,
) -> None:
    """Print what a job wrote.

    Example: idlehands logs j7q2 --follow
    """
    import sys

    from idlehands.cli.finding import find_job
    from idlehands.cli.opening import open_client
    from idlehands.cli.running import clean, follow_log
    from idlehands.client.following import lines_of

    with open_client() as client:
        whole = find_job(client, ident)
        client.job(whole)  # says clearly that there is no such job
        if follow and not json:
            follow_log(client, whole)
            return
        for row in client.logs(whole):
            if json:
                print_lines([row])
            else:
                sys.stdout.write("".join(f"{clean(line)}\n" for line in lines_of(row)))
