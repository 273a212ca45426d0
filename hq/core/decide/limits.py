"""What follows from setting a limit, and whether jobs name limits that there are."""

from hq.core.decide.refused import Refused
from hq.core.state import State
from schemas.events import AnyEvent, LimitSet
from schemas.requests import SetLimit
from schemas.specs import JobSpec

LIMITS_AT_MOST = 1000


def decide_limit(state: State, submitter: str, request: SetLimit) -> tuple[list[AnyEvent], dict[str, object]]:
    """Return the event and the answer of a request to set a limit.

    Raises:
        Refused: If there is nothing to take away, or there are too many.
    """
    key = f"{request.of} {request.name}"
    if request.at_most is None and key not in state.limits:
        raise Refused("unknown_limit", f"there is no limit of {_whose(request)} to take away")
    if key not in state.limits and len(state.limits) >= LIMITS_AT_MOST:
        raise Refused("too_many", f"there are {LIMITS_AT_MOST} limits already: take one away first")
    answer: dict[str, object] = {"kind": request.of, "name": request.name, "at_most": request.at_most}
    return [LimitSet(request.of, request.name, request.at_most, submitter)], answer


def check_within(state: State, spec: JobSpec) -> None:
    """Check that there are the limits that a job names: a misspelt one would hold nobody back.

    Raises:
        Refused: Naming the first that there is not.
    """
    for name in spec.within:
        if f"named {name}" not in state.limits:
            raise Refused(
                "unknown_limit",
                f"there is no limit {name!r}: `idlehands limit {name} N --named` sets one on the house",
            )


def _whose(request: SetLimit) -> str:
    return f"{request.name}'s jobs" if request.of == "user" else f"the name {request.name!r}"
