"""What is seen of a kept file before it is downloaded: rows of a table, text, or a model card in blocks.

Whatever is in the file, what comes out is text in a few shapes; a browser makes text of it and nothing else.
"""

import json
import re
from typing import Any

from dash_app.presenters.plain import plain, plain_lines
from dash_app.presenters.profile import decode, read_table

#: So much of a file is read for it.
BYTES_READ = 256 * 1024
_ROWS, _COLUMNS, _CELL = 50, 40, 200
_LINES, _LINE = 400, 2000
_BLOCKS = 300
_TABLES = (".csv", ".tsv", ".jsonl", ".ndjson")
_CARDS = (".md", ".markdown")
_TEXTS = (
    ".txt", ".log", ".json", ".py", ".yaml", ".yml", ".toml", ".ini", ".cfg", ".xml", ".html", ".svg", ".css",
    ".js", ".sh", ".rst", ".tex", ".sql", ".r", ".diff", ".patch",
)  # fmt: skip
PARQUET = (".parquet", ".pq")
_ITEM = re.compile(r"\s{0,8}(?:[-*+]|\d{1,4}[.)])\s+(.*)")
_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*")
_RULE = re.compile(r"\|?[\s:|-]+\|[\s:|-]*")

Preview = dict[str, Any]


def may_be_previewed(name: str) -> bool:
    """Tell whether something can be seen of a file of this name."""
    return name.lower().endswith((*_TABLES, *_CARDS, *_TEXTS, *PARQUET))


def preview(name: str, content: bytes, size: int) -> Preview:
    """Return what is seen of a file, from its beginning.

    Args:
        name: Of the file; its end says what it is.
        content: Its first `BYTES_READ` bytes.
        size: Of all of it.
    """
    is_whole = len(content) >= size
    text = decode(content)
    if text is None:
        return trouble("This is not text; download it.")
    ending = name.lower()
    if ending.endswith(_TABLES):
        table = read_table(name, text, is_whole)
        if table is not None:
            return of_table([list(table.names), *map(list, table.rows)], is_whole)
    if ending.endswith(_CARDS):
        return {"kind": "blocks", "blocks": blocks(text)[:_BLOCKS], "more": not is_whole}
    if ending.endswith(".json") and is_whole:
        text = _indented(text)
    lines = text.splitlines()
    return {
        "kind": "text",
        "text": plain_lines("\n".join(lines[:_LINES]), _LINE),
        "more": not is_whole or len(lines) > _LINES,
    }


def of_table(rows: list[list[Any]], is_whole: bool, count: int | None = None) -> Preview:
    """Return rows, of which the first is the names, as a table of plain text."""
    shown = [
        ["" if cell is None else plain(cell, _CELL) for cell in row[:_COLUMNS]] for row in rows[: _ROWS + 1]
    ]
    is_all = is_whole and len(rows) <= _ROWS + 1 and len(rows[0]) <= _COLUMNS
    return {
        "kind": "table",
        "columns": shown[0],
        "rows": shown[1:],
        "more": not is_all,
        "count": len(rows) - 1 if is_whole and count is None else count,
    }


def trouble(words: str) -> Preview:
    """Return why nothing is seen."""
    return {"kind": "trouble", "text": words}


def blocks(text: str) -> list[Preview]:
    """Return Markdown as headings, paragraphs, lists, tables and code; marks inside of lines stay."""
    found: list[Preview] = []
    lines = iter(_without_front(text.splitlines()))
    open_one: Preview | None = None
    for line in lines:
        bare = line.strip()
        heading, item = _HEADING.fullmatch(bare), _ITEM.fullmatch(line)
        if bare.startswith(("```", "~~~")):
            code = []
            for inside in lines:
                if inside.strip().startswith(bare[:3]):
                    break
                code.append(plain(inside, _LINE))
            found.append({"is": "code", "text": "\n".join(code)})
            open_one = None
        elif not bare:
            open_one = None
        elif heading:
            found.append({"is": "heading", "level": len(heading[1]), "text": plain(heading[2], 300)})
            open_one = None
        elif item:
            open_one = _open(found, open_one, "list", "items")
            open_one["items"].append(plain(item[1], _LINE))
        elif bare.startswith("|"):
            open_one = _open(found, open_one, "table", "rows")
            if not _RULE.fullmatch(bare):
                open_one["rows"].append([plain(cell.strip(), _CELL) for cell in bare.strip("|").split("|")])
        elif open_one is not None and open_one["is"] == "text":
            open_one["text"] += " " + plain(bare, _LINE)
        else:
            open_one = {"is": "text", "text": plain(bare, _LINE)}
            found.append(open_one)
    return found


def _open(found: list[Preview], before: Preview | None, kind: str, inside: str) -> Preview:
    if before is not None and before["is"] == kind:
        return before
    found.append({"is": kind, inside: []})
    return found[-1]


def _without_front(lines: list[str]) -> list[str]:
    """Leave out what a model card says to programs before it begins, as YAML between lines of `---`."""
    if lines[:1] == ["---"] and "---" in lines[1:]:
        end = lines.index("---", 1)
        return ["```", *lines[1:end], "```", *lines[end + 1 :]]
    return lines


def _indented(text: str) -> str:
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
