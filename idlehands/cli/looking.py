"""`jobs`, `job`, `logs`, `results`, `sweeps` and `agents`: what there is."""

import time
from collections.abc import Sequence
from itertools import islice
from typing import Annotated, Any

import typer

from idlehands.cli import completing, options
from idlehands.cli.printing import ago, print_json, print_lines, print_table, show
from idlehands.energy import add_up, describe
from schemas.calls import OURS
from schemas.states import JobStatus

_PAGE = 1000


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("jobs")(jobs)
    app.command("job")(job)
    app.command("logs")(logs)
    app.command("results")(results)
    app.command("sweeps")(sweeps)
    app.command("search")(search)
    app.command("agents")(agents)


def jobs(
    status: Annotated[
        str | None,
        typer.Option(
            "--status",
            metavar="STATUS",
            help="queued, held, running, succeeded, failed, cancelled, dead or pruned.",
            autocompletion=completing.words(*JobStatus),
        ),
    ] = None,
    sweep: options.Sweep = None,
    agent: options.OfAgent = None,
    project: options.OfProject = None,
    tag: options.OneTag = None,
    limit: options.Limit = 50,
    json: options.Json = False,
) -> None:
    """List jobs, newest first. --json: one JSON document a line.

    Example: idlehands jobs --status failed --limit 10
    """
    options.check_word("--status", status, JobStatus)
    from idlehands.cli.finding import find_sweep
    from idlehands.cli.opening import open_client

    with open_client() as client:
        whole = find_sweep(client, sweep) if sweep else None
        page = min(limit, _PAGE)
        asked = {"status": status, "sweep": whole, "agent": agent, "project": project, "tag": tag}
        rows = list(islice(client.jobs(**asked, limit=page), limit))
        if whole and not rows and not json:
            client.sweep(whole)  # says clearly that there is no such sweep
    if json:
        print_lines(rows)
        return
    now = time.time()
    print_table(
        ("id", "name", "status", "agent", "submitted", "why"),
        [
            (
                row["id"],
                name_of(row),
                row["status"],
                row.get("agent"),
                ago(row["submitted_at"], now),
                row["why"],
            )
            for row in rows
        ],
        "No jobs. Submit one with `idlehands run SCRIPT`.",
    )


def search(
    words: Annotated[list[str], typer.Argument(metavar="WORDS...", help="Whole words; all must be there.")],
    project: options.OfProject = None,
    tag: options.OneTag = None,
    limit: options.Limit = 50,
    json: options.Json = False,
) -> None:
    """Find jobs and sweeps by words in their names, scripts, projects, tags, notes and reasons.

    Trials are found by their sweep. --json: one JSON document a line.

    Example: idlehands search wine baseline --project cellar
    """
    from idlehands.cli.opening import open_client

    asked = {"q": " ".join(words), "project": project, "tag": tag, "limit": min(limit, _PAGE)}
    with open_client() as client:
        sweeps = list(islice(client.sweeps(**asked), limit))
        jobs = list(islice((row for row in client.jobs(**asked) if not row["spec"].get("sweep")), limit))
    rows = sorted([*sweeps, *jobs], key=lambda row: -float(row["submitted_at"]))[:limit]
    if json:
        print_lines(rows)
        return
    now = time.time()
    print_table(
        ("id", "name", "status", "project", "tags", "submitted", "why"),
        [
            (
                row["id"],
                name_of(row) if row["id"].startswith("j") else row["spec"].get("name"),
                row["status"],
                row.get("project"),
                " ".join(row.get("tags", ())),
                ago(row["submitted_at"], now),
                row["why"] or row.get("note"),
            )
            for row in rows
        ],
        "Nothing has all of these words: only whole words are found.",
    )


def name_of(row: dict[str, Any]) -> str:
    """Return what people call a job."""
    spec = row["spec"]
    name = str(spec.get("name") or spec["script"].get("name") or spec["script"]["entry"])
    trial = spec.get("trial")
    # HQ calls a trial "SWEEP 3" already when the sweep's jobs have no name of their own.
    return name if trial is None or name.endswith(f" {trial}") else f"{name} #{trial}"


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


