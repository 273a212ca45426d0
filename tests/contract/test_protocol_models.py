"""docs/protocol.md, models: numbers are given once, and a stage to one version."""

from typing import Any

from schemas.events import ModelRegistered
from tests.contract.protocol_house import WireAgent, WireHq, proves

FILE = {"name": "model.pt", "sha256": "12" * 32, "bytes": 5}


def end_job(hq: WireHq, agent: WireAgent) -> str:
    """Let a job succeed that leaves one file, and return its id."""
    key = agent.begin()
    assert agent.result(*key, artifacts=[FILE]) is not None
    return key[0]


def promote(hq: WireHq, job: str, stage: str = "none") -> dict[str, Any]:
    reply = hq.ask("promote_model", model="wine", job=job, stage=stage)
    assert reply["ok"], reply
    return dict(reply["result"])


@proves("P99")
def test_numbers_of_versions_are_given_once_and_a_stage_to_one_of_them() -> None:
    hq = WireHq()
    agent = WireAgent(hq)
    job = end_job(hq, agent)

    assert [promote(hq, job, stage)["version"] for stage in ("production", "staging")] == [1, 2]
    staged = hq.ask("stage_model", model="wine", version=2, stage="production")["result"]
    assert staged["archived"] == [1]
    assert hq.ask("remove_model", model="wine")["error"]["code"] == "in_production"
    assert hq.ask("remove_model", model="wine", version=1)["result"]["removed"] == [1]
    assert promote(hq, job)["version"] == 3
    stages = {one.version: one.stage for one in hq.authority.state.models["wine"].versions}
    assert stages == {2: "production", 3: "none"}
    assert [event.lineage.job for event in hq.events(ModelRegistered)] == [job] * 3
