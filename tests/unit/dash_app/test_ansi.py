"""Colours of a log: SGR becomes classes of a fixed list, and nothing else gets through."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dash_app.presenters.ansi import coloured, text_of
from dash_app.presenters.plain import plain

ESC = "\x1b"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("plain", "plain"),
        (f"{ESC}[31mred{ESC}[0m and not", [("red", "ansi-in-red"), (" and not", "")]),
        (f"{ESC}[1;32mok{ESC}[m", [("ok", "ansi-in-green ansi-bold")]),
        (f"{ESC}[1m{ESC}[22mthin", "thin"),
        (f"{ESC}[41mon{ESC}[49m", [("on", "ansi-on-red")]),
        (f"{ESC}[90mgrey {ESC}[97mwhite", [("grey ", "ansi-in-grey"), ("white", "ansi-in-white")]),
        (f"{ESC}[38;5;196mred{ESC}[39m", [("red", "ansi-in-red")]),
        (f"{ESC}[38;5;250mgrey", [("grey", "ansi-in-white")]),
        (f"{ESC}[38;2;20;200;220mcyan", [("cyan", "ansi-in-cyan")]),
        (f"{ESC}[48:2:0:0:200mblue", [("blue", "ansi-on-blue")]),
        (f"{ESC}[4;9;7mall", [("all", "ansi-underline ansi-inverse ansi-strike")]),
        # What moves, hides, links or names windows is no colour.
        (f"{ESC}[2J{ESC}[8mhidden{ESC}]8;;http://x{ESC}\\link{ESC}]0;title\x07", "hiddenlink"),
        (f"{ESC}[31m<b>\u202eevil", [("<b>\N{REPLACEMENT CHARACTER}evil", "ansi-in-red")]),
        ("", ""),
    ],
)
def test_only_colours_and_weights_come_through(line: str, shown: object) -> None:
    assert coloured(line) == shown


def test_numbers_that_mean_nothing_are_no_error() -> None:
    line = f"{ESC}[38;5ma{ESC}[38;9;1mb{ESC}[999999999999mc{ESC}[38;2;999mmd{ESC}[38;5;9999me"

    assert text_of(coloured(line)) == "abcmde"


@given(st.text(alphabet=[ESC, *"[]();:m0123456789<>\"'ax \u202e\x9b\x07\\\t"], max_size=60))
def test_colours_neither_hide_nor_add_a_letter(line: str) -> None:
    found = coloured(line)

    assert text_of(found) == plain(line)
    if not isinstance(found, str):
        assert all(re.fullmatch(r"(ansi-[a-z-]+ ?)*", classes) for _, classes in found)


def test_a_line_has_an_end_and_so_have_its_colours() -> None:
    garish = "".join(f"{ESC}[{31 + number % 2}mx" for number in range(5_000))

    found = coloured(garish)
    assert not isinstance(found, str)
    assert len(found) <= 100
    assert text_of(found) == "x" * 5_000
    assert len(text_of(coloured(f"{ESC}[31m" + "x" * 20_000, 100))) == 102
