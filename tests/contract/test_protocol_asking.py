"""Trials that somebody's own loop asks for and tells of, as docs/protocol.md says it, in plain JSON."""

from typing import Any

import pytest

from schemas import events
from tests.contract.protocol_house import WireAgent, WireHq, job_spec, proves

SPACE = {"x": {"type": "float", "low": 0, "high": 1}}
SILENT = 60


def submit(hq: WireHq) -> str:
    """Return a sweep of two trials that are chosen already."""
    job = {**job_spec(), "asked": True, "limits": {"wall_seconds": SILENT}}
    spec = {"job": job, "space": SPACE, "metric": "loss", "trials": 2}
    sweep = str(hq.ask("submit_sweep", sweep=spec)["result"]["sweep"])
    assert hq.ask("ask_trial", sweep=sweep)["result"]["state"] == "wait"
    trials = [{"x": 0.5}, {"x": 0.25}]
    assert hq.ask("propose", by="search", sweep=sweep, first=0, trials=trials)["ok"]
    return sweep


def take(hq: WireHq, sweep: str, **more: Any) -> dict[str, Any]:
    result: dict[str, Any] = hq.ask("ask_trial", sweep=sweep, **more)["result"]
    return result


@proves("P96")
def test_a_trial_that_is_asked_for_is_nobodys_else_and_counts_when_it_was_told() -> None:
    hq = WireHq()
    agent = WireAgent(hq)
    sweep = submit(hq)
    agent.beat()

    first = take(hq, sweep, key="k")

    assert (first["state"], first["trial"], first["params"]["x"]) == ("taken", 0, 0.5)
    assert take(hq, sweep, key="k") == first
    assert take(hq, sweep)["trial"] == 1
    assert take(hq, sweep)["state"] == "none_left"
    assert not agent.hear("offer")
    for trial in (0, 1):
        assert hq.ask("tell_trial", sweep=sweep, trial=trial, values=[0.5])["result"]["state"] == "succeeded"
    assert hq.take(f"sweep/{sweep}/event")[-1]["status"] == "finished"


@proves("P97")
@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"values": []}, "bad_values"),
        ({"values": [1, 2]}, "bad_values"),
        ({"values": [1], "state": "pruned"}, "bad_values"),
        ({"values": [None]}, "bad_data"),
        ({"values": [1], "trial": 1}, "not_out"),
        ({"values": [1], "trial": 7}, "unknown_trial"),
        ({"values": [1], "by": "olga-2"}, "not_yours"),
    ],
)
def test_a_word_that_does_not_fit_changes_nothing(said: dict[str, Any], code: str) -> None:
    hq = WireHq()
    sweep = submit(hq)
    take(hq, sweep)

    assert hq.ask("tell_trial", **{"sweep": sweep, "trial": 0, **said})["error"]["code"] == code
    assert hq.ask("tell_trial", sweep=sweep, trial=0, values=[1])["ok"]
    again = hq.ask("tell_trial", sweep=sweep, trial=0, values=[1])
    assert again["error"]["code"] == "already_told"
    assert len(hq.events(events.JobSucceeded)) == 1


@proves("P98")
def test_who_says_nothing_for_too_long_loses_the_trial_to_who_asks_next() -> None:
    hq = WireHq()
    sweep = submit(hq)
    token = take(hq, sweep)["token"]

    hq.later(SILENT - 5)
    point = {"seq": 0, "at": 0, "metrics": {"loss": 1.5}, "step": 3}
    said = hq.ask("report_trial", sweep=sweep, trial=0, token=token, point=point)
    assert said["result"]["prune"] is False
    hq.later(SILENT - 5)
    assert take(hq, sweep)["trial"] == 1
    hq.later(10)

    again = take(hq, sweep)
    assert again["trial"] == 0
    late = {"sweep": sweep, "trial": 0, "token": token}
    assert hq.ask("tell_trial", **late, state="failed")["error"]["code"] == "stale"
    assert hq.ask("report_trial", **late)["error"]["code"] == "stale"
    assert hq.ask("tell_trial", **late, values=[0.5])["ok"]
