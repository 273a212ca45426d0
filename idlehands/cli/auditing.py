"""`audit`: who got in, tried to, or changed who may."""

import datetime
import re
import time
from itertools import islice
from typing import Annotated, Any

import typer

from idlehands.cli import options
from idlehands.cli.as_admin import as_admin
from idlehands.cli.exits import USAGE, Stop

_AGO = re.compile(r"(\d{1,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_WORD = re.compile(r"[a-z-]{1,31}(\.[a-z-]{1,31})?")
_PAGE = 1000


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("audit")(audit)


def audit(
    who: Annotated[
        str | None, typer.Option("--who", metavar="NAME", help="Who did it, or whom it was done to.")
    ] = None,
    what: Annotated[
        str | None,
        typer.Option("--what", metavar="WORD", help="Such as token.created, or token for all of these."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="WHEN", help="Such as 30m, 12h, 7d, or a date: 2026-11-22."),
    ] = None,
    limit: options.Limit = 50,
    json: options.Json = False,
) -> None:
    """Show logins, tokens, certificates, pairings and refused attempts, the newest first. On the HQ host.

    --json: one JSON document a line.

    Example: idlehands audit --what token --since 7d
    """
    from idlehands.cli.printing import print_lines, print_table

    if what is not None and not _WORD.fullmatch(what):
        raise Stop(USAGE, f"--what {what!r} is no word of the audit log, such as token.created or token")
    query = {"who": who, "what": what, "since": None if since is None else _parse_since(since, time.time())}
    with as_admin() as rest:
        rows = list(islice(rest.pages("/audit", "entries", limit=min(limit, _PAGE), **query), limit))
    if json:
        print_lines(rows)
        return
    print_table(
        ("when", "what", "who", "subject", "from", "outcome", "detail"),
        [
            (
                _moment(row["at"]),
                row["what"] if row["count"] == 1 else f"{row['what']} x{row['count']}",
                row["who"],
                row["subject"],
                row["source"],
                row["outcome"],
                row["detail"],
            )
            for row in rows
        ],
        "Nothing of that kind is in the audit log.",
    )


def _parse_since(text: str, now: float) -> float:
    found = _AGO.fullmatch(text)
    if found is not None:
        return max(now - int(found[1]) * _SECONDS[found[2]], 0.0)
    try:
        return max(datetime.datetime.fromisoformat(text).astimezone().timestamp(), 0.0)
    except (ValueError, OverflowError):
        raise Stop(
            USAGE, f"--since {text!r} is neither like 30m, 12h or 7d nor a date like 2026-11-22"
        ) from None


def _moment(at: float) -> Any:
    return datetime.datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
