"""Checkpoints of populations: those that a trial may still go on from stay, and the best one's at the end."""

import hashlib
from typing import Any

import pytest
from msgspec.structs import replace
from pymongo.database import Database

from hq.housekeeping.blobs import FILES, read_references, sweep_blobs
from hq.read_models.models import document_of, place_of
from schemas.facts import Checkpoint
from schemas.requests import CancelSweep, Propose, SubmitSweep
from schemas.samplers import SamplerOptions
from schemas.specs import FloatRange, SweepSpec
from schemas.trials import Descent
from tests.unit.hq.core.small_house import SmallHouse, spec, success
from tests.unit.hq.housekeeping.test_blobs import put


class Members:
    """A house with a population of two, and the checkpoints that its trials left."""

    def __init__(self, database: Database[dict[str, Any]], trials: int = 7) -> None:
        self.house, self._database = SmallHouse(), database
        self.house.boot(slots=4)
        self.left: list[str] = []
        self.jobs: list[str] = []
        wanted = SweepSpec(
            spec(),
            {"x": FloatRange(0, 1)},
            metric="score",
            sampler="pbt",
            options=SamplerOptions(population_size=2),
            trials=trials,
            parallel=2,
        )
        self.sweep = self.house.request(SubmitSweep(sweep=wanted)).result["sweep"]

    def propose(self, *descents: Descent) -> None:
        request = Propose(
            sweep=self.sweep, first=len(self.jobs), trials=({"x": 0.5},) * len(descents), descents=descents
        )
        self.jobs += self.house.request(request, "search").result["jobs"]

    def train(self, trial: int, score: float) -> str:
        key = self.house.take(self.jobs[trial])
        sha256 = put(self._database, f"left by {trial}".encode(), checkpoint=True)
        left = Checkpoint(key[1], sha256, 10)
        self.house.deliver(replace(success(key), result={"score": score}, checkpoint=left))
        self.house.settle()
        return sha256

    def store(self) -> None:
        """Write the read models as HQ does."""
        latest = {place_of(change): change for change in self.house.changes}
        for (name, _), change in latest.items():
            self._database[name].replace_one(
                {"_id": (document := document_of(change))["_id"]}, document, upsert=True
            )

    def referred(self) -> set[str]:
        self.store()
        return read_references(self._database)


def test_what_no_later_trial_can_go_on_from_goes_while_the_population_trains(
    database: Database[dict[str, Any]],
) -> None:
    members = Members(database)
    members.propose(Descent(0), Descent(1))
    first, second = members.train(0, 0.1), members.train(1, 0.2)
    assert {first, second} <= members.referred()

    members.propose(Descent(0, 1), Descent(1, 1))
    # The second has two heirs that run, and of the first nobody can be an heir any more but the next.
    assert {first, second} <= members.referred()
    third, fourth = members.train(2, 0.3), members.train(3, 0.4)
    assert {third, fourth} <= members.referred()
    members.propose(Descent(0, 2))
    found = members.referred()

    assert {third, fourth} <= found
    assert first not in found
    assert second in found or third in found
    swept = sweep_blobs(database, 24)
    assert swept.blobs == len({first, second} - found)
    assert {row["filename"] for row in database[FILES].find()} == {first, second, third, fourth} & found


@pytest.mark.parametrize("ends", ["finished", "cancelled"])
def test_of_a_population_that_has_ended_only_the_best_ones_stays(
    database: Database[dict[str, Any]], ends: str
) -> None:
    members = Members(database, trials=4)
    members.propose(Descent(0), Descent(1))
    left = [members.train(0, 0.1), members.train(1, 0.9)]
    members.propose(Descent(0, 1), Descent(1, 1))
    left.append(members.train(2, 0.5))
    if ends == "finished":
        left.append(members.train(3, 0.4))
    else:
        members.house.request(CancelSweep(sweep=members.sweep))

    assert not members.house.authority.state.sweeps
    assert set(left) & members.referred() == {left[1]}
    bundle = put(database, b"a bundle that the trials name")
    database["jobs"].update_one({"_id": members.jobs[0]}, {"$set": {"spec.params.data": f"blob:{bundle}"}})
    assert bundle in read_references(database)


def test_what_an_ordinary_trial_left_stays_with_its_result(database: Database[dict[str, Any]]) -> None:
    sha256 = hashlib.sha256(b"left").hexdigest()
    database["results"].insert_one({"_id": 1, "sweep": "s1", "result": {"checkpoint": {"sha256": sha256}}})
    database["results"].insert_one({"_id": 2, "sweep": None, "result": {"checkpoint": {"sha256": "e" * 64}}})

    assert {sha256, "e" * 64} <= read_references(database)
