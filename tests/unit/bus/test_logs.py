"""Logs for programs: one JSON object a line, whatever is in the message."""

import argparse
import json
import logging

import pytest

from bus.logs import VARIABLE, JsonLines, PlainLines, add_log_option


def record(message: str, *arguments: object, error: BaseException | None = None) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error else None
    return logging.LogRecord("hq", logging.WARNING, __file__, 1, message, arguments, info)


@pytest.mark.parametrize("text", ["plain", 'a "quote"\nand a line', "\x1b[31mred", "ä€😀", "\udcff", ""])
def test_every_message_is_one_line_of_json(text: str) -> None:
    line = JsonLines().format(record("it said %s", text))

    assert "\n" not in line
    found = json.loads(line)
    assert found["level"] == "warning"
    assert found["logger"] == "hq"
    assert found["message"] == "it said " + text.encode("utf-8", "backslashreplace").decode()
    assert found["at"].endswith("+00:00")


def test_an_exception_stands_in_its_own_field() -> None:
    found = json.loads(JsonLines().format(record("failed", error=ValueError("no"))))

    assert "ValueError: no" in found["exception"]


@pytest.mark.parametrize(
    ("variable", "flags", "chosen"),
    [
        ("", [], "text"),
        ("json", [], "json"),
        ("nonsense", [], "text"),
        ("json", ["--log-format", "text"], "text"),
    ],
)
def test_the_flag_counts_before_the_environment(
    monkeypatch: pytest.MonkeyPatch, variable: str, flags: list[str], chosen: str
) -> None:
    monkeypatch.setenv(VARIABLE, variable)
    parser = argparse.ArgumentParser()
    add_log_option(parser)

    assert parser.parse_args(flags).log_format == chosen


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ü 漢 😀", "plain ü 漢 😀"),
        ("a\n2026-01-01 INFO hq: forged", "a\\n2026-01-01 INFO hq: forged"),
        ("\x1b[31mred\x1b]0;title\x07", "\\x1b[31mred\\x1b]0;title\\x07"),
        ("\u202egnp.exe\u2028\x85\r\0", "\\u202egnp.exe\\u2028\\x85\\r\\x00"),
        ("\udcff", "\\udcff"),
    ],
)
def test_what_is_in_a_message_begins_no_line_and_steers_no_terminal(text: str, shown: str) -> None:
    assert PlainLines("%(name)s: %(message)s").format(record("%s", text)) == f"hq: {shown}"


def test_lines_of_an_error_are_indented_below_its_message() -> None:
    error = ValueError("no\n2026-01-01 INFO hq: forged\x1b[2J")

    first, *others = PlainLines("%(message)s").format(record("failed", error=error)).split("\n")

    assert first == "failed"
    assert all(line.startswith("  ") for line in others)
    assert "\x1b" not in "".join(others)
