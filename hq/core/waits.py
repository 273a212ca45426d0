"""What jobs and sweeps wait for, as the fold sees it."""

from hq.core.moment import InvalidTransition
from hq.core.state import Job, Sweep
from schemas.events import ParentEnded, SweepParentEnded
from schemas.names import JsonObject

_NAMED = 3


def without_parent(
    waiting: Job | Sweep, event: ParentEnded | SweepParentEnded
) -> tuple[tuple[str, ...], JsonObject]:
    """Return what is still waited for after one parent ended, and all that was received by then.

    Raises:
        InvalidTransition: If it was not waited for.
    """
    if event.parent not in waiting.waits_for:
        raise InvalidTransition(f"{waiting.id} does not wait for {event.parent}")
    rest = tuple(parent for parent in waiting.waits_for if parent != event.parent)
    return rest, {**waiting.received, **event.values} if event.values else waiting.received


def words_for(parents: tuple[str, ...]) -> str:
    """Return why something waits, "" when it waits for nobody."""
    if not parents:
        return ""
    more = f" and {len(parents) - _NAMED} more" if len(parents) > _NAMED else ""
    return "waits for " + ", ".join(f"{_kind(one)} {one}" for one in parents[:_NAMED]) + more


def _kind(parent: str) -> str:
    return "sweep" if parent.startswith("s") else "job"
