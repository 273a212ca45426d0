"""What a series is called, when several runs of one script measure under the same name. Pure.

A name belongs to the run that used it first; another run's gets the name of
its folder before it. A TensorBoard folder within another one, as `add_scalars`
makes them, always does.
"""

from collections.abc import Iterable

SERIES_AT_MOST = 100


class Naming:
    """The names of one attempt's series."""

    def __init__(self) -> None:
        self._owners: set[str] = set()
        self._logs: set[str] = set()
        self._known: dict[tuple[str, str], str] = {}
        #: Whether names were asked for beyond `SERIES_AT_MOST`.
        self.is_full = False

    def note_logs(self, folders: Iterable[str]) -> None:
        """Take note of folders with event files."""
        self._logs.update(folders)

    def name(self, name: str, run: str) -> str | None:
        """Return what a run's series is called; None when there are too many already."""
        known = self._known.get((name, run))
        if known is not None:
            return known
        if len(self._owners) >= SERIES_AT_MOST:
            self.is_full = True
            return None
        inside = self._outermost(run)
        below = run[len(inside) :].strip("/") if inside != run else ""
        # `add_hparams` names its folder by the time of day, which says nothing.
        called = f"{below}/{name}" if below.strip("0123456789.") else name
        for candidate in (called, f"{run.rpartition('/')[2][:40]}/{called}", f"{run}/{called}"):
            if candidate not in self._owners:
                self._owners.add(candidate)
                self._known[name, run] = candidate
                return candidate
        return None

    def _outermost(self, run: str) -> str:
        parts = run.split("/")
        for count in range(1, len(parts)):
            above = "/".join(parts[:count])
            if run in self._logs and above in self._logs:
                return above
        return run
