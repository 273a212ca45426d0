"""What one line of output says about progress: percent, step, metrics. Pure.

Knows JSON metric lines, the bars of tqdm, rich and Keras, "epoch 3/10" and
"loss=0.31 acc: 0.92". A line that says nothing of that is None, and a line
is never an error. Every pattern is linear on the 1,000 characters it sees.
"""

import math
import re
from typing import Any

from msgspec import Struct

from schemas.resources import RESOURCES

_SEEN = 1000
_METRICS_AT_MOST = 64
_NAME_AT_MOST = 100

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f]")
_NUMBER = r"[-+]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][-+]?\d{1,3})?|[-+]?inf|nan"
_PAIR = re.compile(
    r"(?<![\w./-])([A-Za-z_][\w./-]{0,60}(?: (?:loss|acc|accuracy|error))?)\s{0,3}[=:]\s{0,3}"
    rf"({_NUMBER})(?![\w:/.]|\s?%\s?\|)",
    re.I,
)
_PERCENT = re.compile(r"(?<![\d.])(\d{1,3}(?:\.\d{1,9})?)\s?%")
_FRACTION = re.compile(r"(?<![\d./])(\d{1,12})\s?(?:/|of)\s?(\d{1,12})(?![\d./])")
_BAR = re.compile(
    r"%\s?\|"  # tqdm, with whatever fills its bar
    r"|[█▉▊▋▌▍▎▏▓▒░━╸╺]{2}"  # rich, new Keras, pip
    r"|\[[=>#.\- ]{5,}\]|/\d{1,12} \[[=>#]{2}"  # old Keras, plain ASCII
    r"|\|[#=\- ]{5,}\|"  # progressbar2
)
_COUNTER = re.compile(r"(?:^|: )\d{1,12}it \[\d\d:\d\d")
_EPOCH = re.compile(r"\bepochs?\b[^\w\n]{0,4}(\d{1,9})\s?(?:/|of)\s?(\d{1,9})", re.I)
_STEP = re.compile(
    r"\b(?:step|batch|iter|iteration|round|trial|fold)s?\b[^\w\n]{0,4}(\d{1,9})\s?(?:/|of)\s?(\d{1,9})", re.I
)
#: Without a bar, an epoch or a step in the line only these names count: "port: 8080" is no metric.
_KNOWN = re.compile(
    r"(?:^|[_./ -])(?:loss|acc|accuracy|error|err|mse|rmse|mae|mape|r2|f1|auc|roc_auc|precision|recall"
    r"|ppl|perplexity|reward|score|iou|map|bleu|rouge|lr|learning_rate|logloss|nll|kl|elbo)(?:$|[_./ -])",
    re.I,
)
_TIMES = frozenset({"eta", "time", "elapsed", "remaining", "date", "at"})
_STEP_KEYS = ("step", "global_step", "epoch", "iteration", "iter")
_TOTALS = (("step", "steps"), ("epoch", "epochs"), ("step", "total_steps"), ("epoch", "total_epochs"))


class Reading(Struct, frozen=True):
    """What one line said. `is_bar` lines are redrawn and need no place in the log."""

    percent: float | None = None
    step: float | None = None
    metrics: dict[str, float | None] = {}
    is_bar: bool = False
    #: (k, n) of a bare "Epoch k/n" heading, as Keras prints before an epoch.
    heading: tuple[int, int] | None = None


def read_object(content: dict[str, Any]) -> Reading | None:
    """Return what a JSON line says: its top-level numbers, or None when it has none."""
    numbers: dict[str, float | None] = {}
    for key, value in content.items():
        if isinstance(value, int | float) and not isinstance(value, bool) and len(numbers) < _METRICS_AT_MOST:
            numbers[clean_name(key)] = finite(value)
    if not numbers:
        return None
    percent = _percent_of(numbers)
    step = None
    for key in _STEP_KEYS:
        if numbers.get(key) is not None:
            step = numbers.pop(key)
            break
    return Reading(percent, step, numbers)


