"""I24: who waits for others begins after them, with what they brought, or ends with the reason."""

from collections.abc import Iterable, Iterator
from typing import Any

from schemas import events as ev
from schemas.events import Decision
from schemas.references import find_references, is_reference
from schemas.specs import JobSpec

TERMINAL = (ev.JobSucceeded, ev.JobFailed, ev.JobCancelled, ev.JobDied, ev.JobPruned)


def parents_of(spec: JobSpec) -> set[str]:
    """Return whom a job waits for, told from its spec alone."""
    return {*spec.after, *spec.after_any, *(one.parent for one in find_references(spec).values())}


def find_violations(decisions: Iterable[Decision]) -> Iterator[str]:
    """Yield what does not hold of jobs that wait for others, in the words of I24."""
    specs: dict[str, JobSpec] = {}
    ends: dict[str, Any] = {}
    for decision in decisions:
        for event in decision.events:
            if isinstance(event, ev.JobSubmitted):
                specs[event.job] = event.spec
            elif isinstance(event, ev.JobClaimed):
                yield from _judge_claim(event, specs[event.job], ends)
            if isinstance(event, TERMINAL):
                ends[event.job] = event
    for job, spec in specs.items():
        yield from _judge_end(job, spec, ends)


def _judge_claim(claim: ev.JobClaimed, spec: JobSpec, ends: dict[str, Any]) -> Iterator[str]:
    for parent in parents_of(spec):
        if parent not in ends:
            yield f"I24: {claim.job} was granted before {parent} had ended"
        elif parent not in spec.after_any and not isinstance(ends[parent], ev.JobSucceeded):
            yield f"I24: {claim.job} was granted although {parent} did not succeed"


def _judge_end(job: str, spec: JobSpec, ends: dict[str, Any]) -> Iterator[str]:
    needed = [parent for parent in parents_of(spec) if parent not in spec.after_any]
    is_kept = all(isinstance(ends.get(parent), ev.JobSucceeded) for parent in needed)
    end = ends.get(job)
    fell = isinstance(end, ev.JobCancelled) and end.by == "hq" and "which it waited for" in end.why
    if fell and is_kept:
        yield f"I24: {job} was cancelled although all that it waited for succeeded: {end.why}"
    if not is_kept and not isinstance(end, ev.JobCancelled):
        yield f"I24: {job} ended with {type(end).__name__} although what it waited for did not succeed"


def why_not_filled(spec: JobSpec, given: JobSpec, results: dict[str, int]) -> str:
    """Return what is wrong with what a job was granted with, "" when it is what its parents brought."""
    for name, value in spec.params.items():
        if not is_reference(value):
            continue
        parent = value.removeprefix("result://").partition("/")[0]
        if given.params.get(name) != results.get(parent):
            brought = results.get(parent)
            return f"I24: {name} is {given.params.get(name)!r}, and {parent} brought {brought}"
    return ""
