"""The registry of models: what becomes a version, which stage it has, and what is refused."""

from typing import Any

import msgspec
import pytest

from hq.core.decide import models
from hq.core.decide.models import Source
from hq.core.outputs import LookUpModel
from hq.core.state import Model
from schemas.events import ModelRegistered
from schemas.facts import Artifact
from schemas.messages import Reply
from schemas.objectives import Objective
from schemas.registry import choose_version, hash_files, parse_reference
from schemas.requests import Delete, PromoteModel, RemoveModel, StageModel, SubmitSweep
from schemas.specs import FloatRange, SweepSpec
from tests.unit.hq.core.small_house import SmallHouse, replay, spec, success

FILE = Artifact("model.pt", "12" * 32, 5)
LABELS = Artifact("labels.txt", "13" * 32, 7)
STORED = frozenset({FILE.sha256, LABELS.sha256})


def ended(house: SmallHouse, *files: Artifact, **fields: Any) -> str:
    """Return a job that left some files."""
    key = house.start(**fields)
    house.deliver(msgspec.structs.replace(success(key), artifacts=files))
    house.settle()
    return key[0]


def promote(house: SmallHouse, job: str | None, found: Source | None = None, **fields: Any) -> Reply:
    asked = house.ask(PromoteModel(**{"model": "wine", "job": job, **fields}))
    house.settle()
    wanted = [one for one in house.outputs if isinstance(one, LookUpModel)][-1]
    house.authority.found_model(wanted.request, found or Source(*house.stored(job or ""), stored=STORED))
    house.settle()
    return house.replies(asked)[-1]


def code_of(reply: Reply) -> str:
    return reply.error.code if reply.error else ""


def stages(house: SmallHouse, model: str = "wine") -> dict[int, str]:
    return {one.version: one.stage for one in house.authority.state.models[model].versions}


def test_a_job_becomes_a_version_with_its_lineage(house: SmallHouse) -> None:
    job = ended(house, FILE, LABELS, params={"depth": 3})

    reply = promote(house, job, artifacts=("model.pt",), stage="production", note="good")

    assert reply.result == {
        "model": "wine",
        "version": 1,
        "stage": "production",
        "sha256": FILE.sha256,
        "job": job,
        "files": ["model.pt"],
    }
    (event,) = house.of(ModelRegistered)
    assert event.lineage.spec.params == {"depth": 3}
    assert event.lineage.metrics == {"accuracy": 0.5}
    assert event.lineage.agent == "attic"
    assert (event.note, event.by) == ("good", "cli")


def test_it_stays_when_its_job_is_deleted(house: SmallHouse) -> None:
    job = ended(house, FILE)
    promote(house, job)

    assert house.request(Delete(jobs=(job,))).ok

    assert house.authority.state.models["wine"].versions[0].files == (FILE,)


def test_a_stage_that_one_version_has_is_taken_from_the_other(house: SmallHouse) -> None:
    job = ended(house, FILE)
    for stage in ("production", "none", "production", "staging"):
        promote(house, job, stage=stage)

    assert stages(house) == {1: "archived", 2: "none", 3: "production", 4: "staging"}
    reply = house.request(StageModel(model="wine", version=4, stage="production"))
    assert reply.result["archived"] == [3]
    assert stages(house) == {1: "archived", 2: "none", 3: "archived", 4: "production"}
    assert code_of(house.request(StageModel(model="wine", version=4, stage="production"))) == "already_there"
    assert code_of(house.request(StageModel(model="wine", version=9, stage="none"))) == "unknown_version"
    assert code_of(house.request(StageModel(model="beer", version=1, stage="none"))) == "unknown_model"


def test_numbers_are_never_given_twice(house: SmallHouse) -> None:
    job = ended(house, FILE)
    promote(house, job)
    promote(house, job)

    assert house.request(RemoveModel(model="wine", version=2)).result == {"model": "wine", "removed": [2]}
    assert promote(house, job).result["version"] == 3
    assert house.request(RemoveModel(model="wine")).result["removed"] == [1, 3]
    assert code_of(house.request(RemoveModel(model="wine"))) == "unknown_model"
    assert promote(house, job).result["version"] == 4


def test_what_is_in_production_is_not_removed(house: SmallHouse) -> None:
    job = ended(house, FILE)
    promote(house, job, stage="production")

    assert code_of(house.request(RemoveModel(model="wine"))) == "in_production"
    assert code_of(house.request(RemoveModel(model="wine", version=1))) == "in_production"
    house.request(StageModel(model="wine", version=1, stage="archived"))
    assert house.request(RemoveModel(model="wine", version=1)).ok


