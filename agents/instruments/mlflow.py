"""What MLflow's files say: a line of a metric's file is `milliseconds value step`. Pure.

    mlruns/EXPERIMENT/RUN/metrics/NAME, params/NAME, artifacts/...

Source: mlflow/store/tracking/file_store.py in https://github.com/mlflow/mlflow
"""

import re

from agents.instruments.scalars import Scalar

#: Run, what of it, and its name.
PLACE = re.compile(r"(?P<run>(?:[^/]+/)*[0-9a-f]{32})/(?P<kind>metrics|params|artifacts)/(?P<name>.+)")
LINE_BYTES_AT_MOST = 200


def read_line(name: str, line: bytes) -> Scalar | None:
    """Return what a line of a metric's file says; None for any other line."""
    words = line[:LINE_BYTES_AT_MOST].split()
    if len(words) not in (2, 3, 4, 5):
        return None
    try:
        step = int(words[2]) if len(words) > 2 else None
        return Scalar(name, float(words[1]), step, int(words[0]) / 1000)
    except (ValueError, OverflowError):
        return None
