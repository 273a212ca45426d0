"""What follows from changing a project, tags or note: also of what has ended and is not in memory."""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from hq.core.decide.refused import Refused
from hq.core.state import Job, State, Sweep
from schemas.events import AnyEvent, Labelled
from schemas.requests import Label

TAGS_AT_MOST = 32
#: More than can be decided between a look-up and its answer.
_REMEMBERED = 2_000


class Labels(Struct, frozen=True):
    """What a job or sweep was found with."""

    project: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""


class FoundLabels(Struct, frozen=True):
    """The labels of what was looked up, by id. What is missing does not exist."""

    labels: dict[str, Labels]


def labels_of(thing: Job | Sweep) -> Labels:
    """Return the labels that a job or sweep has."""
    return Labels(thing.project, thing.tags, thing.note)


def decide_labels(
    state: State, submitter: str, request: Label, found: Mapping[str, Labels]
) -> tuple[list[AnyEvent], dict[str, object]]:
    """Return the events and the answer of a request to change labels: of all that it names, or of none.

    Raises:
        Refused: If one is unknown, nothing is to be changed, or there would be too many tags.
    """
    changes = request.project is not None or request.note is not None
    if not changes and not request.add_tags and not request.remove_tags:
        raise Refused("nothing_to_change", "name at least one of project, note, add_tags and remove_tags")
    events: list[AnyEvent] = []
    for one in dict.fromkeys(request.ids):
        live = state.jobs.get(one) or state.sweeps.get(one)
        known = labels_of(live) if live is not None else found.get(one)
        if known is None:
            raise Refused("unknown_job", f"no job or sweep {one}: it never existed or was deleted")
        kept = [tag for tag in known.tags if tag not in request.remove_tags]
        tags = tuple(dict.fromkeys((*kept, *request.add_tags)))
        if len(tags) > TAGS_AT_MOST:
            raise Refused("too_many", f"{one} would have {len(tags)} tags, at most {TAGS_AT_MOST}")
        project = known.project if request.project is None else request.project
        note = known.note if request.note is None else request.note
        events.append(Labelled(one, submitter, project, tags, note))
    return events, {"ids": list(dict.fromkeys(request.ids))}


class LatestLabels:
    """What was decided of late: what was looked up meanwhile may be older."""

    def __init__(self) -> None:
        self._labels: dict[str, Labels] = {}

    def note(self, events: Iterable[AnyEvent]) -> None:
        """Remember labels that were just decided."""
        for event in events:
            if isinstance(event, Labelled):
                self._labels.pop(event.subject, None)
                self._labels[event.subject] = Labels(event.project, event.tags, event.note)
        while len(self._labels) > _REMEMBERED:
            del self._labels[next(iter(self._labels))]

    def over(self, found: Mapping[str, Labels]) -> dict[str, Labels]:
        """Return what was found, each with the latest labels."""
        return {one: self._labels.get(one, labels) for one, labels in found.items()}
