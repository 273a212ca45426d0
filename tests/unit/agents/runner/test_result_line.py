import json
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.runner.result_line import DEPTH_AT_MOST, read_result
from bus.codec import check_free_form


def test_a_plain_object_stays_as_it_is() -> None:
    content = {"a": 1, "b": [1.5, None, True, "ä"], "c": {"d.e": {"$f": -(2**63)}}, "": 2**63 - 1}
    assert read_result(json.dumps(content).encode()) == (content, ())


@pytest.mark.parametrize(
    "line", [b"", b"{", b"[1]", b"3", b"null", b'{"a":1} x', b"\xff", b"{'a': 1}", b"{" * 100_000]
)
def test_what_is_no_object_is_none(line: bytes) -> None:
    assert read_result(line) == (None, ())


@pytest.mark.parametrize(
    ("line", "content", "said"),
    [
        (b'{"a": NaN, "b": [Infinity, -Infinity, 1e999]}', {"a": None, "b": [None, None, None]}, "NaN"),
        (b'{"a": 9223372036854775808}', {"a": "9223372036854775808"}, "64 bits"),
        (b'{"a": -9223372036854775809}', {"a": "-9223372036854775809"}, "64 bits"),
        (b'{"a\\u0000b": 1}', {"a␀b": 1}, "NUL"),
        (b'{"a": "\\ud800"}', {"a": "?"}, "surrogate"),
        (b'{"a": "\xff"}', {"a": "\ufffd"}, "UTF-8"),
    ],
)
def test_what_cannot_be_stored_is_replaced_and_said(
    line: bytes, content: dict[str, object], said: str
) -> None:
    cleaned, notes = read_result(line)
    assert cleaned == content
    assert len(notes) == 1
    assert said in notes[0]


def test_text_of_digits_is_not_taken_for_a_big_integer() -> None:
    content = {"phone": "12345678901234567890123"}
    assert read_result(json.dumps(content).encode()) == (content, ())


def test_an_integer_of_a_million_digits_costs_no_time() -> None:
    began = time.process_time()
    cleaned, notes = read_result(b'{"a": ' + b"7" * 1_000_000 + b"}")
    assert time.process_time() - began < 1
    assert cleaned == {"a": "7" * 1_000_000}
    assert len(notes) == 1


def test_deep_nesting_becomes_text() -> None:
    for depth in (DEPTH_AT_MOST - 1, DEPTH_AT_MOST, 900):
        line = b'{"a":' * depth + b"1" + b"}" * depth
        cleaned, notes = read_result(line)
        assert bool(notes) == (depth > DEPTH_AT_MOST)
        assert cleaned is not None
        check_free_form(cleaned)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), json_values))
def test_whatever_a_script_prints_can_be_sent_and_stored(content: dict[str, object]) -> None:
    cleaned, _ = read_result(json.dumps(content).encode())
    assert cleaned is not None
    check_free_form(cleaned)
    assert msgspec.json.decode(msgspec.json.encode(cleaned)) == cleaned
