"""What one attempt's instruments wrote so far, as readings of progress; called by the attempt's own thread.

    glance: now and then while the script runs     finish: once, when its tree is gone

Every bound is of one attempt: bytes, files, series, points, pictures. What is
beyond is left out, and a note says so.
"""

import os
import time
from collections.abc import Iterable
from pathlib import Path

from agents.instruments import mlflow
from agents.instruments.naming import SERIES_AT_MOST, Naming
from agents.instruments.scalars import Picture, Scalar, tell_picture
from agents.instruments.search import Below, Found, Kind
from agents.instruments.source import MEASURED, Said, Source, Summary
from agents.runner.progress import Reading, clean_name, finite

#: Of all files together, at one glance, at the end, and in all.
_GLANCE_BYTES, _FINISH_BYTES, _BYTES_AT_MOST = 512 * 1024, 16 * 1024 * 1024, 1024 * 1024 * 1024
_FILES_AT_MOST = 300
#: More at once would be dropped on the way; and a curve needs no more.
_READINGS_AT_ONCE = 400
_PICTURES_AT_MOST, _PICTURE_BYTES = 50, 64 * 1024 * 1024
_PARAMS_AT_MOST, _PARAM_BYTES = 50, 200
_TAIL_SECONDS, _BEHIND_SECONDS, _FIRST_SECONDS, _SEARCH_SECONDS = 2.0, 0.25, 0.5, 15.0
#: Looking takes at most one part in so many of the time.
_SHARE = 50
#: A clock further off than that tells nothing.
_CLOCK_SECONDS = 7 * 86_400
_NAME_CHARACTERS = 100
_NOTES_AT_MOST = 10


#: What was measured of a run at a step.
Points = dict[tuple[str, float | None], dict[str, float | None]]


