"""What follows for a job or sweep when one that it waits for has ended."""

from typing import Any

import msgspec
from msgspec.structs import replace

from hq.core.decide.arguments import why_not_signed, why_space_not_signed
from hq.core.decide.specs import MAX_SPEC_BYTES, MAX_SWEEP_JOB_BYTES
from hq.core.dependents import Ended
from hq.core.state import Job, Sweep
from schemas.events import AnyEvent, JobCancelled, JobFailed, ParentEnded, SweepCancelled, SweepParentEnded
from schemas.references import Reference, fill_in, find_references
from schemas.specs import JobSpec

#: Of all values that one parent passes on to one dependent: a thousand of these are one decision.
MAX_PASSED_BYTES = 16 * 1024

_HOW = {
    "failed": "failed",
    "cancelled": "was cancelled",
    "pruned": "was ended early",
    "finished": "finished",
    "deleted": "was deleted",
}


class NothingThere(Exception):
    """What a reference refers to is not there; the message says what is."""


def decide_parent(waiting: Job | Sweep, ended: Ended) -> AnyEvent:
    """Return what follows for what waits: one parent less, or its own end."""
    spec = waiting.spec if isinstance(waiting, Job) else waiting.spec.job
    if not ended.is_good and ended.parent not in spec.after_any:
        more = f": {ended.why}" if ended.why else ""
        how = _HOW.get(ended.status, f"is {ended.status}")
        why = f"{_kind(ended.parent)} {ended.parent}, which it waited for, {how}{more}"[:8000]
        if isinstance(waiting, Job):
            return JobCancelled(waiting.id, "hq", why)
        return SweepCancelled(waiting.id, "hq", why)
    try:
        values = _values_for(spec, ended)
        if len(waiting.waits_for) == 1:
            _check_filled(waiting, {**waiting.received, **values})
    except NothingThere as missing:
        if isinstance(waiting, Job):
            return JobFailed(waiting.id, f"it was never started: {missing}")
        return SweepCancelled(waiting.id, "hq", f"no trial was ever proposed: {missing}")
    if isinstance(waiting, Job):
        return ParentEnded(waiting.id, ended.parent, ended.status, values)
    return SweepParentEnded(waiting.id, ended.parent, ended.status, values)


def _values_for(spec: JobSpec, ended: Ended) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for reference in find_references(spec).values():
        if reference.parent == ended.parent:
            values[reference.text] = _pick(reference, ended)
    size = len(msgspec.json.encode(values)) if values else 0
    if size > MAX_PASSED_BYTES:
        raise NothingThere(
            f"what {ended.parent} passes on has {size} bytes, at most {MAX_PASSED_BYTES}: pass on less, or "
            "keep it as an artifact"
        )
    return values


def _pick(reference: Reference, ended: Ended) -> Any:
    if reference.scheme == "artifact":
        return _pick_artifact(reference, ended)
    if ended.is_blob:
        raise NothingThere(
            f"{reference.text}: the result of {ended.parent} is too large to be looked into. Let its script "
            "keep what is large as an artifact"
        )
    found: Any = ended.content
    parts = reference.path.split("/") if reference.path else []
    for depth, part in enumerate(parts):
        found = _step(found, part, reference, "/".join(parts[:depth]))
    if found is None and not parts:
        raise NothingThere(f"{reference.text}: {ended.parent} has no result")
    return found


def _step(found: Any, part: str, reference: Reference, where: str) -> Any:
    inside = f"{reference.parent}/{where}" if where else reference.parent
    if isinstance(found, dict):
        if part in found:
            return found[part]
        has = ", ".join(sorted(map(str, found))[:20]) or "nothing"
        raise NothingThere(f"{reference.text}: the result of {inside} has no {part!r}, it has {has}")
    if isinstance(found, list | tuple):
        if part.isdecimal() and int(part) < len(found):
            return found[int(part)]
        raise NothingThere(
            f"{reference.text}: {inside} is a list of {len(found)}, there is no {part!r} in it"
        )
    what = "there is no result" if found is None and not where else f"{inside} is no object and no list"
    raise NothingThere(f"{reference.text}: {what}, so it has no {part!r}")


def _pick_artifact(reference: Reference, ended: Ended) -> str:
    for artifact in ended.artifacts:
        if artifact.name == reference.path:
            return f"blob://{artifact.sha256}/{artifact.bytes}"
    kept = ", ".join(artifact.name for artifact in ended.artifacts[:20]) or "none"
    raise NothingThere(f"{reference.text}: {ended.parent} has no such artifact, it kept {kept}")


def _check_filled(waiting: Job | Sweep, received: dict[str, Any]) -> None:
    """Check what could not be checked before the values were known."""
    if not received:
        return
    if isinstance(waiting, Job):
        spec, most = fill_in(waiting.spec, received), MAX_SPEC_BYTES
        why = why_not_signed(spec)
    else:
        spec, most = fill_in(waiting.spec.job, received), MAX_SWEEP_JOB_BYTES
        why = why_space_not_signed(replace(waiting.spec, job=spec))
    if why:
        raise NothingThere(f"the script cannot be run with what it received: {why}")
    size = len(msgspec.json.encode(spec))
    if size > most:
        raise NothingThere(f"with what it received its spec has {size} bytes, at most {most}")


def _kind(parent: str) -> str:
    return "sweep" if parent.startswith("s") else "job"
