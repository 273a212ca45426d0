"""The House: curves of machines, their day, and when the queue will be empty."""

from typing import Any

from plotly.io.json import to_json_plotly

from dash_app.presenters import loads, machines
from dash_app.presenters.queue_end import queue_end
from hq.rest.today import outlook
from schemas.facts import MachineLoad


def test_a_curve_ends_now_and_spans_ten_minutes() -> None:
    found = loads.gauges(
        [(0.0, MachineLoad(cpu=50)), (300.0, MachineLoad(cpu=100)), (900.0, MachineLoad(cpu=25))]
    )

    assert found == [{"name": "CPU", "now": "25 %", "points": [[0.0, 0.5], [0.0, 1.0], [1.0, 0.25]]}]


def test_only_what_a_machine_tells_has_a_curve() -> None:
    told = MachineLoad(cpu=1, memory=40, cpu_celsius=60)

    assert [one["now"] for one in loads.gauges([(1.0, told)])] == ["1 %", "40 %", "60 °C"]
    assert loads.gauges([]) == []
    assert loads.gauges([(1.0, MachineLoad())]) == []


def test_a_machine_says_what_it_did_today() -> None:
    machine = {"name": "attic", "attempts": 2, "kwh": 0.0032, "sources": ["estimated"], "costs": {"EUR": 0.5}}

    assert loads.today(machine) == "Today 2 attempts, 3.2 Wh (0.50 EUR), estimated"
    assert loads.today({**machine, "attempts": 1, "sources": []}) == "Today 1 attempt"


def test_a_queue_ends_as_its_scripts_took_before() -> None:
    found = outlook({"train": 10, "score": 2}, {"train": 60.0, "score": 30.0}, slots=4)

    assert found == {"queued": 12, "known": 12, "work_seconds": 660.0, "slots": 4, "seconds": 165.0}


def test_a_queue_takes_as_long_as_its_longest_job() -> None:
    assert outlook({"train": 1, "score": 1}, {"train": 600.0, "score": 1.0}, slots=8)["seconds"] == 600.0


def test_scripts_that_never_ran_count_as_the_others() -> None:
    found = outlook({"train": 5, "new": 5}, {"train": 10.0}, slots=1)

    assert (found["known"], found["seconds"]) == (5, 100.0)


def test_without_slots_or_runs_before_nobody_knows() -> None:
    assert outlook({"train": 5}, {"train": 10.0}, slots=0)["seconds"] is None
    assert outlook({"new": 5}, {}, slots=2)["seconds"] is None
    assert outlook({}, {}, slots=0)["seconds"] == 0.0


def test_the_queue_is_said_in_a_sentence() -> None:
    def said(**queue: Any) -> str:
        return str(to_json_plotly(queue_end({"known": 0, "slots": 2, "seconds": None, **queue}, 1000.0)))

    assert said(queued=0) == "[]"
    assert "empty in about 1 min 30 s" in said(queued=5, known=5, seconds=90.0)
    assert "1090.000" in said(queued=5, known=5, seconds=90.0)
    assert "2 of them are of scripts" in said(queued=5, known=3, seconds=90.0).replace("\\u2009", " ")
    assert "no machine takes work now" in said(queued=5, slots=0)
    assert "not known" in said(queued=1)


def test_a_card_says_since_when_it_rests_but_leaves_that_to_its_jobs_while_it_works() -> None:
    heard = {"slots": 2, "guest": {"accepting": True, "reason": "", "preset": "polite"}, "degraded": ""}
    agent = {"name": "attic", "slots": 2, "facts": {}, "online": True, "heard": heard}
    job = {"id": "jaaaaaaaaaaaa", "spec": {"script": {"name": "t"}}, "claimed_at": 1.0}

    assert machines.card(agent, [], {}, since=5.4)["since"] == 5
    assert machines.card(agent, [job], {}, since=5.4)["since"] is None
