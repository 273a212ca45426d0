"""What a service says of its calls: bounded, by minute, and how soon they were answered."""

from hq.core.call_figures import MINUTES_KEPT, TIMES_KEPT, Figures


def test_calls_are_counted_by_minute_and_old_minutes_go() -> None:
    figures = Figures()
    for now in (30.0, 59.9, 60.0, 60.0 * MINUTES_KEPT):
        figures.note(0.1, ok=True, now=now)

    shown = figures.show(60.0 * MINUTES_KEPT)["minutes"]

    # Minute 0 is the one that is no longer told apart.
    assert (len(shown), shown[0], shown[-1], sum(shown)) == (MINUTES_KEPT, 1, 1, 2)
    assert figures.calls == 4
    assert len(figures.minutes) < MINUTES_KEPT
    assert sum(figures.show(120.0 * MINUTES_KEPT)["minutes"]) == 0


def test_times_are_of_the_latest_calls() -> None:
    figures = Figures()
    assert figures.show(0.0)["p95_seconds"] is None
    for number in range(TIMES_KEPT + 50):
        figures.note(number / 1000, ok=number % 2 == 0, now=1.0)

    shown = figures.show(1.0)

    assert (shown["median_seconds"], shown["p95_seconds"]) == (0.15, 0.24)
    assert (shown["calls"], shown["failures"], shown["refused"]) == (250, 125, 0)
