"""How a search went."""

from hq.analysis.frame import Goal, trials_table
from hq.analysis.progress import best_so_far, curves, distribution, timeline
from tests.unit.hq.analysis.conftest import SPEC, table, trial

LOSS = Goal("loss", True)


def test_the_best_so_far_only_gets_better_and_the_earlier_of_equals_wins() -> None:
    found = best_so_far(table([3.0, 1.0, None, 2.0, 1.0]).frame, LOSS)

    assert found == {
        "trials": [0, 1, 3, 4],
        "values": [3.0, 1.0, 2.0, 1.0],
        "best": [3.0, 1.0, 1.0, 1.0],
        "winner": 1,
    }


def test_more_is_better_when_maximizing() -> None:
    found = best_so_far(table([3.0, 1.0, 4.0]).frame, Goal("loss", False))

    assert (found["best"], found["winner"]) == ([3.0, 3.0, 4.0], 2)


def test_without_a_value_there_is_no_winner() -> None:
    assert best_so_far(table([None]).frame, LOSS)["winner"] is None
    assert distribution(table([None]).frame, LOSS) == {"values": [], "share": [], "median": None, "count": 0}


def test_the_distribution_says_which_share_is_at_most_each_value() -> None:
    found = distribution(table([2.0, 1.0, 2.0, 4.0]).frame, LOSS)

    assert found == {"values": [1.0, 2.0, 4.0], "share": [0.25, 0.75, 1.0], "median": 2.0, "count": 4}


def test_the_timeline_has_a_line_per_machine_and_what_runs_lasts_until_now() -> None:
    trials = [
        trial(0, {"rate": 1}, {"loss": 1}, agent="cellar"),
        trial(1, {"rate": 1}, None),
        trial(2, {"rate": 1}, None, started=None, status="queued", agent=None),
    ]

    found = timeline(trials_table(SPEC, trials).frame, now=500.0)

    assert [
        (one["agent"], [(bar["trial"], bar["start"], bar["end"]) for bar in one["bars"]]) for one in found
    ] == [
        ("attic", [(1, 101.0, 500.0)]),
        ("cellar", [(0, 100.0, 101.0)]),
    ]


def test_the_curve_of_the_best_comes_last_so_that_it_is_drawn_on_top() -> None:
    found = curves({0: [(1, 5.0)], 1: [(1, 4.0), (2, None)]}, table([1.0, 2.0]).frame, LOSS)

    assert [(one["trial"], one["is_best"]) for one in found] == [(1, False), (0, True)]
    assert found[0]["y"] == [4.0, None]