def read_line(text: str) -> Reading | None:
    """Return what a line that is not JSON says, or None when it says nothing of progress."""
    if len(text) > 8 * _SEEN:
        text = text[-8 * _SEEN :]
    text = _ESCAPES.sub("", text)[-_SEEN:]
    if not any(mark in text for mark in "%/=:") and "of" not in text and "it [" not in text:
        return None
    if _BAR.search(text):
        percent = _match_percent(text)
        return Reading(percent, None, _pairs(text, any_name=True), is_bar=True)
    if _COUNTER.search(text):
        return Reading(None, None, _pairs(text, any_name=True), is_bar=True)
    return _read_words(text)


def _read_words(text: str) -> Reading | None:
    epoch, step = _EPOCH.search(text), _STEP.search(text)
    metrics = _pairs(text, any_name=bool(epoch or step))
    if not (epoch or step):
        return Reading(metrics=metrics) if metrics else None
    percent = None
    heading = None
    if epoch and int(epoch[2]):
        done, total = int(epoch[1]), int(epoch[2])
        if step and int(step[2]):
            percent = 100 * (max(done - 1, 0) + int(step[1]) / int(step[2])) / total
        elif metrics:
            percent = 100 * done / total
        else:
            heading = (done, total)
            percent = 100 * max(done - 1, 0) / total
    elif step and int(step[2]):
        percent = 100 * int(step[1]) / int(step[2])
    at = float(epoch[1]) if epoch else float(step[1]) if step else None
    return Reading(None if percent is None else _clamp(percent), at, metrics, heading=heading)


class Gauge:
    """The percent of a whole attempt: a bar under a heading "Epoch 3/10" counts within that epoch."""

    def __init__(self) -> None:
        self.percent: float | None = None
        self._heading: tuple[int, int] | None = None

    def see(self, reading: Reading) -> None:
        """Take in one reading."""
        if reading.heading is not None:
            self._heading = reading.heading
        if reading.percent is None:
            return
        if reading.is_bar and self._heading is not None and self._heading[1] > 1:
            done, total = self._heading
            self.percent = _clamp((100 * max(done - 1, 0) + reading.percent) / total)
        else:
            self.percent = reading.percent


def _pairs(text: str, *, any_name: bool) -> dict[str, float | None]:
    metrics: dict[str, float | None] = {}
    for name, number in _PAIR.findall(text):
        if name.lower() in _TIMES or not (any_name or _KNOWN.search(name)):
            continue
        if len(metrics) >= _METRICS_AT_MOST:
            break
        metrics[clean_name(name)] = finite(float(number))
    return metrics


def _match_percent(text: str) -> float | None:
    percent = _PERCENT.search(text)
    if percent:
        return _clamp(float(percent[1]))
    fraction = _FRACTION.search(text)
    if fraction and int(fraction[2]):
        return _clamp(100 * int(fraction[1]) / int(fraction[2]))
    return None


def _percent_of(numbers: dict[str, float | None]) -> float | None:
    percent, progress = numbers.get("percent"), numbers.get("progress")
    if percent is not None:
        return _clamp(percent)
    if progress is not None:
        return _clamp(100 * progress if progress <= 1 else progress)
    for part, whole in _TOTALS:
        done, total = numbers.get(part), numbers.get(whole)
        if done is not None and total is not None and total > 0:
            return _clamp(100 * done / total)
    return None


def clean_name(name: str) -> str:
    """Return what a script's series is called: short, storable, and none of the agent's own names."""
    cleaned = name.replace("\0", "␀")[:_NAME_AT_MOST]
    return f"script/{cleaned}" if cleaned in RESOURCES else cleaned.encode("utf-8", "replace").decode()


def _clamp(percent: float) -> float:
    return round(min(100.0, max(0.0, percent)), 2)


def finite(value: float) -> float | None:
    """Return a number as JSON has it; None for what is not finite."""
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
