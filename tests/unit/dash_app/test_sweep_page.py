"""The page of a sweep: what its address says, the brush, each tab's words and figures."""

from typing import Any

import pytest

from dash_app.presenters import grids, sweep, sweep_controls, sweep_figures, sweep_tabs
from dash_app.presenters.figures import ACCENT, FADED, curves_of_trials
from dash_app.presenters.parallel import Trial, brushed, make_axes, parallel
from dash_app.presenters.series import Series
from dash_app.sweep_state import SweepState, read_state
from hq.analysis.answers import answer
from hq.analysis.questions import Question
from tests.unit.dash_app.test_presenters import of_sweep, shown, trial

SPEC: dict[str, Any] = {
    "metric": "loss",
    "direction": "minimize",
    "space": {
        "lr": {"type": "float", "low": 0, "high": 9},
        "wide": {"type": "int", "low": 0, "high": 9},
        "kind": {"type": "choice", "values": ["<b>x</b>"]},
    },
}


def trials() -> list[dict[str, Any]]:
    made = [trial(number, loss=float(number), time=9.0 - number) for number in range(4)]
    for number, one in enumerate(made):
        one["params"] = {"lr": number, "wide": number % 2, "kind": "<b>x</b>"}
        one["result"] |= {"started_at": 100.0 + number, "ended_at": 103.0 + number}
    return made


def asked(kind: Any, **more: Any) -> dict[str, Any]:
    return answer(kind, SPEC, trials(), Question(**more), 200.0)


def test_an_address_says_what_is_looked_at() -> None:
    state = read_state("?tab=contour&x=lr&y=wide&method=mdi&brush=0,1,0.2,0.5&compare=3,7,3")

    assert state == SweepState("contour", "", "lr", "wide", "mdi", (0.0, 1.0, 0.2, 0.5), (3, 7))


@pytest.mark.parametrize(
    "query",
    [
        None,
        7,
        "",
        "?tab=guess&method=guess",
        "?brush=1,2,3",
        "?brush=a,b,c,d",
        "?brush=nan,1,0,1",
        "?brush=2,1,0,1",
        "?compare=-1,x,\N{SUPERSCRIPT TWO},99999999999",
    ],
)
def test_an_address_that_makes_no_sense_is_the_usual_page(query: Any) -> None:
    assert read_state(query) == SweepState()


def test_a_brush_chooses_the_lines_that_go_through_it_on_every_axis_it_covers() -> None:
    lines = [Trial(n, {"a": n, "b": 3 - n}, float(n)) for n in range(4)]
    axes = make_axes(lines, "loss", frozenset())

    assert brushed(axes, 4, (-0.4, 0.4, 0.6, 1.0)) == [2, 3]
    assert brushed(axes, 4, (-0.4, 1.4, 0.3, 0.7)) == [1, 2]
    assert brushed(axes, 4, (0.2, 0.8, 0.0, 1.0)) == [0, 1, 2, 3]
    assert brushed(axes, 4, None) == [0, 1, 2, 3]


def test_what_is_not_brushed_is_faded_and_the_best_of_the_rest_stands_out() -> None:
    lines = [Trial(n, {"a": n, "b": 3 - n}, float(n)) for n in range(4)]

    figure = parallel(lines, "loss", minimize=True, brush=(-0.4, 0.4, 0.6, 1.0))

    assert figure["data"][0]["text"][0] == "trial 0: 0"
    assert figure["data"][-1]["text"][0] == "trial 2: 2"
    assert figure["data"][-1]["line"]["color"] == ACCENT
    assert figure["layout"]["selections"][0]["y0"] == 0.6


def test_coordinates_say_how_many_trials_are_chosen() -> None:
    drawn, chosen = sweep.coordinates({"spec": SPEC}, trials(), brush=(-0.4, 0.4, 0.5, 1.0))

    assert chosen == [2, 3]
    assert "2 trials of 4 chosen" in shown(drawn)
    assert sweep.coordinates({"spec": SPEC}, trials())[1] is None


def test_curves_of_trials_that_were_ended_early_are_faded() -> None:
    figure = curves_of_trials({n: Series([0, 1], [0, n]) for n in range(3)}, 2, frozenset({0}))

    assert figure["data"][0]["line"]["color"] == FADED
    assert figure["data"][-1]["line"]["color"] == ACCENT
    assert "ended early" in figure["data"][0]["hovertemplate"]


def test_every_tab_is_drawn_from_its_answer_and_has_no_tags_of_others() -> None:
    parts = [
        sweep_tabs.slices(asked("slice"), 0),
        sweep_tabs.contour(asked("contour", x="lr", y="wide")),
        sweep_tabs.pareto(asked("pareto")),
        sweep_tabs.timeline(asked("timeline")),
        sweep_tabs.distribution(asked("distribution")),
        sweep_tabs.compare(asked("compare", compare=(0, 1)) | {"curves": [{"trial": 0, "x": [1], "y": [2]}]}),
        sweep_tabs.importance({"method": "mdi", "trials": 4, "shares": {"<i>lr": 1.0}, "why": ""}),
    ]

    text = shown(parts)
    assert "Half of 4 trials are at most 1.5" in text
    assert "The same in all: kind" in text
    assert "<i>lr" not in text


