"""`jobs`, `search`, `sweeps` and `agents`: what there is; registers what shows one job, and results."""

import time
from itertools import islice
from typing import Annotated, Any

import typer

from idlehands.cli import completing, options
from idlehands.cli.looking_at_job import job, logs
from idlehands.cli.looking_at_results import PAGE, results
from idlehands.cli.naming import name_of
from idlehands.cli.printing import ago, print_lines, print_table
from schemas.states import JobStatus


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
        page = min(limit, PAGE)
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

    asked = {"q": " ".join(words), "project": project, "tag": tag, "limit": min(limit, PAGE)}
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


def sweeps(limit: options.Limit = 50, json: options.Json = False) -> None:
    """List sweeps, newest first. --json: one JSON document a line.

    Example: idlehands sweeps --json
    """
    from idlehands.cli.opening import open_client

    with open_client() as client:
        rows = list(islice(client.rest.pages("/sweeps", "sweeps", limit=min(limit, PAGE)), limit))
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
