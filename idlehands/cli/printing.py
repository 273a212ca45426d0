"""Rows and documents on standard output: a table for people, JSON for programs."""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

Row = dict[str, Any]


def print_json(document: Any) -> None:
    """Print one JSON document: indented on a terminal, one line in a pipe."""
    raw = msgspec.json.encode(document)
    if sys.stdout.isatty():
        raw = msgspec.json.format(raw)
    sys.stdout.write(raw.decode() + "\n")
    sys.stdout.flush()


def answer(json: bool, document: Any, *sentences: str) -> None:
    """Say what was done: one JSON document on standard output, or sentences on standard error."""
    if json:
        print_json(document)
        return
    for sentence in sentences:
        print(sentence, file=sys.stderr, flush=True)


def print_lines(rows: Iterable[Any]) -> None:
    """Print one JSON document a line (NDJSON), each as soon as it is known."""
    for row in rows:
        sys.stdout.write(msgspec.json.encode(row).decode() + "\n")
    sys.stdout.flush()


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], empty: str) -> None:
    """Print aligned columns: pretty on a terminal, plain and never cut in a pipe.

    Args:
        columns: Headings.
        rows: Cells; None is shown as a dash.
        empty: What to say on standard error when there are no rows.
    """
    if not rows:
        print(empty, file=sys.stderr)
        return
    cells = [[show(cell) for cell in row] for row in rows]
    # Headings may be names that a script chose.
    columns = [show(name) for name in columns]
    if sys.stdout.isatty():
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for name in columns:
            table.add_column(Text(name))
        for row in cells:
            # Text, not markup: a script's name may hold brackets.
            table.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
        Console().print(table)
        return
    widths = [max(len(name), *(len(row[i]) for row in cells)) for i, name in enumerate(columns)]
    for row in [[name.upper() for name in columns], *cells]:
        sys.stdout.write(
            "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() + "\n"
        )
    sys.stdout.flush()


_STYLES = {
    "succeeded": "green",
    "finished": "green",
    "failed": "red",
    "dead": "red",
    "running": "cyan",
    "cancelled": "yellow",
    "pruned": "yellow",
    "paused": "yellow",
    "held": "yellow",
}


def show(value: Any) -> str:
    """Return a cell's text: numbers short, control characters visible, nothing over 200 characters."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    text = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return text if len(text) <= 200 else f"{text[:199]}…"


def ago(at: float | None, now: float) -> str:
    """Return how long ago, in one unit."""
    if not at:
        return "-"
    seconds = max(now - at, 0)
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:.0f}s"
