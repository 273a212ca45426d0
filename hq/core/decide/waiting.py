"""For whom a job waits, and whether there is such a parent. What follows from their ends: `parents`."""

from collections.abc import Iterable, Iterator, Mapping

from hq.core.decide.refused import Refused
from hq.core.dependents import Ended
from hq.core.state import State
from schemas.references import ReferenceUnusable, find_references
from schemas.requests import Request, Submit, SubmitPipeline, SubmitSweep
from schemas.specs import JobSpec

_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz234567")


def parents_of(spec: JobSpec) -> tuple[str, ...]:
    """Return whom a job waits for: whom it names, and whom its parameters refer to.

    Raises:
        Refused: If a reference cannot be understood.
    """
    try:
        references = find_references(spec)
    except ReferenceUnusable as error:
        raise Refused("bad_reference", str(error)) from None
    for reference in references.values():
        if not is_id(reference.parent):
            raise Refused(
                "bad_reference",
                f"{reference.text[:200]!r} names no job or sweep by its id: names of steps are known inside "
                "of a pipeline only",
            )
    named = (reference.parent for reference in references.values())
    return tuple(dict.fromkeys((*spec.after, *spec.after_any, *named)))


def check_alone(spec: JobSpec, what: str) -> None:
    """Check that a job waits for nobody.

    Raises:
        Refused: If it does, though it cannot here.
    """
    if parents_of(spec):
        raise Refused(
            "bad_spec",
            f"{what} waits for no other job: leave out after, after_any and references",
        )


def is_id(text: str) -> bool:
    """Tell whether a text has the form of a job's or a sweep's id."""
    return len(text) == 13 and text[0] in "js" and _LETTERS.issuperset(text[1:])


def specs_in(request: Request) -> tuple[JobSpec, ...]:
    """Return the specs that a request submits."""
    match request:
        case Submit(jobs=specs):
            return specs
        case SubmitSweep(sweep=sweep):
            return (sweep.job,)
        case SubmitPipeline(pipeline=pipeline):
            steps = (step.job or (step.sweep.job if step.sweep else None) for step in pipeline.steps)
            return tuple(spec for spec in steps if spec is not None)
        case _:
            return ()


def find_absent(state: State, specs: Iterable[JobSpec]) -> tuple[str, ...]:
    """Return the parents that specs name and that do not live. What cannot be understood is left out."""
    return tuple(dict.fromkeys(one for one in _named(specs) if not _lives(state, one)))


def check_parents(state: State, parents: Iterable[str], found: Mapping[str, Ended]) -> None:
    """Check that parents exist or did.

    Args:
        state: What HQ knows.
        parents: Their ids.
        found: Those that were looked up and found, ended or not.

    Raises:
        Refused: If there is no such one.
    """
    for parent in parents:
        if not _lives(state, parent) and parent not in found and parent not in state.finished:
            kind = "sweep" if parent.startswith("s") else "job"
            raise Refused(
                "unknown_parent",
                f"there is no {kind} {parent} to wait for: it never existed or was deleted. Nothing was "
                "submitted",
            )


def _named(specs: Iterable[JobSpec]) -> Iterator[str]:
    for spec in specs:
        try:
            named = (reference.parent for reference in find_references(spec).values())
            yield from (*spec.after, *spec.after_any, *filter(is_id, named))
        except ReferenceUnusable:
            continue


def _lives(state: State, parent: str) -> bool:
    return parent in state.jobs or parent in state.sweeps
