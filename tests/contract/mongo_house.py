"""HQ's mind with its log and its read models in MongoDB, which may lag behind."""

from typing import Any

from pymongo.database import Database

from hq.core.state import Change, State
from hq.log.mongo import MongoLog
from hq.read_models.loading import load
from hq.read_models.writer import Changes
from schemas.events import Decision
from tests.unit.hq.core.small_house import SmallHouse


class MongoHouse(SmallHouse):
    """The same HQ on the real log and the real read models."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self.database = database
        self.log = MongoLog(database)
        self.waiting = Changes()
        #: The projector is behind: what is committed reaches the read models later, or never.
        self.lags = False
        super().__init__()

    def store(self, batch: tuple[Decision, ...]) -> None:
        self.log.append(batch)

    def load(self) -> State:
        self.waiting = Changes()
        state, self.writer = load(self.database, self.log)
        return state

    def project(self, position: int, changes: list[Change]) -> None:
        self.waiting.add(position, changes)
        if not self.lags:
            self.catch_up()

    def catch_up(self) -> None:
        if self.waiting.position:
            self.writer.write(self.waiting)
            self.waiting = Changes()
