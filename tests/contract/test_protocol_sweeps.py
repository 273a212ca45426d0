"""Sweeps that end trials early, pause and stop, as docs/protocol.md says it, in plain JSON."""

from typing import Any

from schemas import events
from tests.contract.protocol_house import WireAgent, WireHq, job_spec, proves

SPACE = {"x": {"type": "float", "low": 0, "high": 1}}


def submit(hq: WireHq, **spec: Any) -> str:
    sweep = {"job": job_spec(), "space": SPACE, "metric": "loss", "trials": 5, **spec}
    return str(hq.ask("submit_sweep", sweep=sweep)["result"]["sweep"])


def propose(hq: WireHq, sweep: str, count: int, first: int = 0, **more: Any) -> dict[str, Any]:
    trials = [{"x": 0.5}] * count
    return hq.ask("propose", by="search", sweep=sweep, first=first, trials=trials, **more)


def begin(hq: WireHq, agent: WireAgent, sweep: str, count: int = 1) -> tuple[str, int, list[str]]:
    """Return job and token of a sweep's first trial, which runs, and its other jobs."""
    jobs = propose(hq, sweep, count)["result"]["jobs"]
    agent.beat()
    offered = agent.offer()
    assert "grants" in agent.claim(offered["job"], offered["token"])
    return offered["job"], offered["token"], [job for job in jobs if job != offered["job"]]


@proves("P85", "P50")
def test_a_pruned_trial_is_wound_down_and_never_succeeds() -> None:
    hq = WireHq()
    agent = WireAgent(hq)
    job, token, _ = begin(hq, agent, submit(hq, pruner={"type": "median"}))

    assert hq.ask("prune", by="search", job=job, token=token, why="worse", step=3)["ok"]
    order = {"job": job, "token": token, "command": "wind_down"}
    assert [ack["orders"] for ack in agent.hear("ack")][-1] == [order]
    assert agent.beat((job, token, "running"))["orders"] == [order]
    agent.result(job, token)

    last = hq.take(f"job/{job}/event")[-1]
    assert (last["status"], last["event"]["type"], last["event"]["step"]) == ("pruned", "JobPruned", 3)


@proves("P85")
def test_a_pruned_trial_whose_agent_falls_silent_is_not_started_again() -> None:
    hq = WireHq()
    agent = WireAgent(hq)
    job, token, _ = begin(hq, agent, submit(hq))
    hq.ask("prune", by="search", job=job, token=token, why="worse")

    hq.later(60)
    agent.beat()

    assert hq.take(f"job/{job}/event")[-1]["status"] == "pruned"
    assert not agent.hear("offer")


@proves("P86")
def test_only_the_newest_attempt_that_runs_can_be_pruned_and_once() -> None:
    hq = WireHq()
    agent = WireAgent(hq)
    job, token, _ = begin(hq, agent, submit(hq))

    assert hq.ask("prune", by="search", job=job, token=token + 1, why="worse")["error"]["code"] == "stale"
    assert hq.ask("prune", by="search", job=job, token=token, why="worse")["ok"]
    assert hq.ask("prune", by="search", job=job, token=token, why="again")["ok"]
    assert len(hq.events(events.PruneDecided)) == 1


@proves("P87")
def test_nothing_of_a_paused_sweep_begins_until_it_is_resumed() -> None:
    hq = WireHq()
    agent = WireAgent(hq)
    sweep = submit(hq)
    (job,) = propose(hq, sweep, 1)["result"]["jobs"]
    hq.ask("pause_sweep", sweep=sweep)

    agent.beat()
    assert not agent.hear("offer")
    assert hq.take(f"sweep/{sweep}/event")[-1]["status"] == "paused"
    assert propose(hq, sweep, 1, first=1)["error"]["code"] == "stale"

    hq.ask("resume_sweep", sweep=sweep)
    hq.ask("change_sweep", sweep=sweep, parallel=3)
    assert agent.offer()["job"] == job
    assert propose(hq, sweep, 1, first=1)["error"]["code"] == "stale"
    assert propose(hq, sweep, 1, first=1, changes=1)["ok"]


@proves("P109")
def test_a_space_with_a_parameter_that_the_script_does_not_take_is_refused_unless_forced() -> None:
    hq = WireHq()
    hq.untaken = {"los": "The script has no los. Did you mean loss?"}
    sweep = submit(hq)
    space = {"los": {"type": "float", "low": 0, "high": 1}}

    refused = hq.ask("change_sweep", sweep=sweep, space=space)

    assert refused["error"]["code"] == "bad_space"
    assert "Did you mean loss?" in refused["error"]["message"]
    assert hq.ask("change_sweep", sweep=sweep, space=space, force=True)["ok"]


@proves("P88")
def test_a_sweep_whose_rule_holds_stops_and_finishes_with_its_last_trial() -> None:
    hq = WireHq()
    agent = WireAgent(hq)
    sweep = submit(hq, stop={"target": 0.5}, direction="minimize")
    job, token, (waiting,) = begin(hq, agent, sweep, 2)

    agent.result(job, token, result={"loss": 0.25})

    assert hq.take(f"job/{waiting}/event")[-1]["status"] == "cancelled"
    told = [notice["event"]["type"] for notice in hq.take(f"sweep/{sweep}/event")]
    assert told[-2:] == ["SweepStopped", "SweepFinished"]


@proves("P88")
def test_a_sweep_that_is_finished_by_hand_can_wind_down_what_runs() -> None:
    hq = WireHq()
    agent = WireAgent(hq)
    sweep = submit(hq)
    job, token, _ = begin(hq, agent, sweep)

    hq.ask("finish_sweep", sweep=sweep, live="wind_down")
    agent.result(job, token, "failed")

    assert hq.take(f"job/{job}/event")[-1]["status"] == "pruned"
    assert hq.take(f"sweep/{sweep}/event")[-1]["status"] == "finished"


@proves("P106")
def test_a_sweep_without_a_blob_of_past_trials_has_none_to_read() -> None:
    hq = WireHq()
    sweep = submit(hq)

    assert hq.ask("read_past", by="search", sweep=sweep)["result"] == {"past": [], "more": False}
    gone = hq.ask("read_past", by="search", sweep="s" + "a" * 12)
    assert gone["error"]["code"] == "unknown_sweep"


@proves("P104")
def test_a_populations_trial_begins_with_what_its_parent_left() -> None:
    hq = WireHq()
    agent = WireAgent(hq)
    sweep = submit(hq, sampler="pbt", options={"population_size": 2})
    assert propose(hq, sweep, 1)["error"]["code"] == "bad_descents"
    assert propose(hq, sweep, 1, descents=[{"member": 0}])["ok"]
    agent.beat()
    offered = agent.offer()
    agent.claim(offered["job"], offered["token"])
    assert (
        propose(hq, sweep, 1, first=1, descents=[{"member": 0, "parent": 0}])["error"]["code"]
        == "bad_descents"
    )

    left = {"token": offered["token"], "sha256": "a" * 64, "bytes": 10}
    agent.result(offered["job"], offered["token"], result={"loss": 0.5}, checkpoint=left)
    assert propose(hq, sweep, 1, first=1, descents=[{"member": 0, "parent": 0}])["ok"]

    agent.beat()
    offered = agent.offer()
    (grant,) = agent.claim(offered["job"], offered["token"])["grants"]
    assert grant["checkpoint"] == left
    assert grant["spec"]["lineage"] == {"member": 0, "generation": 1, "parent": 0, "checkpoint": left}
