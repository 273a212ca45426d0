"""What large libraries set up not when they are imported but when they are first used: done ahead too.

The first sum of a DataFrame costs 6 ms more than the second (pyarrow's part
of pandas, its memory pool), the first fit of scikit-learn 13. Each forked
script would pay that anew. And Python makes code faster that it runs often:
that is done before the fork, or each script runs the slow code and copies
what it is written to. Nothing here draws random numbers, prints or sets an
option.
"""

import sys
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def _use_pandas() -> None:
    import pandas

    frame = pandas.DataFrame({"number": [1.0, 2.0], "word": ["a", "b"]})
    frame.number.sum()
    frame.groupby("word").number.mean()


def _use_sklearn() -> None:
    from sklearn.linear_model import LinearRegression

    LinearRegression().fit([[1.0], [2.0]], [1.0, 2.0])


def _use_torch() -> None:
    import torch

    # No gradient: with a GPU that starts threads.
    torch.ones(2).sum()
    # As each child does: the first time, the linker looks for its names in all of the libraries.
    torch.default_generator.seed()


#: Python 3.11 looks at code that has run eight times, and again later.
_TIMES = 24

_USES: "dict[str, Callable[[], None]]" = {
    "pandas": _use_pandas,
    "sklearn.linear_model": _use_sklearn,
    "torch": _use_torch,
}


class FirstUses:
    """Which of them this interpreter has had."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    def wait(self) -> "list[str]":
        """Return what has been imported and was not used yet."""
        return [name for name in _USES if name in sys.modules and name not in self._used]

    def use(self, name: str) -> None:
        """Use it. A library that fails at it is left to the script."""
        self._used.add(name)
        with suppress(Exception):
            for _ in range(_TIMES):
                _USES[name]()