def test_tabs_without_anything_to_draw_say_why() -> None:
    nothing = {"method": "mdi", "trials": 2, "shares": {}, "why": "2 trials have a value"}

    assert "2 trials have a value." in shown(sweep_tabs.importance(nothing))
    assert "two objectives" in shown(sweep_tabs.pareto(asked("pareto")))
    assert "No trial has begun" in shown(sweep_tabs.timeline({"machines": []}))
    assert "Choose two trials" in shown(sweep_tabs.compare({"trials": []}))


def test_a_front_is_drawn_over_two_objectives() -> None:
    spec = {"objectives": [{"metric": n, "direction": "minimize"} for n in ("loss", "time")], "space": {}}

    found = answer("pareto", spec, trials(), Question(), 0.0)

    assert "4 trials on the front" in shown(sweep_tabs.pareto(found))
    assert sweep.metric_of({"spec": spec}, []) == "loss"


def test_trials_that_ran_at_once_are_on_lines_of_their_own() -> None:
    bars = [{"start": start, "end": start + 3.0, "trial": 0, "state": "x"} for start in (0.0, 1.0, 3.5)]

    assert sweep_figures.count_lanes([{"agent": "a", "bars": bars}]) == 2


def test_only_sweeps_with_several_objectives_have_a_tab_for_the_front() -> None:
    assert "pareto" not in shown(sweep_controls.analysis({"spec": SPEC}, ["loss"], SweepState()))
    assert "pareto" in shown(sweep_controls.analysis({"spec": SPEC}, ["loss", "time"], SweepState()))


def test_what_is_drawn_is_drawn_anew_for_each_trial_of_a_small_sweep_and_not_of_a_large_one() -> None:
    def after(ended: int) -> str:
        return sweep.revision(of_sweep(succeeded=ended, unsuccessful=0))

    assert after(3) != after(4)
    assert after(5000) == after(5001)


def test_a_sweep_can_be_paused_resumed_extended_and_stopped_by_who_may() -> None:
    assert "Pause" in shown(sweep.actions("running", True))
    assert "Resume" in shown(sweep.actions("paused", True))
    assert "more trials" in shown(sweep.actions("running", True))
    assert sweep.actions("running", False) == []
    assert sweep.actions("finished", True) == []


def test_the_table_of_a_population_says_from_which_trial_each_went_on() -> None:
    trial = {"job": "j" + "a" * 12, "trial": 4, "status": "succeeded", "params": {"rate": 0.1}}
    lineage = {"member": 1, "generation": 2, "parent": 3}

    assert sweep.trial_row({**trial, "lineage": lineage}, "score", None)["parent"] == 3
    assert sweep.trial_row(trial, "score", None)["parent"] is None
    columns = [one["field"] for one in grids.trial_columns("score", ["rate"], is_population=True)]
    assert columns == ["trial", "status", "percent", "value", "p_0", "parent", "machine", "seconds"]
    assert "parent" not in [one["field"] for one in grids.trial_columns("score", ["rate"])]


def test_the_best_of_a_population_shows_what_it_went_on_from() -> None:
    parents = {0: None, 1: None, 2: 1, 3: 2}
    found = trials()
    for one in found:
        one["lineage"] = {"member": 0, "generation": 0, "parent": parents[one["trial"]]}
    spec = {**of_sweep()["spec"], **SPEC, "direction": "maximize"}
    line = sweep.line_of(found, 3)
    curves = {number: Series([0.0, 1.0], [1.0, 2.0]) for number in range(4)}

    assert line == [1, 2, 3]
    words = shown(sweep.best({**of_sweep(), "spec": spec}, found))
    assert "It went on from trial " in words
    assert "2" in words.split("It went on from trial ")[1]
    drawn = curves_of_trials(curves, 3, line=frozenset(line))["data"]
    assert [one["line"]["color"] == ACCENT for one in drawn] == [False, True, True, True]
    assert sweep.line_of(trials(), 3) == [3]


def test_a_sweep_whose_trials_a_program_asks_for_says_so() -> None:
    spec = of_sweep()["spec"]
    asked = {**of_sweep(), "spec": {**spec, "job": {**spec["job"], "asked": True}}}

    assert "A program asks for each trial" in shown(sweep.status(asked, []))
    assert "A program" not in shown(sweep.status(of_sweep(), []))
    heads = [one["headerName"] for one in grids.trial_columns("score", ["rate"], is_asked=True)]
    assert "Asked by" in heads
    assert "Machine" not in heads


def test_what_is_odd_about_the_trials_stands_below_how_far_it_is() -> None:
    said = shown(sweep.status({**of_sweep(), "remarks": ["no trial has a value so far"]}, []))

    assert "No trial has a value so far." in said


def test_a_tab_without_any_value_draws_no_empty_chart() -> None:
    none = [{**one, "result": {**one["result"], "result": {}}} for one in trials()]
    tabs = [
        sweep_tabs.slices(answer("slice", SPEC, none, Question(), 200.0), None),
        sweep_tabs.contour(answer("contour", SPEC, none, Question(x="lr", y="wide"), 200.0)),
        sweep_tabs.distribution(answer("distribution", SPEC, none, Question(), 200.0)),
    ]
    assert all("No trial has a value yet." in shown(tab) for tab in tabs)
