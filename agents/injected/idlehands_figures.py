"""matplotlib's Agg, but for `show`: there is no screen, so the figures are handed in as pictures.

matplotlib takes it by the variable MPLBACKEND, when a script uses pyplot and
chooses no backend itself. As on a screen, what was shown is closed then.
"""

import os
import sys
from typing import Any

from matplotlib._pylab_helpers import Gcf
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg

_AT_MOST = 100


def _save(figure: Any) -> None:
    """Write a figure under the next free number; what cannot be written costs the picture only."""
    folder = os.environ.get("IDLEHANDS_SAVED")
    if not folder:
        return
    try:
        os.makedirs(folder, exist_ok=True)
        for number in range(1, _AT_MOST + 1):
            path = os.path.join(folder, f"figure-{number}.png")
            try:
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            except FileExistsError:
                continue
            figure.savefig(path)
            return
    except OSError as error:
        sys.stderr.write(f"idlehands: a figure could not be saved: {error}\n")


class FigureManager(FigureManagerBase):  # type: ignore[misc,unused-ignore]
    """A figure without a window."""

    def show(self) -> None:
        """Hand the figure in, as `figure.show()` asks for."""
        _save(self.canvas.figure)

    @classmethod
    def pyplot_show(cls, *, block: Any = None) -> None:
        """Hand in all figures, and close them unless the script goes on beside them."""
        for manager in Gcf.get_all_fig_managers():
            _save(manager.canvas.figure)
            if block is None or block:
                Gcf.destroy(manager)


class FigureCanvas(FigureCanvasAgg):  # type: ignore[misc,unused-ignore]
    """Draws as Agg does."""

    manager_class = FigureManager


def show(*_: Any, block: Any = None) -> None:
    """Do what `pyplot.show()` asks for."""
    FigureManager.pyplot_show(block=block)
