"""Conditions on topics and windows of a week: what is understood, what is refused, and when they hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.guest.calendar import MINUTES, CalendarBroken, is_inside, parse_window
from agents.guest.conditions import Condition, ConditionBroken, describe, is_met, parse_condition


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("home/solar/export_watts > 300", Condition("home/solar/export_watts", ">", "300")),
        ("home/film_night == off", Condition("home/film_night", "==", "off")),
        ("home/tariff=='night'", Condition("home/tariff", "==", "night")),
        ("  home/a<=-1.5 ", Condition("home/a", "<=", "-1.5")),
        ("home/a != very quiet", Condition("home/a", "!=", "very quiet")),
    ],
)
def test_a_condition_is_understood(text: str, condition: Condition) -> None:
    assert parse_condition(text) == condition


@pytest.mark.parametrize(
    "text",
    [
        "", "home/a", "home/a >", "> 3", "home/a > high", "home/+/a == 1", "home/# == 1", "/home/a == 1",
        "$SYS/x == 1", "home/a == 1 and home/b == 2 > 1", "home/a b == 1", "home/a > 1 > 0",
        "idlehands/v1/hq/state == 1", "home/a == " + "x" * 300, "__import__('os').system('true')",
    ],
)  # fmt: skip
def test_what_is_no_condition_is_refused_in_words(text: str) -> None:
    with pytest.raises(ConditionBroken, match=r".{20}"):
        parse_condition(text)


@pytest.mark.parametrize(
    ("text", "heard", "met"),
    [
        ("home/w > 300", "300", False), ("home/w > 300", "300.1", True), ("home/w >= 300", "300", True),
        ("home/w < 300", "299", True), ("home/w <= 300", "301", False), ("home/w > 300", "off", False),
        ("home/w > 300", "nan", False), ("home/w < 300", "nan", False), ("home/w == 1", "1.0", True),
        ("home/f == off", "OFF", True), ("home/f == off", " off\n", True), ("home/f != off", "on", True),
        ("home/f != off", "off", False),
    ],
)  # fmt: skip
def test_a_condition_is_held_against_what_was_heard(text: str, heard: str, met: bool) -> None:
    condition = parse_condition(text)

    assert is_met(condition, {condition.topic: heard}) == met


@pytest.mark.parametrize("sign", ["==", "!=", "<", "<=", ">", ">="])
def test_what_was_not_heard_is_not_met(sign: str) -> None:
    condition = parse_condition(f"home/a {sign} 1")

    assert not is_met(condition, {})
    assert "has not been heard" in describe(condition, {})


@given(st.text(max_size=60))
def test_no_text_does_more_than_being_refused(text: str) -> None:
    try:
        condition = parse_condition(text)
    except ConditionBroken:
        return
    assert is_met(condition, {condition.topic: text}) in (True, False)
    assert parse_condition(str(condition)) == condition


@pytest.mark.parametrize(
    ("window", "minute", "inside"),
    [
        ("mon-fri 22:00-07:00", 4 * 1440 + 22 * 60, True),  # Friday night
        ("mon-fri 22:00-07:00", 5 * 1440 + 6 * 60 + 59, True),  # until Saturday morning
        ("mon-fri 22:00-07:00", 5 * 1440 + 7 * 60, False),
        ("mon-fri 22:00-07:00", 5 * 1440 + 22 * 60, False),
        ("sun 22:00-07:00", 0, True),  # over the end of the week
        ("sat-mon 00:00-24:00", 6 * 1440, True),
        ("sat-mon 00:00-24:00", 2 * 1440, False),
        ("wed 12:00-13:00", 2 * 1440 + 12 * 60 - 1, False),
        ("wed 12:00-13:00", 2 * 1440 + 12 * 60, True),
        ("wed 12:00-13:00", 2 * 1440 + 13 * 60, False),
    ],
)
def test_a_window_holds_from_its_first_minute_to_the_one_before_its_end(
    window: str, minute: int, inside: bool
) -> None:
    assert is_inside((window,), minute) == inside


@pytest.mark.parametrize(
    "window", ["", "daily", "mon 22:00", "xyz 22:00-07:00", "mon 25:00-07:00", "mon 10:00-10:00"]
)
def test_what_is_no_window_is_refused_in_words(window: str) -> None:
    with pytest.raises(CalendarBroken, match=r"mon-fri 22:00-07:00|00:00 to 24:00"):
        parse_window(window)


@given(st.integers(0, MINUTES - 1))
def test_every_minute_is_in_the_whole_week(minute: int) -> None:
    assert is_inside(("mon-sun 00:00-24:00",), minute)
