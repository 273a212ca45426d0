"""Ids that people shorten: a unique beginning is enough."""

import re
from collections.abc import Sequence
from itertools import islice

from idlehands.cli.exits import REFUSED, Stop
from idlehands.client import Client

_WHOLE = {"j": re.compile(r"j[a-z2-7]{12}"), "s": re.compile(r"s[a-z2-7]{12}")}
_PART = re.compile(r"[js][a-z2-7]{0,12}")
#: How far back a shortened id is looked for.
NEWEST = 5000


def find_ids(client: Client, given: Sequence[str], *, sweeps: bool = False) -> tuple[list[str], list[str]]:
    """Return the whole ids of jobs and of sweeps.

    Raises:
        Stop: If one is none, is not known or not unique.
    """
    jobs = [find_job(client, one) for one in given if not (sweeps and one.startswith("s"))]
    found = [find_sweep(client, one) for one in given if sweeps and one.startswith("s")]
    return jobs, found


def find_job(client: Client, given: str) -> str:
    """Return a job's whole id.

    Raises:
        Stop: If there is none or more than one.
    """
    return _find(client, given, "j", "job")


def find_sweep(client: Client, given: str) -> str:
    """Return a sweep's whole id.

    Raises:
        Stop: If there is none or more than one.
    """
    return _find(client, given, "s", "sweep")


def _find(client: Client, given: str, letter: str, what: str) -> str:
    if _WHOLE[letter].fullmatch(given):
        return given
    if not _PART.fullmatch(given) or not given.startswith(letter):
        raise Stop(
            REFUSED,
            f"{given[:60]!r} is no {what} id, like {letter}abcdefghijkl. `idlehands {what}s` lists them",
        )
    rows = client.jobs(limit=1000) if letter == "j" else client.rest.pages("/sweeps", "sweeps", limit=1000)
    matching = [row["id"] for row in islice(rows, NEWEST) if row["id"].startswith(given)]
    if len(matching) == 1:
        return str(matching[0])
    if not matching:
        raise Stop(REFUSED, f"There is no {what} {given!r}. `idlehands {what}s` lists them")
    shown = ", ".join(sorted(matching)[:5])
    raise Stop(REFUSED, f"{given!r} is the beginning of {len(matching)} {what}s ({shown}): give more of it")
