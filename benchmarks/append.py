"""The event log alone: decisions appended to mongod by one writer, majority and journal."""

import contextlib
import secrets
import time
from collections.abc import Iterator

from benchmarks.figures import Figure
from benchmarks.setting import Effort, running_house
from hq.log.connection import connect
from hq.log.documents import CODEC
from hq.log.mongo import MongoLog
from idlehands.house.furnish import database_uri_file
from idlehands.house.home import Home
from schemas.events import Decision, JobClaimed

_BATCHES = (1, 16, 256)
_APPENDS = 40


def measure(effort: Effort) -> list[Figure]:
    """Return how long one append takes, and decisions per second, by size of batch."""
    figures: list[Figure] = []
    with running_house(agents=0) as house, _empty_log(house.home) as log:
        position = 1
        for size in _BATCHES:
            took: list[float] = []
            for _ in range(effort.jobs(_APPENDS) * effort.repeats):
                batch = [_decision(position + offset) for offset in range(size)]
                before = time.perf_counter()
                log.append(batch)
                took.append(time.perf_counter() - before)
                position += size
            figures.append(Figure(f"append: {size} decisions", "ms", tuple(1000 * value for value in took)))
            if size == _BATCHES[-1]:
                rates = tuple(size / value for value in took)
                figures.append(Figure(f"append: rate at {size} a batch", "decisions/s", rates))
    return figures


def _decision(position: int) -> Decision:
    claimed = JobClaimed("jaaaaaaaaaaaa", 1, "attic", 1, "0" * 32)
    return Decision(position, 1, secrets.token_hex(16), time.time(), (claimed,))


@contextlib.contextmanager
def _empty_log(home: Home) -> Iterator[MongoLog]:
    # A database of its own: HQ's log must not have a second writer.
    client = connect(database_uri_file(home).read_text().strip()).client
    with contextlib.closing(client):
        yield MongoLog(client.get_database("benchmark", codec_options=CODEC))
