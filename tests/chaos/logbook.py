"""The event log as the oracle reads it: raw documents, folded by rules of its own.

QUEUED --JobClaimed--> running --AttemptReturned, -Interrupted, -Lost, -Failed--> QUEUED
any --JobSucceeded, JobFailed, JobCancelled, JobDied--> its end, after which nothing follows
"""

from collections.abc import Iterable
from typing import Any

from msgspec import Struct, field

ENDS = {
    "JobSucceeded": "succeeded",
    "JobFailed": "failed",
    "JobCancelled": "cancelled",
    "JobDied": "dead",
    "JobPruned": "pruned",
}
_BACK = {"AttemptReturned", "AttemptInterrupted", "AttemptLost", "AttemptFailed"}
_TROUBLES = {*_BACK, "AttemptResumed", "ResultSuperseded"}


class Granted(Struct, frozen=True):
    """To whom an attempt was granted, and when that was decided, in Unix seconds."""

    agent: str
    at: float


class JobStory(Struct):
    """What the log says of one job."""

    tag: str
    claims: dict[int, Granted] = field(default_factory=dict)
    #: Status after each revision.
    statuses: list[str] = field(default_factory=lambda: ["queued"])
    ends: list[str] = field(default_factory=list)
    after_end: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    starts: int = 0
    lost_on: set[str] = field(default_factory=set)
    #: Token of the result that was accepted.
    accepted: int | None = None
    why: str = ""

    @property
    def token(self) -> int:
        return max(self.claims, default=0)

    def take(self, name: str, event: dict[str, Any], at: float) -> None:
        """Fold one more event."""
        if self.ends and name != "ResultSuperseded":
            self.after_end.append(name)
        if name in _TROUBLES:
            self.troubles.append(name)
        token = event.get("token")
        current = token == self.token
        status = self.statuses[-1]
        if name == "JobClaimed":
            self.claims[event["token"]] = Granted(event["agent"], at)
            status = "running"
        elif name == "AttemptResumed":
            status = "running"
        elif name in _BACK and current and status == "running":
            status = "queued"
        if name == "AttemptLost":
            self.lost_on.add(event["agent"])
        if name == "AttemptFailed" or name == "JobSucceeded" or (name == "AttemptLost" and current):
            self.starts += 1
        if name in ENDS:
            self.ends.append(name)
            status, self.why = ENDS[name], event.get("why", "")
            if event.get("result") is not None:
                self.accepted = token
                self.starts += name == "JobFailed"
        # A result for a job that has ended leaves the job as it is.
        if not (name == "ResultSuperseded" and self.ends):
            self.statuses.append(status)


class Logbook(Struct):
    """The whole log."""

    jobs: dict[str, JobStory] = field(default_factory=dict)
    #: Every result that the log holds, accepted or not.
    results: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    position: int = 0
    epoch: int = 0
    epochs: int = 0
    disorder: list[str] = field(default_factory=list)


def read_logbook(documents: Iterable[dict[str, Any]]) -> Logbook:
    """Fold the documents of the collection `events`, in order of position."""
    book = Logbook()
    for document in documents:
        if document["_id"] != book.position + 1:
            book.disorder.append(f"position {document['_id']} follows {book.position}")
        if document["epoch"] < book.epoch:
            book.disorder.append(f"epoch {document['epoch']} follows {book.epoch} at {document['_id']}")
        book.position, book.epoch = document["_id"], document["epoch"]
        for event in document["events"]:
            _take(book, event, document["at"])
    return book


def _take(book: Logbook, event: dict[str, Any], at: float) -> None:
    name = event["type"]
    if name == "EpochBegan":
        book.epochs += 1
    elif name == "JobSubmitted":
        book.jobs[event["job"]] = JobStory(event["spec"]["params"]["tag"])
    elif "job" in event and name != "TrialProposed":
        story = book.jobs.get(event["job"])
        if story is None:
            book.disorder.append(f"{name} of {event['job']}, which was never submitted")
            return
        story.take(name, event, at)
        result = event.get("result")
        if result is not None:
            key = (event["job"], result["token"])
            if key in book.results:
                book.disorder.append(f"two results of {key}")
            book.results[key] = result
