"""Writes a forgetful history into the read models, from where they stand; meant to be killed.

`python -m tests.contract.writing_process URI SEED LENGTH`
"""

import sys

from hq.log.connection import connect
from hq.log.memory import MemoryLog
from hq.read_models.deletion import finish_deletions
from hq.read_models.loading import load
from hq.read_models.writer import Changes, ReadModelWriter, read_checkpoint
from tests.contract.deletions import ForgetfulHistory


def main() -> None:
    """Load what there is, as a start of HQ does, and write on in small steps."""
    uri, seed, length = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    history = ForgetfulHistory(seed)
    history.grow(length)
    database = connect(uri)
    checkpoint, generation = read_checkpoint(database)
    log = MemoryLog()
    # What an HQ that ran until now would have: some more of the log than is in the read models.
    known = min(checkpoint + 25, length + 1)
    log.append(history.decisions[:known])
    finish_deletions(database, checkpoint)
    load(database, log)
    writer = ReadModelWriter(database, generation)
    print("loaded", flush=True)
    for first in range(known, length + 1, 5):
        changes = Changes()
        for position in range(first + 1, min(first + 5, length + 1) + 1):
            changes.add(position, history.changes[position - 1])
        writer.write(changes)
    print("done", flush=True)


if __name__ == "__main__":
    main()
