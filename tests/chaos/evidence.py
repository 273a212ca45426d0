"""All that the oracle may look at: history, ledger, spools and collections, read once the house is quiet."""

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from msgspec import Struct

from hq.log.connection import connect
from hq.log.mongo import MongoLog
from hq.read_models.verify import find_differences
from tests.chaos.history import Answered, Asked, Cancelled, Line, Noticed, Read, Reused, Spooled, read_history
from tests.chaos.logbook import JobStory, Logbook, read_logbook
from tests.e2e.workplace import Entry, read_ledger, read_spool


class Evidence(Struct):
    """Everything that the oracle may look at."""

    lines: list[Line]
    ledger: list[Entry]
    log: Logbook
    #: The read models `jobs` by id, and `results` with their identity spread out.
    jobs: dict[str, dict[str, Any]]
    results: list[dict[str, Any]]
    #: What is left in spools, in words.
    left: list[str]
    #: How the read models differ from the product's own fold of the log.
    differences: list[str]

    @property
    def tags(self) -> dict[str, tuple[str, ...]]:
        """Return what each key asked for."""
        return {line.key: line.tags for line in self.lines if isinstance(line, Asked)}

    @property
    def answers(self) -> dict[str, set[tuple[str, ...]]]:
        """Return all answers that each key got."""
        found: dict[str, set[tuple[str, ...]]] = defaultdict(set)
        for line in self.lines:
            if isinstance(line, Answered):
                found[line.key].add(line.jobs)
        return found

    @property
    def accepted(self) -> set[str]:
        """Return the jobs of every answered submission."""
        return {job for answers in self.answers.values() for jobs in answers for job in jobs}

    def begins(self) -> dict[tuple[str, int], list[Entry]]:
        """Return the ledger's first lines by attempt."""
        found = defaultdict(list)
        for entry in self.ledger:
            if entry.what == "begin":
                found[entry.job, entry.token].append(entry)
        return found

    def story(self, job: str) -> JobStory:
        """Return what the log says of a job."""
        return self.log.jobs[job]


def read_evidence(uri: str, history: Path, ledger: Path, spools: list[Path]) -> Evidence:
    """Read all of it, once the house is quiet."""
    database = connect(uri)
    try:
        return Evidence(
            lines=read_history(history),
            ledger=read_ledger(ledger),
            log=read_logbook(database["events"].find().sort("_id", 1)),
            jobs={row["_id"]: row for row in database["jobs"].find()},
            results=[{**row, **row["_id"]} for row in database["results"].find()],
            left=[f"{left} is still in the spool of {home}" for home in spools for left in read_spool(home)],
            differences=[str(difference) for difference in find_differences(database, MongoLog(database))],
        )
    finally:
        database.client.close()


def count(seen: Evidence) -> dict[str, int]:
    """Return what there was to judge: a verdict on nothing is worth nothing."""
    stories = seen.log.jobs.values()
    counted = Counter(end for story in stories for end in story.ends)
    counted.update(Counter(name for story in stories for name in story.troubles))
    counted["accepted"] = len(seen.accepted)
    counted["attempts begun"] = len(seen.begins())
    counted["attempts ended"] = sum(entry.what == "end" for entry in seen.ledger)
    counted["executions side by side"] = sum(entry.what == "beside" for entry in seen.ledger)
    counted["decisions"] = seen.log.position
    counted["epochs"] = seen.log.epochs
    counted["results seen in spools"] = sum(isinstance(line, Spooled) for line in seen.lines)
    counted["keys repeated"] = sum(isinstance(line, Answered) for line in seen.lines) - len(seen.answers)
    counted["keys reused"] = sum(isinstance(line, Reused) for line in seen.lines)
    counted["cancels"] = sum(isinstance(line, Cancelled) for line in seen.lines)
    counted["reads"] = sum(isinstance(line, Read) for line in seen.lines)
    counted["notices"] = sum(isinstance(line, Noticed) for line in seen.lines)
    return dict(sorted(counted.items()))
