"""Trials of another time as a sweep's past: from another sweep of the house, or from a table."""

import csv
import math
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from idlehands.cli.exits import REFUSED, Stop, say
from idlehands.client import Client
from schemas.names import SWEEP_PATTERN
from schemas.objectives import objectives_of, weigh
from schemas.samplers import LEARNING
from schemas.searches import MAX_PAST_TRIALS, MAX_SEARCH_BYTES, fits
from schemas.spaces import active_params
from schemas.specs import PastTrial, SweepSpec

#: As many as a spec carries; beyond that they are a blob.
_MOST_INLINE = 1000
Row = tuple[Mapping[str, Any], Mapping[str, Any]]


def read_past(client: Client, spec: SweepSpec, given: str, parse_value: Callable[[str], Any]) -> SweepSpec:
    """Return the sweep with the trials of another one (its id) or of a table (a file) to learn from.

    Rows that do not fit the space, or lack a value, are left out, and how many is said.

    Raises:
        Stop: If there is nothing to learn from, or it cannot be read.
        ClientError: If the house does not answer.
    """
    if not objectives_of(spec):
        raise Stop(REFUSED, "--warm-start needs an objective: what is best of these trials?")
    if spec.sampler not in LEARNING:
        raise Stop(REFUSED, f"--warm-start: the sampler {spec.sampler} learns from nothing; take tpe, say")
    rows = list(_of_sweep(client, given) if re.match(SWEEP_PATTERN, given) else _of_table(given, parse_value))
    found: list[PastTrial] = []
    for params, result in rows:
        worth = weigh(spec, result)
        if worth.values and worth.is_feasible and fits(spec, dict(params)):
            found.append(PastTrial(active_params(spec.space, dict(params)), worth.values))
    kept = found[-MAX_PAST_TRIALS:]
    if not kept:
        names = ", ".join([*spec.space, *(one.metric for one in objectives_of(spec))])
        raise Stop(
            REFUSED,
            f"--warm-start {given}: none of its {len(rows)} trials has all of {names} within the space",
        )
    say(f"{len(kept)} of {len(rows)} trials of {given} are learned from")
    if len(kept) <= _MOST_INLINE and len(msgspec.json.encode(kept)) <= MAX_SEARCH_BYTES * 3 // 4:
        return replace(spec, past=tuple(kept))
    return replace(spec, past_blob=client.put_blob(msgspec.json.encode(kept)))


def _of_sweep(client: Client, sweep: str) -> Iterable[Row]:
    for trial in client.trials(sweep):
        yield trial["params"], (trial.get("result") or {}).get("result") or {}


def _of_table(name: str, parse_value: Callable[[str], Any]) -> Iterable[Row]:
    file = Path(name)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Stop(
            REFUSED, f"--warm-start {name} is no sweep of the house, and no table: {error.strerror}"
        ) from None
    except UnicodeDecodeError:
        raise Stop(REFUSED, f"{name} is not text in UTF-8") from None
    if file.suffix.lower() == ".json":
        rows = _json_rows(name, text)
    else:
        rows = [
            {key: parse_value(value) for key, value in row.items() if key and value not in (None, "")}
            for row in csv.DictReader(text.splitlines())
        ]
    for row in rows:
        finite = {k: v for k, v in row.items() if not (isinstance(v, float) and not math.isfinite(v))}
        yield finite, finite


def _json_rows(name: str, text: str) -> list[dict[str, Any]]:
    try:
        rows = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise Stop(REFUSED, f"{name} is not JSON: {error}") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Stop(REFUSED, f'{name} is no table: it needs [{{"lr": 0.1, "loss": 0.5}}, ...]')
    return [{**row.get("params", {}), **row} if isinstance(row.get("params"), dict) else row for row in rows]
