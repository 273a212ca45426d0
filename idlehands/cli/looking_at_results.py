"""`results`: what jobs brought, as a table with a column for each parameter and number."""

from itertools import islice
from typing import Annotated, Any

import typer

from idlehands.cli import options
from idlehands.cli.printing import print_lines, print_table
from schemas.calls import OURS

#: As many come in one answer of REST at most.
PAGE = 1000


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
        rows = list(islice(client.results(sweep=whole, sort=sort, limit=min(limit, PAGE)), limit))
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