def results(
    sweep: options.Sweep = None,
    sort: Annotated[
        str | None, typer.Option("--sort", help="Such as -accuracy (largest first) or params.layers.")
    ] = None,
    limit: options.Limit = 100,
    json: options.Json = False,
) -> None:
    """List results, best first for a sweep with a metric. --json: one JSON document a line.

    Example: idlehands results --sweep s3fa --sort -accuracy
    """
    from idlehands.cli.exits import say
    from idlehands.cli.failures import describe_commonest, failed_results
    from idlehands.cli.finding import find_sweep
    from idlehands.cli.opening import open_client

    with open_client() as client:
        whole = find_sweep(client, sweep) if sweep else None
        rows = list(islice(client.results(sweep=whole, sort=sort, limit=min(limit, _PAGE)), limit))
        if whole and not rows and not json:
            client.sweep(whole)  # says clearly that there is no such sweep
    print_results(rows, json)
    if not json and (commonest := describe_commonest(failed_results(rows), len(rows))):
        say(commonest)


def print_results(rows: list[dict[str, Any]], json: bool) -> None:
    """Print results as a table with a column for each parameter and each number in them."""
    if json:
        print_lines(rows)
        return
    params = sorted({name for row in rows for name in row.get("params", {})} - OURS)
    numbers = sorted({name for row in rows for name, value in _printed(row).items() if _is_short(value)})
    # Of houses without such agents there is no column.
    has_energy = any((row.get("result") or {}).get("energy") for row in rows)
    table = []
    for row in rows:
        result = row.get("result") or {}
        printed = _printed(row)
        table.append(
            (
                row["job"],
                row.get("agent"),
                *(row.get("params", {}).get(name) for name in params),
                *(printed.get(name) for name in numbers),
                result.get("duration_seconds"),
                *((_watt_hours(result),) if has_energy else ()),
                _outcome(row),
            )
        )
    print_table(
        ("job", "agent", *params, *numbers, "seconds", *(("Wh",) if has_energy else ()), "outcome"),
        table,
        "No results yet. `idlehands jobs` shows what runs.",
    )


def _printed(row: dict[str, Any]) -> dict[str, Any]:
    return (row.get("result") or {}).get("result") or {}


def _outcome(row: dict[str, Any]) -> str | None:
    """Return what became of an attempt: one that its sweep ended early did not fail."""
    if row.get("outcome"):
        return str(row["outcome"])
    # A house of an older version does not say it.
    result = row.get("result") or {}
    is_early = (result.get("failure") or {}).get("kind") == "ended_early"
    return "pruned" if is_early else result.get("outcome")


def _watt_hours(result: dict[str, Any]) -> float | None:
    energy = result.get("energy")
    return energy and float(f"{1000 * energy['kwh']:.3g}")


def _is_short(value: Any) -> bool:
    return isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= 40)


def sweeps(limit: options.Limit = 50, json: options.Json = False) -> None:
    """List sweeps, newest first. --json: one JSON document a line.

    Example: idlehands sweeps --json
    """
    from idlehands.cli.opening import open_client

    with open_client() as client:
        rows = list(islice(client.rest.pages("/sweeps", "sweeps", limit=min(limit, _PAGE)), limit))
    if json:
        print_lines(rows)
        return
    now = time.time()
    print_table(
        ("id", "name", "status", "proposed", "live", "succeeded", "unsuccessful", "pruned", "submitted"),
        [
            (
                row["id"],
                row["spec"].get("name") or row["spec"]["job"]["script"].get("name"),
                row["status"],
                *(
                    str(row.get(column, 0))
                    for column in ("proposed", "live", "succeeded", "unsuccessful", "pruned")
                ),
                ago(row["submitted_at"], now),
            )
            for row in rows
        ],
        "No sweeps. Submit one with `idlehands sweep SCRIPT --space ...`.",
    )


def agents(json: options.Json = False) -> None:
    """List the machines: what each does, and why it does not. --json: one JSON document a line.

    Example: idlehands agents
    """
    from idlehands.cli.opening import open_client

    with open_client() as client:
        rows = client.agents()
    if json:
        print_lines(rows)
        return
    print_table(
        (
            "name",
            "online",
            "slots",
            "free",
            "accepting",
            "reason",
            "isolation",
            "cores",
            "memory_mb",
            "system",
        ),
        [_agent_row(row) for row in rows],
        "No machines yet. `idlehands up` starts an agent here.",
    )


def _agent_row(row: dict[str, Any]) -> tuple[Any, ...]:
    facts = row.get("facts") or {}
    heard = row.get("heard") or {}
    guest = heard.get("guest") or {}
    return (
        row["name"],
        row.get("online"),
        str(heard.get("slots", row.get("slots", "-"))),
        str(heard.get("free", "-")),
        guest.get("accepting", True) if row.get("online") else None,
        heard.get("degraded") or guest.get("reason"),
        " ".join(facts.get("isolation") or ("basic",)) if facts else None,
        facts.get("cores"),
        facts.get("memory_mb"),
        facts.get("system"),
    )
