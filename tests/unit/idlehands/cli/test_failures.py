"""Why so many trials failed, in one sentence."""

from typing import Any

from idlehands.cli.failures import describe_commonest, failed_results, failed_trials


def trial(number: int, status: str, message: str = "", why: str = "") -> dict[str, Any]:
    """Return a trial as REST has it."""
    failure = {"kind": "exception", "message": message, "traceback": "Traceback ..."}
    result = {"outcome": status, "failure": failure} if message else None
    return {"trial": number, "job": f"j{number}", "status": status, "why": why, "result": result}


def described(*trials: dict[str, Any]) -> str:
    return describe_commonest(failed_trials(trials), len(trials))


def test_what_all_failed_with_is_named_with_an_example() -> None:
    said = described(trial(1, "failed", "bad lr"), trial(2, "failed", "bad lr"))

    assert said == "2 of 2 failed with exception: bad lr; `idlehands job j1` shows one of them"


def test_of_several_reasons_the_commonest_is_named() -> None:
    said = described(
        trial(1, "failed", "no memory"),
        trial(2, "succeeded"),
        trial(3, "failed", "bad lr"),
        trial(4, "failed", "bad lr"),
    )

    assert said == "Most often: 2 of 4 failed with exception: bad lr; `idlehands job j3` shows one of them"


def test_of_equally_common_reasons_the_first_is_named() -> None:
    said = described(trial(1, "failed", "b"), trial(2, "failed", "a"))

    assert "exception: b; `idlehands job j1`" in said


def test_a_dead_trial_has_no_result_but_a_reason() -> None:
    said = described(trial(1, "dead", why="all 3 starts are used up"))

    assert said == "1 of 1 failed with all 3 starts are used up; `idlehands job j1` shows one of them"


def test_where_nothing_failed_nothing_is_said() -> None:
    assert described(trial(1, "succeeded"), trial(2, "cancelled", why="cancelled by cli")) == ""
    assert described() == ""


def test_a_scripts_words_stay_on_one_line_and_do_nothing_to_the_terminal() -> None:
    said = described(trial(1, "failed", "\n\x1b[2Jbad\nlr"))

    assert said.startswith("1 of 1 failed with exception: \N{REPLACEMENT CHARACTER}[2Jbad;")
    assert said.isprintable()


def test_a_table_of_results_ends_with_the_same_sentence() -> None:
    rows = [trial(1, "failed", "bad lr"), {"job": "j2", "result": {"outcome": "succeeded"}}]

    said = describe_commonest(failed_results(rows), len(rows))

    assert said == "1 of 2 failed with exception: bad lr; `idlehands job j1` shows one of them"
