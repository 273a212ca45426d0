from datetime import datetime

import pytest

from idlehands.cli.exits import Stop
from idlehands.cli.moments import parse_moment

NOW = datetime(2026, 11, 22, 14, 30).timestamp()


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("", None),
        ("+2h", datetime(2026, 11, 22, 16, 30)),
        ("22:15", datetime(2026, 11, 22, 22, 15)),
        ("14:30", datetime(2026, 11, 23, 14, 30)),
        ("2026-12-01T08:00", datetime(2026, 12, 1, 8)),
    ],
)
def test_a_moment_is_what_a_person_means(text: str, when: datetime | None) -> None:
    assert parse_moment("--not-before", text, NOW) == (when.timestamp() if when else 0)


@pytest.mark.parametrize("text", ["soon", "25:00", "+2", "2026-13-01T00:00"])
def test_what_is_no_moment_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(Stop, match="--expires"):
        parse_moment("--expires", text, NOW)
