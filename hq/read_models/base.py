"""What the log stands on when its beginning is gone: the snapshot behind which it was compacted.

    snapshots   {_id: "log", position, epoch, generation, version, building}
    snapshot_GENERATION_jobs, ...   the read models exactly as of `position`

Without a compaction the log stands on nothing: position 0, an empty state.
"""

from collections.abc import Iterator
from typing import Any

from msgspec import Struct
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.read_concern import ReadConcern

from hq.core.state import Change, State
from hq.log.documents import RAW_CODEC
from hq.log.mongo import COMPACTED, MANIFEST
from hq.log.port import LogUnavailable
from hq.read_models.models import COLLECTIONS, change_of
from hq.read_models.snapshot import Snapshot
from hq.read_models.writer import COMMITTED


class Base(Struct, frozen=True):
    """Where the log begins, and which collections hold what was before."""

    position: int = 0
    epoch: int = 0
    generation: str = ""

    @property
    def prefix(self) -> str:
        """What the names of its collections begin with."""
        return prefix_of(self.generation)


def prefix_of(generation: str) -> str:
    """Return what the names of a snapshot's collections begin with."""
    return f"snapshot_{generation}_"


def read_base(database: Database[dict[str, Any]]) -> Base:
    """Return what the log stands on.

    Raises:
        PyMongoError: If the database does not answer.
    """
    manifests = database.get_collection(COMPACTED, read_concern=ReadConcern("majority"))
    found = manifests.find_one({"_id": MANIFEST})
    if found is None:
        return Base()
    return Base(int(found["position"]), int(found["epoch"]), str(found["generation"]))


def check_base(database: Database[dict[str, Any]], base: Base) -> None:
    """Make sure that what was read from a base is whole: that no compaction replaced it meanwhile.

    Raises:
        LogUnavailable: If one did.
    """
    if read_base(database).generation != base.generation:
        raise LogUnavailable("The event log was compacted meanwhile. Do it again.")


def load_base(database: Database[dict[str, Any]], base: Base) -> State:
    """Return the fold of all that was before the log."""
    if not base.generation:
        return State()
    state = Snapshot(database, base.position, base.prefix).state
    state.epoch = base.epoch
    state.fill_trials()
    return state


def read_changes(database: Database[dict[str, Any]], base: Base) -> Iterator[Change]:
    """Yield every document of the base as what it was made from."""
    for name in COLLECTIONS if base.generation else ():
        collection: Collection[Any] = database.get_collection(base.prefix + name, codec_options=RAW_CODEC)
        for document in collection.find({}):
            yield change_of(name, document)


def copy_base(database: Database[dict[str, Any]], base: Base, prefix: str) -> None:
    """Copy the documents of the base into collections that are there already, indexes and all."""
    for name in COLLECTIONS if base.generation else ():
        source = database.get_collection(base.prefix + name, write_concern=COMMITTED)
        source.aggregate([{"$out": prefix + name}])
