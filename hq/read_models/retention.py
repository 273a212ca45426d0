"""How much progress and log is kept, per job and in all."""

from collections import Counter, OrderedDict
from itertools import islice
from typing import Any

from msgspec import Struct
from pymongo.collection import Collection

#: Jobs whose counts are remembered; of others they are counted again.
_JOBS_REMEMBERED = 10_000
_DELETED_AT_ONCE = 1000


class Retention(Struct, frozen=True):
    """How much is kept. In documents: one log document holds the lines of one message."""

    logs_per_job: int = 2_000
    progress_per_job: int = 10_000
    logs_in_all: int = 500_000
    progress_in_all: int = 2_000_000
    #: How much may wait to be written.
    waiting: int = 20_000


class Bounds:
    """Keeps one collection within its bounds by deleting the oldest, a tenth at a time so that it is rare.

    Args:
        collection: What is bounded.
        per_job: Documents kept of one job.
        in_all: Documents kept of all together.
        job_field: Where a document names its job.
        oldest_first: The order of age.
    """

    def __init__(
        self,
        collection: Collection[Any],
        per_job: int,
        in_all: int,
        job_field: str,
        oldest_first: list[tuple[str, int]],
    ) -> None:
        self._collection = collection
        self._per_job = per_job
        self._in_all = in_all
        self._job_field = job_field
        self._oldest_first = oldest_first
        self._counts: OrderedDict[str, int] = OrderedDict()
        self._written = 0

    def keep(self, added: Counter[str]) -> None:
        """Take note of how many documents each job got, and delete what is beyond the bounds."""
        for job, number in added.items():
            self._keep_job(job, number)
        while len(self._counts) > _JOBS_REMEMBERED:
            self._counts.popitem(last=False)
        self._written += sum(added.values())
        if self._written > self._in_all / 10:
            self._written = 0
            excess = self._collection.estimated_document_count() - self._in_all
            if excess > 0:
                self._delete_oldest({}, excess)
                self._counts.clear()

    def _keep_job(self, job: str, number: int) -> None:
        of_job = {self._job_field: job}
        if job in self._counts:
            self._counts[job] += number
        else:
            self._counts[job] = self._collection.count_documents(of_job)
        self._counts.move_to_end(job)
        excess = self._counts[job] - self._per_job
        if excess > self._per_job / 10:
            self._delete_oldest(of_job, excess)
            self._counts[job] = self._per_job

    def _delete_oldest(self, query: dict[str, Any], number: int) -> None:
        found = self._collection.find(query, {"_id": 1}).sort(self._oldest_first).limit(number)
        identities = (document["_id"] for document in found)
        while chunk := list(islice(identities, _DELETED_AT_ONCE)):
            self._collection.delete_many({"_id": {"$in": chunk}})
