"""What parameters have to do with values."""

import pytest

from hq.analysis.frame import Goal, trials_table
from hq.analysis.parameters import contour, coordinates, differing, pareto, slices
from tests.unit.hq.analysis.conftest import SPEC, table, trial

LOSS = Goal("loss", True)


def test_a_slice_is_each_value_over_each_parameter() -> None:
    found = {one["name"]: one for one in slices(table([3.0, None, 2.0]), LOSS)}

    assert found["rate"]["x"] == [0.001, 0.004]
    assert found["rate"]["y"] == [3.0, 2.0]
    assert (found["rate"]["log"], found["layers"]["log"]) == (True, False)
    assert (found["optimizer"]["numeric"], found["optimizer"]["x"]) == (False, ["adam", "adam"])


def test_true_and_false_are_no_numbers() -> None:
    trials = [trial(n, {"flag": bool(n)}, {"loss": n}) for n in (0, 1)]

    found = slices(trials_table({"metric": "loss"}, trials), LOSS)

    assert (found[0]["numeric"], found[0]["x"]) == (False, [False, True])


def test_a_contour_goes_through_the_trials() -> None:
    found = contour(table([1.0, 2.0, 3.0, 4.0]), LOSS, "rate", "layers")

    surface = found["surface"]
    assert surface["x"][0] == pytest.approx(0.001)
    assert surface["x"][-1] == pytest.approx(0.008)
    assert surface["z"][0][0] == pytest.approx(1.0, abs=0.02)
    assert surface["z"][-1][-1] == pytest.approx(4.0, abs=0.02)
    assert found["log"] == [True, False]


def test_a_contour_of_few_trials_has_points_and_no_surface() -> None:
    assert contour(table([1.0, 2.0]), LOSS, "rate", "layers")["surface"]["z"] == []


@pytest.mark.parametrize("pair", [("rate", "rate"), ("rate", "optimizer")])
def test_a_contour_needs_two_numbers(pair: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match=r"two parameters|not a number"):
        contour(table([1.0, 2.0, 3.0]), LOSS, *pair)


def test_coordinates_have_a_line_for_every_trial_with_all_values() -> None:
    found = coordinates(table([1.0, None, 3.0]))

    assert [axis["name"] for axis in found["axes"]] == ["rate", "layers", "optimizer", "loss"]
    assert found["lines"] == [
        {"trial": 0, "places": [0.001, 1, "adam", 1.0]},
        {"trial": 2, "places": [0.004, 3, "adam", 3.0]},
    ]


def test_the_front_is_what_nothing_beats_in_everything() -> None:
    goals = (Goal("a", False), Goal("b", True))
    points = [(1, 1), (2, 2), (2, 3), (0, 5), (3, 3), (2, 2)]
    spec = {"objectives": [{"metric": "a"}, {"metric": "b", "direction": "minimize"}], "space": {}}
    made = trials_table(spec, [trial(n, {}, {"a": a, "b": b}) for n, (a, b) in enumerate(points)])

    assert pareto(made.frame, goals)["front"] == [0, 1, 4, 5]


def test_chosen_trials_stand_side_by_side() -> None:
    same = [trial(n, {"rate": 0.1 * (n + 1), "optimizer": "sgd"}, {"loss": n}) for n in range(3)]

    found = differing(trials_table(SPEC, same), [2, 0, 9, 2])

    assert [one["trial"] for one in found["trials"]] == [2, 0]
    assert {one["name"]: one["differs"] for one in found["params"]} == {
        "rate": True,
        "layers": False,
        "optimizer": False,
    }
    assert found["values"] == [{"name": "loss", "values": [2.0, 0.0], "differs": True}]
