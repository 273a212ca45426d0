"""The page `docs/permissions.md`: what was measured, as tables for people."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from bus.topics import DEFAULT_ROOT
from tests.permissions.on_the_bus import BESIDE, COLUMNS, BusTable, Row
from tests.permissions.on_the_server import METHODS, ServerTable

FILE = Path(__file__).resolve().parents[2] / "docs" / "permissions.md"
_HEAD = f"""# Who may do what

Made by `python -m tests.permissions --write`, which tries all of it on a real broker and a real server;
`./run test` fails when this page says anything else. Nothing here is written by hand. What the words
mean and how it is enforced: [security.md](security.md).

## On the bus

Every principal against every topic below `{DEFAULT_ROOT}`, with its own name in it and with everybody
else's. **P**: what it publishes is delivered. **S**: it receives what HQ publishes there, however it
subscribes. A dash: neither.
"""
_BESIDE = """
### Names that are no topic

HQ refuses and counts what arrives there; this is what the broker lets through.
"""
_DOORS = """
Without a certificate of a principal of this house nobody gets as far as a topic. Tried and refused:
{doors}.
"""
_SERVER = """
## On the server

Everybody against every path and method, those that Dash and FastAPI bring along too. **yes**: the request
reaches its handler, which may still refuse what is in it. A number: the gate's answer, and no handler
hears of it. Tokens come as `Authorization: Bearer`, sessions as the page's cookie; a POST comes from the
page's own origin (from elsewhere it is 403).
"""
_OTHERS = """
### Everything else

All other combinations of these paths with GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE and
WebSocket, and paths that are not there, by what they were answered:
"""


def render(bus: BusTable, server: ServerTable) -> str:
    """Return the whole page."""
    rows = list(dict.fromkeys(row for row, _ in bus.publish))
    beside = [row for row in rows if row.template in BESIDE]
    parts = [
        _HEAD,
        *_bus_table([row for row in rows if row not in beside], bus),
        _DOORS.format(doors=", ".join(bus.doors)),
        _BESIDE,
        *_bus_table(beside, bus),
        _SERVER,
        *_reached(server),
        _OTHERS,
        *_refused(server),
    ]
    return "\n".join(parts) + "\n"


def _bus_table(rows: Iterable[Row], table: BusTable) -> list[str]:
    lines = _table_head("topic", "whose name", *COLUMNS.values())
    for row in rows:
        name = row.template.replace("{me}", "{name}")
        if row.template not in BESIDE:
            name = name.removeprefix(f"{DEFAULT_ROOT}/")
        whose = {True: "its own", False: "another's", None: ""}[row.own]
        lines.append(_line(f"`{name}`", whose, *(_rights(table, row, who) for who in COLUMNS)))
    return lines


def _rights(table: BusTable, row: Row, who: str) -> str:
    cells = {"P": table.publish[row, who], "S": table.receive[row, who]}
    found = [
        letter if got == tried else f"{letter} {got}/{tried}" for letter, (got, tried) in cells.items() if got
    ]
    return " ".join(found) or "-"


def _reached(table: ServerTable) -> list[str]:
    lines = _table_head("path", "method", *table.principals)
    for (path, method), cells in sorted(table.cells.items(), key=_order):
        if "yes" in cells:
            lines.append(_line(f"`{path}`", method, *cells))
    return lines


def _refused(table: ServerTable) -> list[str]:
    alike: dict[tuple[str, ...], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for (path, method), cells in sorted(table.cells.items(), key=_order):
        if "yes" not in cells:
            alike[cells][path].append(method)
    lines = _table_head("combinations", *table.principals)
    notes = []
    for number, (cells, paths) in enumerate(alike.items(), 1):
        count = sum(len(methods) for methods in paths.values())
        lines.append(_line(f"{count} [{number}]", *cells))
        by_methods: dict[str, list[str]] = defaultdict(list)
        for path, methods in paths.items():
            by_methods[" ".join(methods)].append(f"`{path}`")
        notes.append(f"\n[{number}]\n")
        notes += [f"* {methods}: {', '.join(found)}" for methods, found in by_methods.items()]
    return [*lines, *notes]


def _order(item: tuple[tuple[str, str], tuple[str, ...]]) -> tuple[str, int]:
    (path, method), _ = item
    return path, METHODS.index(method)


def _table_head(*cells: str) -> list[str]:
    return [_line(*cells), _line(*("---" for _ in cells))]


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
