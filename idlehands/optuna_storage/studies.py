"""The studies' half of the storage: names, directions, attributes, and which distribution a parameter has.

    {_id, name, directions: [1, 2], user: {key: JSON}, system: {key: JSON}, distributions: {name: JSON}}

Ids come from a counter, so that none ever comes back after a deletion.
"""

import json
import uuid
from collections.abc import Sequence
from typing import Any, Literal

from optuna.distributions import BaseDistribution, check_distribution_compatibility, distribution_to_json
from optuna.exceptions import DuplicatedStudyError
from optuna.storages._base import DEFAULT_STUDY_NAME_PREFIX
from optuna.study import StudyDirection
from optuna.study._frozen import FrozenStudy
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from idlehands.optuna_storage.connection import Connection
from idlehands.optuna_storage.documents import (
    Document,
    field_name,
    ids_of_trials,
    read_attributes,
    read_distribution,
)


class Studies:
    """All studies of a database. Remembers only what never changes: names, directions, distributions."""

    def __init__(self, connection: Connection, known: dict[int, tuple[str, list[StudyDirection]]]) -> None:
        self._studies = connection.studies
        self._trials = connection.trials
        self._counters = connection.counters
        #: Names and directions, which never change: nobody changes these lists.
        self._known = known
        self._distributions: dict[tuple[int, str], BaseDistribution] = {}

    def create(self, directions: Sequence[StudyDirection], name: str | None) -> int:
        """Make a study and return its id.

        Raises:
            DuplicatedStudyError: If there is one of that name.
        """
        if name is None:
            name = f"{DEFAULT_STUDY_NAME_PREFIX}{uuid.uuid4()}"
        study_id = self._next_id()
        study = {
            "_id": study_id, "name": name, "directions": [int(one) for one in directions],
            "user": {}, "system": {}, "distributions": {},
        }  # fmt: skip
        try:
            self._studies.insert_one(study)
        except DuplicateKeyError as error:
            raise DuplicatedStudyError(f"There is a study named {name!r} already.") from error
        return study_id

    def _next_id(self) -> int:
        while True:
            try:
                counter: Any = self._counters.find_one_and_update(
                    {"_id": "studies"},
                    {"$inc": {"last": 1}},
                    upsert=True,
                    return_document=ReturnDocument.AFTER,
                )
                return int(counter["last"])
            except DuplicateKeyError:  # two made the counter at once
                continue

    def delete(self, study_id: int) -> None:
        """Delete a study, then its trials: who adds one meanwhile looks for the study afterwards.

        Raises:
            KeyError: If there is no such study.
        """
        if not self._studies.delete_one({"_id": study_id}).deleted_count:
            raise _no_study(study_id)
        self._trials.delete_many({"_id": ids_of_trials(study_id)})
        self._known.pop(study_id, None)

    def check(self, study_id: int) -> None:
        """Make sure that a study is there now.

        Raises:
            KeyError: If there is no such study.
        """
        self._read(study_id, "_id")

    def id_of(self, name: str) -> int:
        """Return the id of the study of that name.

        Raises:
            KeyError: If there is no such study.
        """
        found = self._studies.find_one({"name": name}, {"_id": 1})
        if found is None:
            raise KeyError(f"There is no study named {name!r}.")
        return int(found["_id"])

    def read_unchanging(self, study_id: int) -> tuple[str, list[StudyDirection]]:
        """Return a study's name and directions; see `id_of` for the error."""
        found = self._read(study_id, "name", "directions")
        directions = [StudyDirection(one) for one in found["directions"]]
        known = self._known[study_id] = (str(found["name"]), directions)
        return known

    def attributes(self, study_id: int, kind: Literal["user", "system"]) -> dict[str, Any]:
        """Return a study's attributes; see `id_of` for the error."""
        return read_attributes(self._read(study_id, kind)[kind])

    def set_attribute(self, study_id: int, kind: Literal["user", "system"], key: str, value: Any) -> None:
        """Set an attribute of a study.

        Raises:
            KeyError: If there is no such study.
            TypeError: If the value cannot be JSON.
        """
        change = {"$set": {f"{kind}.{field_name(key)}": json.dumps(value)}}
        if not self._studies.update_one({"_id": study_id}, change).matched_count:
            raise _no_study(study_id)

    def all(self) -> list[FrozenStudy]:
        """Return all studies, in the order in which they were made."""
        return [
            FrozenStudy(
                study_name=study["name"],
                direction=None,
                directions=[StudyDirection(one) for one in study["directions"]],
                user_attrs=read_attributes(study["user"]),
                system_attrs=read_attributes(study["system"]),
                study_id=study["_id"],
            )
            for study in self._studies.find({}, {"distributions": 0}).sort("_id", 1)
        ]

    def distribution(self, study_id: int, name: str) -> BaseDistribution | None:
        """Return the distribution that a parameter had at first in this study, if it was ever set.

        Raises:
            KeyError: If there is no such study.
        """
        known = self._distributions.get((study_id, name))
        if known is None:
            path = f"distributions.{field_name(name)}"
            stored = self._read(study_id, path).get("distributions", {}).get(field_name(name))
            if stored is None:
                return None
            known = self._distributions[study_id, name] = read_distribution(stored)
        return known

    def agree(self, study_id: int, name: str, distribution: BaseDistribution) -> None:
        """Make a distribution the parameter's first, unless it has one; then make sure that they fit.

        Raises:
            KeyError: If there is no such study.
            ValueError: If they do not.
        """
        first = self.distribution(study_id, name)
        if first is None:
            path = f"distributions.{field_name(name)}"
            # Of two processes that come here at once, one is first and the other reads what it wrote.
            self._studies.update_one(
                {"_id": study_id, path: {"$exists": False}},
                {"$set": {path: distribution_to_json(distribution)}},
            )
            first = self.distribution(study_id, name) or distribution
        check_distribution_compatibility(first, distribution)

    def _read(self, study_id: int, *fields: str) -> Document:
        found = self._studies.find_one({"_id": study_id}, dict.fromkeys(fields, 1))
        if found is None:
            raise _no_study(study_id)
        return found


def _no_study(study_id: int) -> KeyError:
    return KeyError(f"There is no study with the id {study_id}.")
