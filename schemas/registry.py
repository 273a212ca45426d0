"""The registry of models: files of a job under a name, as versions 1, 2, 3 ..., with where they came from.

model://wine@production      the version of that stage
model://wine@3, @latest      one version, the newest
model://wine/model.pt        one file of it; without a version: production, else the newest
"""

import hashlib
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from schemas.facts import Artifact, Fact
from schemas.names import (
    DatasetName,
    JobId,
    JsonObject,
    Name,
    Sha256,
    ShortText,
    SweepId,
    Text,
)
from schemas.paths import is_path_below
from schemas.specs import JobSpec

ModelVersion = Annotated[int, Meta(ge=1, le=2**31, description="Of a model, counted from 1.")]
#: At most one version of a model is in `staging` and one in `production`.
Stage = Literal["none", "staging", "production", "archived"]
#: A version in one of these steps back to `archived` when another takes its place.
SINGLE_STAGES: frozenset[str] = frozenset({"staging", "production"})
PREFIX = "model://"
#: A number, a stage, `latest`, or nothing for production or else the newest.
_REFERENCE = re.compile(
    r"([a-z0-9][a-z0-9._-]{0,62})(?:@([1-9][0-9]{0,9}|staging|production|latest))?(?:/(.+))?", re.DOTALL
)
Files = Annotated[tuple[Artifact, ...], Meta(min_length=1, max_length=1000)]


class Provenance(Fact, frozen=True, kw_only=True):
    """Where a version came from: enough to run it again, also when its job is long forgotten."""

    job: JobId
    #: Script, parameters, source commit and needs; its sweep and trial, too.
    spec: JobSpec
    submitter: Name
    #: The machine that ran it.
    agent: ShortText = ""
    #: The script's own result; None where it is too large, and `result_blob` may have it.
    metrics: JsonObject | None = None
    result_blob: Sha256 | None = None
    #: A blob: interpreter, packages and machine.
    environment: Sha256 | None = None
    #: The versions of the datasets that it used.
    datasets: dict[DatasetName, Sha256] = field(default_factory=dict)
    #: The sweep in words, where it was a trial.
    sweep: SweepId | None = None
    sweep_name: ShortText = ""
    #: Unix seconds.
    submitted_at: float = 0
    ended_at: float = 0
    notes: tuple[Text, ...] = ()


class Reference(Struct, frozen=True):
    """What `model://NAME@VERSION/FILE` asks for; version and file are "" where they are not given."""

    name: str
    version: str = ""
    path: str = ""


def parse_reference(text: str) -> Reference:
    """Return what a word asks for, `model://` before it or not.

    Raises:
        ValueError: If it cannot be understood; the message says how it would be right.
    """
    found = _REFERENCE.fullmatch(text.removeprefix(PREFIX))
    if found is None or (found[3] and not is_path_below(found[3])):
        raise ValueError(
            f"{text[:200]!r} is no model: write model://NAME, model://NAME@3, @production, @staging or "
            "@latest, and perhaps /FILE"
        )
    return Reference(found[1], found[2] or "", found[3] or "")


def choose_version(versions: Sequence[tuple[int, str]], wanted: str) -> int | None:
    """Return which of some (version, stage) is meant; None when there is none.

    Without a word it is the one in production, or else the newest that is not archived, or else the newest.
    """
    by_stage = {stage: version for version, stage in versions if stage in SINGLE_STAGES}
    if wanted in SINGLE_STAGES:
        return by_stage.get(wanted)
    numbers = [version for version, _ in versions]
    if wanted.isdigit():
        return int(wanted) if int(wanted) in numbers else None
    live = [version for version, stage in versions if stage != "archived"] or numbers
    newest = max(live, default=None)
    return newest if wanted == "latest" else by_stage.get("production", newest)


def hash_files(files: Sequence[Artifact]) -> str:
    """Return the sha256 of a version: of its one file, or of the names and hashes of all, sorted by name."""
    if len(files) == 1:
        return files[0].sha256
    lines = sorted(f"{file.sha256}  {file.name}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def plain_numbers(result: dict[str, Any]) -> dict[str, Any]:
    """Return those entries of a result that are short: numbers, truths and short texts."""
    return {
        name: value
        for name, value in result.items()
        if len(name) <= 200
        and (isinstance(value, bool | int | float) or (isinstance(value, str) and len(value) <= 200))
    }
