"""What is odd about a sweep's trials, in words: nothing that could be compared, or the same value each time.

Pure. Some of the trials say enough: what is odd about a sweep is so from the beginning.
"""

from typing import Any

#: So many trials are looked at.
LOOKED_AT = 30
#: Fewer than this may well be equal by chance.
_MANY = 5

Document = dict[str, Any]


def is_suspicious(sweep: Document) -> bool:
    """Tell, by the sweep alone, whether its trials are worth a look. It says so of some that are fine."""
    spec = sweep["spec"]
    if not sweep.get("succeeded") or not (spec.get("metric") or spec.get("objectives")):
        return False
    # With several objectives none is the best. Else the best one of equals is the first, or nearly.
    return sweep.get("best") is None or sweep.get("since_best", 0) >= _MANY - 1


def remark(sweep: Document, trials: list[Document]) -> list[str]:
    """Return what people should know of these trials, which are as `read_trials` tells them.

    Args:
        sweep: With its spec.
        trials: Some of them, at most.
    """
    ended = [trial for trial in trials if trial["status"] == "succeeded"]
    valued = [trial for trial in ended if trial["values"]]
    if ended and not valued:
        whys = [trial["why"] for trial in ended]
        why = max(sorted(set(whys)), key=whys.count).removeprefix("without a value: ")
        return [f"no trial has a value so far, so there is no best one and nothing to learn from: {why}"]
    names = sorted(sweep["spec"].get("space") or ())
    if len(valued) < _MANY or len({tuple(trial["values"]) for trial in valued}) > 1:
        return []
    varied = [
        name for name in names if len({repr(trial["params"].get(name)) for trial in valued}) >= _MANY
    ] or [name for name in names if len({repr(trial["params"].get(name)) for trial in valued}) > 1]
    if not varied:
        return []
    spec = sweep["spec"]
    metrics = [one["metric"] for one in spec.get("objectives") or ()] or [spec["metric"]]
    value = ", ".join(
        f"{metric} {number:g}" for metric, number in zip(metrics, valued[0]["values"], strict=False)
    )
    return [
        f"all {len(valued)} trials that were compared have {value}, whatever {', '.join(varied)} "
        f"{'is' if len(varied) == 1 else 'are'}: does the script use {'it' if len(varied) == 1 else 'them'}?"
    ]
