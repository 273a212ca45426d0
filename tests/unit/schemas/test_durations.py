"""Lengths of time as people write them."""

import pytest

from schemas.durations import DurationUnknown, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1),
        ("90s", 90),
        ("30m", 1800),
        ("1h", 3600),
        ("1h30m", 5400),
        ("1 H 30 min", 5400),
        ("366d", 31_622_400),
    ],
)
def test_a_length_of_time_is_understood(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "1", "h", "0s", "-1h", "1.5h", "1x", "367d", "1h of rest", "1e9s"])
def test_what_is_none_is_refused_in_words(text: str) -> None:
    with pytest.raises(DurationUnknown, match=r"write it as|between"):
        parse_duration(text)
