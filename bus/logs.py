"""How every process writes its log: lines for people, or one JSON object a line for programs.

Chosen by `--log-format` or the environment variable `IDLEHANDS_LOG`.
"""

import argparse
import datetime
import logging
import os

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
    if log_format == "json":
        for handler in logging.getLogger().handlers:
            handler.setFormatter(JsonLines())


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
