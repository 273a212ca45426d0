"""How every process writes its log: lines for people, or one JSON object a line for programs.

Chosen by `--log-format` or the environment variable `IDLEHANDS_LOG`.
"""

import argparse
import datetime
import logging
import os
from typing import Any

import msgspec

FORMATS = ("text", "json")
VARIABLE = "IDLEHANDS_LOG"
_TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def add_log_option(parser: argparse.ArgumentParser) -> None:
    """Add `--log-format` to a process's flags."""
    chosen = os.environ.get(VARIABLE, "")
    parser.add_argument(
        "--log-format",
        choices=FORMATS,
        default=chosen if chosen in FORMATS else "text",
        help=f"lines for people or for programs (default: {VARIABLE} or text)",
    )


def configure_logs(log_format: str) -> None:
    """Write the log to stderr from now on, level INFO and above."""
    logging.basicConfig(level=logging.INFO, format=_TEXT)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(JsonLines() if log_format == "json" else PlainLines(_TEXT))


class PlainLines(logging.Formatter):
    """Lines for people. What is in a message cannot begin a line of its own nor steer a terminal."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging calls it so
        """Return the line with everything invisible in it written out."""
        return _written_out(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging calls it so
        """Return the traceback, indented: an error's own text may have lines too."""
        lines = super().formatException(ei).split("\n")
        return "\n".join(f"  {_written_out(line)}" for line in lines)


def _written_out(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text
    )


class JsonLines(logging.Formatter):
    """One JSON object a line: `at` (UTC), `level`, `logger`, `thread`, `message`, perhaps `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        line = {
            "at": at.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "thread": record.threadName,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        # A lone surrogate, as of a file name that is no UTF-8, must not end the process.
        plain = {
            key: value.encode("utf-8", "backslashreplace").decode() if value else value
            for key, value in line.items()
        }
        return msgspec.json.encode(plain).decode()
