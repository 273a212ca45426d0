"""The spec of the same job once more: what it used, at the versions that it used."""

from typing import Any

import msgspec

from idlehands.cli.reproducing import _spec_again
from schemas.specs import JobSpec, ScriptRef

JOB = "jaaaaaaaaaaaa"
DATA, SHA = "d" * 64, "e" * 64


def again(spec: JobSpec, result: dict[str, Any], agent: str | None = None) -> JobSpec:
    return _spec_again({"id": JOB, "spec": msgspec.to_builtins(spec)}, result, agent)


def test_datasets_and_models_are_pinned_to_the_versions_that_were_used() -> None:
    params = {
        "table": "data://wine/red.csv",
        "from": "model://best@production/model.pt",
        "both": ["data://wine"],
    }
    spec = JobSpec(ScriptRef(SHA, "train.py"), params, argv=("model://best", "data://other"))
    used = {"datasets": {"wine": DATA}, "models": [{"model": "best", "version": 3, "sha256": SHA}]}

    made = again(spec, used)

    assert made.params == {
        "table": f"data://wine@{DATA}/red.csv",
        "from": "model://best@3/model.pt",
        "both": [f"data://wine@{DATA}"],
    }
    assert made.argv == ("model://best@3", "data://other")
    assert made.retry_of == JOB


def test_the_seed_is_the_one_that_was_drawn() -> None:
    spec = JobSpec(ScriptRef(SHA, "train.py"))

    assert again(spec, {"seed": 7}).seed == 7
    assert again(spec, {}).seed is None
    assert again(spec, {}, "attic").needs.agent == "attic"
