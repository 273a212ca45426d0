"""docs/protocol.md: jobs that wait for others, what they are given, pipelines, and limits."""

from typing import Any

from schemas.events import JobCancelled, JobFailed, ParentEnded, PipelineSubmitted
from tests.contract.protocol_house import BUNDLE, WireAgent, WireHq, proves

SCRIPT = {"bundle": BUNDLE, "entry": "train.py"}


def submit(hq: WireHq, **fields: Any) -> str:
    reply = hq.ask("submit", jobs=[{"script": SCRIPT, **fields}])
    assert reply["ok"], reply
    return str(reply["result"]["jobs"][0])


@proves("P101")
def test_a_job_waits_for_what_it_names_and_ends_with_the_reason() -> None:
    hq = WireHq()
    agent = WireAgent(hq)
    key = agent.begin()
    waiting, other = submit(hq, after=[key[0]]), submit(hq, after_any=[key[0]])
    assert hq.ask("explain", job=waiting)["result"]["why"].startswith(f"it waits for job {key[0]}")
    assert agent.result(*key, outcome="failed") is not None

    (cancelled,) = hq.events(JobCancelled)
    assert (cancelled.job, cancelled.by) == (waiting, "hq")
    assert key[0] in cancelled.why
    (told,) = hq.events(ParentEnded)
    assert (told.job, told.parent) == (other, key[0])
    unknown = hq.ask("submit", jobs=[{"script": SCRIPT, "after": ["j" + "q" * 12]}])
    assert unknown["error"]["code"] == "unknown_parent"


@proves("P102")
def test_references_are_replaced_by_what_is_there_or_the_job_never_starts() -> None:
    hq = WireHq()
    agent = WireAgent(hq)
    key = agent.begin()
    given = {"x": f"result://{key[0]}/deep/1", "file": f"artifact://{key[0]}/a.csv"}
    filled, failing = submit(hq, params=given), submit(hq, params={"x": f"result://{key[0]}/none"})
    file = {"name": "a.csv", "sha256": "12" * 32, "bytes": 5}
    result = {"deep": [1, "result://" + key[0]]}
    assert agent.result(*key, result=result, artifacts=[file]) is not None

    params = hq.authority.state.jobs[filled].spec.params
    assert params == {"x": f"result://{key[0]}", "file": f"blob://{'12' * 32}/5"}
    (failed,) = hq.events(JobFailed)
    assert failed.job == failing
    assert "it has deep" in failed.why
    bad = hq.ask("submit", jobs=[{"script": SCRIPT, "params": {"x": "artifact://"}}])
    assert bad["error"]["code"] == "bad_reference"


@proves("P103")
def test_the_steps_of_a_pipeline_are_one_decision_and_a_retry_keeps_what_succeeded() -> None:
    hq = WireHq()
    agent = WireAgent(hq)
    steps: list[dict[str, Any]] = [
        {"name": "a", "job": {"script": SCRIPT}},
        {"name": "b", "job": {"script": SCRIPT, "params": {"x": "result://a/nothing"}}},
    ]
    first = hq.ask("submit_pipeline", pipeline={"steps": steps})["result"]
    (event,) = hq.events(PipelineSubmitted)
    assert event.steps == first["steps"]
    agent.beat()
    offered = agent.offer()
    agent.claim(offered["job"], offered["token"])
    assert agent.result(offered["job"], offered["token"], result={"x": 1}) is not None
    again = hq.ask("retry_pipeline", pipeline=first["pipeline"])["result"]["steps"]
    assert again["a"] == first["steps"]["a"]
    assert again["b"] != first["steps"]["b"]
    circle = [{**steps[0], "after": ["b"]}, {**steps[1]}]
    assert hq.ask("submit_pipeline", pipeline={"steps": circle})["error"]["code"] == "cycle"


@proves("P105")
def test_no_more_jobs_are_offered_than_a_limit_says() -> None:
    hq = WireHq()
    agent = WireAgent(hq)
    set_limit = hq.ask("set_limit", of="named", name="licence", at_most=1)["result"]
    assert set_limit == {"kind": "named", "name": "licence", "at_most": 1}
    first, second = submit(hq, within=["licence"]), submit(hq, within=["licence"])
    agent.beat()
    offered = agent.offer()
    assert offered["job"] == first
    assert "at once" in hq.ask("explain", job=second)["result"]["why"]
    agent.claim(first, offered["token"])
    assert agent.result(first, offered["token"]) is not None
    agent.beat()
    assert agent.offer()["job"] == second
    unknown = hq.ask("submit", jobs=[{"script": SCRIPT, "within": ["license"]}])
    assert unknown["error"]["code"] == "unknown_limit"


@proves("P107")
def test_labels_change_what_is_read_of_a_job_and_nothing_else() -> None:
    hq = WireHq()
    job = submit(hq, tags=["a"])
    before = hq.authority.state.jobs[job]
    assert hq.ask("label", ids=[job], add_tags=["b"], note="best")["result"] == {"ids": [job]}
    after = hq.authority.state.jobs[job]
    assert (after.tags, after.note) == (("a", "b"), "best")
    assert (after.spec, after.status, after.revision) == (before.spec, before.status, before.revision)
    hq.ask("cancel", jobs=[job])
    assert hq.ask("label", ids=[job], remove_tags=["a"])["ok"]
    assert hq.ask("label", ids=[job, "j" + "q" * 12], note="")["error"]["code"] == "unknown_job"
    hq.ask("delete", jobs=[job])
    assert hq.ask("label", ids=[job], note="")["error"]["code"] == "unknown_job"


@proves("P108")
def test_a_pipeline_is_cancelled_and_deleted_as_a_whole() -> None:
    hq = WireHq()
    steps = [
        {"name": "a", "job": {"script": SCRIPT}},
        {"name": "b", "job": {"script": SCRIPT}, "after": ["a"]},
    ]
    made = hq.ask("submit_pipeline", pipeline={"steps": steps})["result"]
    pipeline = made["pipeline"]
    assert hq.ask("delete_pipeline", pipeline=pipeline)["error"]["code"] == "not_final"
    assert hq.ask("cancel_pipeline", pipeline=pipeline)["result"]["cancelled"] == ["a", "b"]
    assert hq.ask("cancel_pipeline", pipeline=pipeline)["error"]["code"] == "already_final"
    deleted = hq.ask("delete_pipeline", pipeline=pipeline)["result"]["deleted"]
    assert set(deleted) == set(made["steps"].values())
    assert hq.ask("delete_pipeline", pipeline=pipeline)["error"]["code"] == "unknown_pipeline"
