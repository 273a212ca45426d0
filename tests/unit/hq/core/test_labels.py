"""Projects, tags and notes that are changed later: of what lives and of what has ended."""

import pytest

from hq.core.state import Relabelled
from schemas.events import JobSubmitted, Labelled
from schemas.requests import Cancel, Delete, Label, SubmitSweep
from schemas.specs import FloatRange, JobSpec, SweepSpec
from tests.unit.hq.core.small_house import SmallHouse, spec


@pytest.fixture
def house() -> SmallHouse:
    return SmallHouse()


def refused(house: SmallHouse, request: Label) -> str:
    reply = house.request(request)
    assert reply.error is not None
    return reply.error.code


def test_labels_of_a_live_job_are_what_they_were_and_what_is_changed(house: SmallHouse) -> None:
    (job,) = house.submit(spec(project="Wine", tags=("a", "b"), note="first"))
    house.request(Label(ids=(job,), add_tags=("c", "a"), remove_tags=("b",)))
    found = house.job(job)
    assert (found.project, found.tags, found.note) == ("Wine", ("a", "c"), "first")
    house.request(Label(ids=(job,), project="", note="second"))
    found = house.job(job)
    assert (found.project, found.tags, found.note) == ("", ("a", "c"), "second")
    assert found.spec.tags == ("a", "b"), "what was submitted stays"
    assert found.revision == 1
    house.restart()
    assert house.job(job) == found


def test_what_has_ended_is_looked_up_and_labelled(house: SmallHouse) -> None:
    (job,) = house.submit(spec(tags=("a",)))
    house.request(Cancel(jobs=(job,)))
    house.authority.state.finished.clear()
    reply = house.request(Label(ids=(job,), add_tags=("best",), note="keep it"))
    assert reply.result == {"ids": [job]}
    (change,) = [one for one in house.changes if isinstance(one, Relabelled)]
    assert (change.id, change.tags, change.note) == (job, ("a", "best"), "keep it")
    house.request(Label(ids=(job,), remove_tags=("a",)))
    assert house.of(Labelled)[-1].tags == ("best",)


def test_a_sweep_is_labelled_and_its_trials_keep_theirs(house: SmallHouse) -> None:
    search = SweepSpec(JobSpec(spec().script, tags=("a",)), {"x": FloatRange(0, 1)})
    sweep = house.request(SubmitSweep(sweep=search)).result["sweep"]
    house.request(Label(ids=(sweep,), project="Wine"))
    found = house.authority.state.sweeps[sweep]
    assert (found.project, found.tags, found.spec.job.project) == ("Wine", ("a",), None)


def test_all_are_labelled_or_none(house: SmallHouse) -> None:
    (job,) = house.submit()
    assert refused(house, Label(ids=(job, "j" + "q" * 12), note="x")) == "unknown_job"
    assert refused(house, Label(ids=(job,))) == "nothing_to_change"
    many = tuple(f"t{number}" for number in range(32))
    house.request(Label(ids=(job,), add_tags=many))
    assert refused(house, Label(ids=(job,), add_tags=("one-more",))) == "too_many"
    assert len(house.of(Labelled)) == 1
    assert len(house.of(JobSubmitted)) == 1


def test_what_was_deleted_has_no_labels_any_more(house: SmallHouse) -> None:
    (job,) = house.submit()
    house.request(Cancel(jobs=(job,)))
    house.request(Delete(jobs=(job,)))
    assert refused(house, Label(ids=(job,), note="x")) == "unknown_job"
