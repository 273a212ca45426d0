"""What choosing a trial costs is measured for a plain space and for one with a condition."""

import pytest

from benchmarks.search_overhead import SPACE, _costs
from benchmarks.setting import TINY
from schemas.spaces import Dimension, FloatRange


@pytest.mark.parametrize("more", [{}, {"momentum": FloatRange(0, 1, when={"optimizer": ("sgd",)})}])
def test_each_trial_but_the_first_has_a_cost(more: dict[str, Dimension]) -> None:
    costs = _costs({**SPACE, **more}, TINY)

    assert len(costs) == TINY.jobs(200) - 1
    assert min(costs) > 0
