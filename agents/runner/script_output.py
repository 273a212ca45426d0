"""What a script's output means: log, progress, metrics and, at its end, the result.

Joins the line splitter, the readers of progress and the buffers. Fed by one
thread, without clock or I/O of its own.
"""

import re
from typing import Any

import msgspec

from agents.runner.masking import NO_MASK, Mask, MaskedStream, mend_json
from agents.runner.output import KeptStdout, LineSplitter, LogBuffer, Tail
from agents.runner.progress import Gauge, Reading, read_line, read_object
from agents.runner.result_line import RESULT_BYTES_AT_MOST, read_result, read_small
from agents.runner.series import Series
from schemas.facts import MetricPoint
from schemas.messages import LogLines, Progress
from schemas.names import JobId, Token

_JSON_START = re.compile(rb"\s*\{")
#: A longer JSON line is parsed once, at the end, and is never a metrics line.
_METRICS_BYTES = 64 * 1024
#: Lines of plain text examined for progress between two batches: a flood must stay cheap.
_TEXT_LINES = 200
_FLOOD_LINES = 50
_JSON_LINES = 500
#: A JSON line this fresh may still turn out to be the result.
_HOLD_SECONDS = 0.25
_BAR_SECONDS = 0.5
_PROGRESS_BYTES = 60 * 1024