def test_what_cannot_be_a_model_is_refused_with_the_reason(house: SmallHouse) -> None:
    job = ended(house, FILE)
    bare = ended(house)
    running, _ = house.start()
    at = house.authority.state.position

    def refused(found: Source | None = None, **fields: Any) -> str:
        return code_of(promote(house, fields.pop("job", job), found, **fields))

    assert refused(job="j" + "z" * 12, found=Source()) == "unknown_job"
    assert refused(job=running, found=Source(house.job(running))) == "not_succeeded"
    assert refused(job=bare) == "no_artifacts"
    assert refused(artifacts=("other.pt",)) == "unknown_artifact"
    assert refused(Source(*house.stored(job))) == "no_content"
    assert refused(sweep="s" + "a" * 12) == "bad_data"
    assert refused(job=None, found=Source()) == "bad_data"
    assert refused(job=None, sweep="s" + "a" * 12, found=Source()) == "unknown_sweep"
    assert house.authority.state.position == at
    assert not house.authority.state.models


def test_a_sweep_with_several_objectives_has_no_best_trial(house: SmallHouse) -> None:
    both = SweepSpec(spec(), {"x": FloatRange(0, 1)}, objectives=(Objective("a"), Objective("b")))
    sweep = house.request(SubmitSweep(sweep=both)).result["sweep"]

    reply = promote(house, None, Source(sweep=house.authority.state.sweeps[sweep]), sweep=sweep)

    assert code_of(reply) == "no_best"
    assert "several objectives" in (reply.error.message if reply.error else "")


def test_the_same_key_promotes_once(house: SmallHouse) -> None:
    job = ended(house, FILE)

    first = promote(house, job, key="once")
    second = promote(house, job, key="once")

    assert first.result == second.result
    assert stages(house) == {1: "none"}


def test_a_model_has_a_bounded_size(house: SmallHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    big = ended(house, FILE, params={"text": "x" * models.MAX_SPEC_BYTES})
    assert code_of(promote(house, big)) == "too_big"
    job = ended(house, FILE)
    monkeypatch.setattr(models, "MAX_MODEL_BYTES", 2000)
    while not code_of(promote(house, job)):
        assert len(house.authority.state.models["wine"].versions) < 5
    monkeypatch.setattr(models, "VERSIONS_AT_MOST", 1)
    assert code_of(promote(house, job)) == "too_many"
    monkeypatch.setattr(models, "MODELS_AT_MOST", 1)
    assert code_of(promote(house, job, model="beer")) == "too_many"


def test_a_large_result_leaves_its_numbers(house: SmallHouse) -> None:
    key = house.start()
    large = {"accuracy": 0.5, "table": ["x" * 100] * 1000}
    result = msgspec.structs.replace(success(key), artifacts=(FILE,), result=large)
    house.deliver(result)
    house.settle()

    promote(house, key[0])

    assert house.authority.state.models["wine"].versions[0].lineage.metrics == {"accuracy": 0.5}


def test_a_replay_of_the_log_gives_the_same_models(house: SmallHouse) -> None:
    job = ended(house, FILE, LABELS)
    for stage in ("production", "staging", "production"):
        promote(house, job, stage=stage)
    house.request(RemoveModel(model="wine", version=2))

    assert replay(house.decisions).models == house.authority.state.models
    last = [one for one in house.changes if isinstance(one, Model)][-1]
    assert last == house.authority.state.models["wine"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model://wine", ("wine", "", "")),
        ("wine@production", ("wine", "production", "")),
        ("model://wine@12/out/model.pt", ("wine", "12", "out/model.pt")),
        ("wine.red_2@latest/a", ("wine.red_2", "latest", "a")),
    ],
)
def test_references_are_read(text: str, expected: tuple[str, str, str]) -> None:
    found = parse_reference(text)

    assert (found.name, found.version, found.path) == expected


@pytest.mark.parametrize(
    "text",
    ["", "model://", "Wine", "wine@0", "wine@archived", "wine@03", "wine/../x", "wine@", "wine/", "a b"],
)
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no model"):
        parse_reference(text)


def test_the_version_that_is_meant() -> None:
    versions = [(1, "archived"), (2, "production"), (3, "staging"), (5, "archived")]

    assert choose_version(versions, "") == 2
    assert choose_version(versions, "latest") == 3
    assert choose_version(versions, "staging") == 3
    assert choose_version(versions, "5") == 5
    assert choose_version(versions, "4") is None
    assert choose_version(versions[:1], "") == 1
    assert choose_version(versions[:1], "production") is None
    assert choose_version([], "") is None


def test_the_hash_of_several_files_depends_on_names_and_not_on_order() -> None:
    assert hash_files([FILE]) == FILE.sha256
    assert hash_files([FILE, LABELS]) == hash_files([LABELS, FILE])
    renamed = Artifact("m.pt", FILE.sha256, 5)
    assert hash_files([FILE, LABELS]) != hash_files([renamed, LABELS])