class Capture:
    """The instruments of one attempt."""

    def __init__(self, folder: Path, bundle: Path, pictures: Path) -> None:
        """Look at nothing yet.

        Args:
            folder: The attempt's.
            bundle: The files that the script came with: what is in there was not measured now.
            pictures: A folder out of the script's reach for pictures out of event files; made when needed.
        """
        self._folder, self._bundle, self._pictures = folder, bundle, pictures
        self._sources: dict[str, Source] = {}
        self._naming = Naming()
        self._bytes = self._picture_bytes = 0
        self._readings: list[tuple[Reading, float]] = []
        self._pause, self._search_at = _FIRST_SECONDS, 0.0
        #: What was found in the end.
        self.found: list[Found] = []
        #: Pictures out of event files by name, and where they lie.
        self.pictures: dict[str, Path] = {}
        #: The last value of each series.
        self.latest: dict[str, float | None] = {}
        self.notes: list[str] = []

    def glance(self) -> float:
        """Read on what was written since; return in how many seconds to call again."""
        began = time.monotonic()
        is_behind = False
        try:
            with Below(self._folder) as below:
                if began >= self._search_at:
                    self._take_up(below.search())
                    spent = time.monotonic() - began
                    self._pause = min(2 * self._pause, _SEARCH_SECONDS)
                    self._search_at = began + max(self._pause, _SHARE * spent)
                is_behind = self._read_on(below, _GLANCE_BYTES)
        except OSError:
            # A folder that is gone: the end will tell.
            return _SEARCH_SECONDS
        pause = self._search_at - began
        if self._sources:
            pause = min(pause, _BEHIND_SECONDS if is_behind else _TAIL_SECONDS)
        return max(pause, _SHARE * (time.monotonic() - began))

    def finish(self) -> None:
        """Read what is left, once; what was found is in `found` then."""
        try:
            with Below(self._folder) as below:
                self.found = below.search()
                self._take_up(self.found)
                if self._sources and self._read_on(below, _FINISH_BYTES):
                    self._note("more was written than is read at the end: the last metrics are missing")
                self._note_params(below)
        except OSError as error:
            self._note(f"what instruments wrote could not be read: {error}")
        for source in self._sources.values():
            if source.lost:
                self._note(f"{source.name}: {source.lost} records could not be read, and are left out")
        if self._naming.is_full:
            self._note(f"at most {SERIES_AT_MOST} series of metrics are taken, the others are left out")

    def take(self) -> list[tuple[Reading, float]]:
        """Return the readings since the last call with their times, evenly thinned when they are many."""
        taken, self._readings = self._readings, []
        if len(taken) > _READINGS_AT_ONCE:
            stride = (len(taken) - 1) / (_READINGS_AT_ONCE - 1)
            taken = [taken[round(number * stride)] for number in range(_READINGS_AT_ONCE)]
        return taken

    def make_result(self) -> dict[str, float | None] | None:
        """Return the last value of each series, for a script that printed no result; None without any."""
        if not self.latest:
            return None
        names = " and ".join(sorted({str(source.kind) for source in self._sources.values()}))
        self._note(f"no JSON result was printed: it is the last values that were given to {names}")
        return dict(self.latest)

    # --- files -------------------------------------------------------------------

    def _take_up(self, found: Iterable[Found]) -> None:
        logs = []
        for name, kind in found:
            if kind not in MEASURED or name in self._sources:
                continue
            if len(self._sources) >= _FILES_AT_MOST:
                self._note(f"at most {_FILES_AT_MOST} files of metrics are read, the others are left out")
                break
            self._sources[name] = Source(name, kind, self._size_before(name))
            if kind is Kind.EVENTS:
                logs.append(name.rpartition("/")[0])
        self._naming.note_logs(logs)

    def _size_before(self, name: str) -> int:
        try:
            return os.lstat(self._bundle / name).st_size
        except OSError:
            return 0

    def _read_on(self, below: Below, room: int) -> bool:
        """Read about so many bytes; tell whether there are more."""
        is_behind = False
        points: Points = {}
        for source in self._sources.values():
            if source.is_over:
                continue
            if self._bytes >= _BYTES_AT_MOST:
                self._note("the instruments wrote more than is read, the rest is left out")
                return False
            if room <= 0:
                return True
            before = source.offset
            said, has_more = source.read_on(below, room)
            is_behind = is_behind or has_more
            if source.broken:
                self._note(f"{source.name} is not read on: {source.broken}")
            room -= source.offset - before
            self._bytes += source.offset - before
            self._take(source.run, said, points)
        return is_behind

    # --- what they say -----------------------------------------------------------

    def _take(self, run: str, said: list[Said], points: Points) -> None:
        """Put what belongs to one step together."""
        now = time.time()
        for one in said:
            if isinstance(one, Picture):
                self._keep(run, one)
            elif isinstance(one, Summary):
                for own, number in one.values.items():
                    name = self._name(own, run)
                    if name is not None:
                        self.latest[name] = finite(number)
            else:
                self._add(run, one, now, points)

    def _add(self, run: str, one: Scalar, now: float, points: Points) -> None:
        name = self._name(one.name, run)
        if name is None:
            return
        value = self.latest[name] = finite(one.value)
        step = None if one.step is None else finite(one.step)
        metrics = points.get((run, step))
        if metrics is None or name in metrics:
            at = one.at if one.at is not None and abs(one.at - now) < _CLOCK_SECONDS else now
            metrics = points[run, step] = {}
            self._readings.append((Reading(step=step, metrics=metrics), at))
        metrics[name] = value

    def _name(self, name: str, run: str) -> str | None:
        called = self._naming.name(clean_name(name) or "value", run)
        return None if called is None else called[-2 * _NAME_CHARACTERS :]

    def _keep(self, run: str, picture: Picture) -> None:
        """Keep the last picture of each name."""
        plain = "".join(one if one.isalnum() or one in "-_.=+" else "_" for one in picture.name)[:80]
        name = f"{run}/{plain.lstrip('.') or 'picture'}.{tell_picture(picture.content)}".lstrip("/")
        self._picture_bytes += len(picture.content)
        is_new = name not in self.pictures
        if (is_new and len(self.pictures) >= _PICTURES_AT_MOST) or self._picture_bytes > _PICTURE_BYTES:
            self._note(f"at most {_PICTURES_AT_MOST} pictures of TensorBoard's are kept, others are left out")
            return
        place = self.pictures.get(name, self._pictures / f"_seen_{len(self.pictures)}")
        try:
            self._pictures.mkdir(parents=True, exist_ok=True, mode=0o700)
            place.write_bytes(picture.content)
            self.pictures[name] = place
        except OSError as error:
            self._note(f"a picture could not be kept: {error}")

    def _note_params(self, below: Below) -> None:
        said: list[str] = []
        for name, kind in self.found:
            place = mlflow.PLACE.fullmatch(name) if kind is Kind.PARAM else None
            if place is None or len(said) >= _PARAMS_AT_MOST:
                continue
            try:
                with open(below.open(name), "rb") as file:
                    value = file.read(_PARAM_BYTES).decode("utf-8", "replace").strip()
            except OSError:
                continue
            said.append(f"{place['name']}={value}")
        if said:
            self._note(f"MLflow's parameters: {', '.join(said)}")

    def _note(self, text: str) -> None:
        if len(self.notes) < _NOTES_AT_MOST and text not in self.notes:
            self.notes.append(text[:4000])