class ScriptOutput:
    """The output of one attempt so far."""

    def __init__(
        self,
        job: JobId,
        token: Token,
        mask: Mask = NO_MASK,
        *,
        after: "ScriptOutput | None" = None,
        keep_stdout: bool = False,
    ) -> None:
        self._job, self._token = job, token
        self._mask, self._has_mask = mask, bool(mask)
        self._masked = {"stdout": MaskedStream(mask), "stderr": MaskedStream(mask)}
        # Lines go on to be numbered where those before ended.
        self._logs: LogBuffer = LogBuffer(job, token) if after is None else after._logs
        self._splitters = {"stdout": LineSplitter(), "stderr": LineSplitter()}
        self.tails = {"stdout": Tail(), "stderr": Tail()}
        self.kept = KeptStdout() if keep_stdout else None
        self.series = Series()
        self._gauge = Gauge()
        self._percent_told: float | None = None
        self._text_budget, self._json_budget = _TEXT_LINES, _JSON_LINES
        self.bytes_seen = 0
        self._small: bytes | None = None
        self._big: bytes | None = None
        self._too_big = False
        self._numberless: bytes | None = None
        self._bar_at = 0.0
        self._bar_metrics: dict[str, float | None] = {}
        self._json_point: MetricPoint | None = None
        self._json_at = 0.0
        self._json_keys: frozenset[str] = frozenset()
        self._keys_before: frozenset[str] | None = None

    def note(self, line: str) -> None:
        """Add a line of the agent's own to the log, which is no output of the script's."""
        self._logs.add("stderr", [line.encode("utf-8", "replace")])

    def feed(self, stream: str, chunk: bytes, at: float) -> None:
        """Take in bytes of `stdout` or `stderr`, read at Unix time `at`."""
        self.bytes_seen += len(chunk)
        self._take_chunk(stream, self._masked[stream].feed(chunk), at)

    def _take_chunk(self, stream: str, chunk: bytes, at: float) -> None:
        self.tails[stream].feed(chunk)
        if self.kept is not None and stream == "stdout":
            self.kept.feed(chunk)
        lines = self._splitters[stream].feed(chunk)
        if len(lines) <= _TEXT_LINES or b"\r" in chunk or (stream == "stdout" and b"{" in chunk):
            self._take_lines(stream, lines, at)
            return
        # A flood of plain lines, told without looking at each. The first may have begun before this chunk.
        self._take_lines(stream, lines[:1], at)
        self._logs.add(stream, lines[1:-_FLOOD_LINES])
        self._take_lines(stream, lines[-_FLOOD_LINES:], at)

    def measure(self, reading: Reading, at: float) -> None:
        """Take in what was not printed but written to a file."""
        if self._has_mask:
            metrics = {self._mask.cover_text(name): value for name, value in reading.metrics.items()}
            reading = msgspec.structs.replace(reading, metrics=metrics)
        self.series.add(reading, at)

    def add_line(self, stream: str, line: str) -> None:
        """Log a line that the script did not print."""
        self._logs.add(stream, [self._mask.cover_text(line).encode()])

    def note_usage(self, reading: Reading, at: float) -> None:
        """Take in what the agent measured of the script's processes."""
        self.series.add(reading, at, is_script_s=False)

    def finish(self, at: float) -> None:
        """Take in what no newline ended."""
        for stream, splitter in self._splitters.items():
            self._take_chunk(stream, self._masked[stream].finish(), at)
            line = splitter.finish()
            if line is not None:
                self._take_lines(stream, [line], at)

    def take_logs(self) -> list[LogLines]:
        """Return the log since the last call."""
        return self._logs.take()

    def take_progress(self, at: float, *, final: bool = False) -> list[Progress]:
        """Return the progress since the last call; what may be the result waits unless `final`."""
        self._text_budget, self._json_budget = _TEXT_LINES, _JSON_LINES
        if not final:
            for splitter in self._splitters.values():
                # tqdm ends no line until its next update, which may be minutes away.
                self._take_bar(splitter.peek(), at)
        held = None if final or at - self._json_at >= _HOLD_SECONDS else self._json_point
        points = self.series.take_pending(held)
        percent = self._gauge.percent
        if not points and percent == self._percent_told:
            return []
        self._percent_told = percent
        return [Progress(self._job, self._token, percent, part) for part in _split(points)]

    @property
    def has_pending(self) -> bool:
        """Tell whether points wait for `take_progress`."""
        return self.series.has_pending

    def take_result(self) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
        """Return the result, or None, and notes for people. Call it once, after `finish`.

        Raises:
            ResultTooLong: If the last JSON line is over `RESULT_BYTES_AT_MOST`.
        """
        if self._too_big:
            raise ResultTooLong
        notes = self._notes()
        if self._big is not None:
            content, more = read_result(self._big)
            if content is not None:
                return content, (*notes, *more)
            notes = (*notes, "the last line began like JSON but is none; the JSON line before it was used")
        if self._small is None:
            return None, notes
        if self._json_point is not None and self._json_keys != self._keys_before:
            # A script whose last metrics line is its result keeps that line in the series.
            self.series.discard(self._json_point)
        content, more = read_result(self._small)
        return content, (*notes, *more)

    def _notes(self) -> tuple[str, ...]:
        dropped = self._logs.dropped
        return (f"{dropped} log lines were dropped, as they came too fast",) if dropped else ()

    def _take_lines(self, stream: str, lines: list[bytes], at: float) -> None:
        if not lines:
            return
        logged: list[bytes] = []
        examined_from = len(lines) - self._text_budget
        for index, line in enumerate(lines):
            if self._has_mask and _JSON_START.match(line):
                line = mend_json(line)
            if stream == "stdout" and _JSON_START.match(line) and self._take_json(line, at, logged):
                continue
            examined = index >= examined_from
            overwritten = line.endswith(b"\r")
            if examined and len(line) > 2:
                self._text_budget -= 1
                is_bar = self._take_text(line, at)
                if is_bar and overwritten:
                    continue
            if overwritten:
                line = line[:-1]
                if not line or not examined:
                    continue
            logged.append(line)
        self._logs.add(stream, logged)

    def _take_json(self, line: bytes, at: float, logged: list[bytes]) -> bool:
        """Take a JSON line in; tell whether it was one.

        One without numbers is no metrics line: it is logged once it turns out not to be the result.
        """
        if len(line) > RESULT_BYTES_AT_MOST:
            self._too_big, self._big, self._small = True, None, None
            return False
        if len(line) > _METRICS_BYTES or self._json_budget <= 0:
            if not line.rstrip().endswith(b"}"):
                return False
            self._log_numberless(logged)
            self._big, self._too_big = line, False
            return True
        self._json_budget -= 1
        content = read_small(line)
        if content is None:
            return False
        self._log_numberless(logged)
        self._small, self._big, self._too_big = line, None, False
        self._keys_before, self._json_keys = self._json_keys, frozenset(content)
        reading = read_object(content)
        self._json_at = at
        self._json_point = None
        if reading is None:
            self._numberless = line
            return True
        self._gauge.see(reading)
        self._json_point = self.series.add(reading, at)
        return True

    def _log_numberless(self, logged: list[bytes]) -> None:
        if self._numberless is not None:
            logged.append(self._numberless)
            self._numberless = None

    def _take_text(self, line: bytes, at: float) -> bool:
        reading = read_line(line[: 8 * 1024].decode("utf-8", "replace"))
        if reading is None:
            return False
        self._gauge.see(reading)
        if not reading.is_bar:
            self.series.add(reading, at)
        elif reading.metrics and at - self._bar_at >= _BAR_SECONDS and reading.metrics != self._bar_metrics:
            # What tqdm shows behind its bar; redrawn ten times a second, so not each time.
            self._bar_at, self._bar_metrics = at, reading.metrics
            self.series.add(reading, at)
        return reading.is_bar

    def _take_bar(self, line: bytes, at: float) -> None:
        if line and not _JSON_START.match(line):
            reading = read_line(line.decode("utf-8", "replace"))
            if reading is not None and reading.is_bar:
                self._gauge.see(reading)


class ResultTooLong(ValueError):
    """The script's last JSON line is over the limit of a result."""


def _split(points: tuple[MetricPoint, ...]) -> list[tuple[MetricPoint, ...]]:
    if len(points) > 1 and len(msgspec.json.encode(points)) > _PROGRESS_BYTES:
        middle = len(points) // 2
        return [*_split(points[:middle]), *_split(points[middle:])]
    return [points]
