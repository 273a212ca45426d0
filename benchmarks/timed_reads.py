"""Times reads of the database, one after the other."""

import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import Any

from pymongo.errors import ExecutionTimeout

from benchmarks.figures import Figure
from hq.rest.database import Database, open_database

#: What it is, what is wanted, and the read.
Read = tuple[str, str, Callable[[], Awaitable[Any]]]


async def time_reads(
    uri: str, name: str, of: str, reads: Callable[[Database], list[Read]], repeats: int, goal: str
) -> list[Figure]:
    """Return the milliseconds of each read of a database.

    Args:
        uri: Of the server.
        name: Of the database.
        of: What is read, for the names of the figures.
        reads: Gives the reads.
        repeats: How often those are read that have this goal; others a fifth as often.
        goal: Theirs.
    """
    database = open_database(uri).client[name]
    try:
        figures = []
        for title, wanted, read in reads(database):
            took = []
            for _ in range(repeats if wanted == goal else max(1, repeats // 5)):
                began = time.perf_counter()
                # One that takes too long is cut off, and has taken that.
                with contextlib.suppress(ExecutionTimeout):
                    await read()
                took.append(1000 * (time.perf_counter() - began))
            figures.append(Figure(f"{of}: {title}", "ms", tuple(took), wanted))
        return figures
    finally:
        await database.client.close()
