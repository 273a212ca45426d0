"""What one record of a wandb file says: the numbers of `log` and of the summary. Pure.

Source: wandb_internal.proto in https://github.com/wandb/wandb/tree/main/wandb/proto
"""

import json
from collections.abc import Iterator
from typing import Any

from agents.instruments.protobuf import BYTES, VARINT, read_fields, to_signed
from agents.instruments.scalars import Scalar

_HISTORY, _SUMMARY = 2, 3
_DEEPEST = 5
_TEXT_BYTES = 64 * 1024
_ITEMS_AT_MOST = 1000


def read_record(record: bytes) -> tuple[list[Scalar], dict[str, float]]:
    """Return the scalars that were logged, and the numbers of the summary that were set.

    Raises:
        Malformed: If it is no Record.
    """
    scalars: list[Scalar] = []
    summary: dict[str, float] = {}
    for number, wire, value in read_fields(record):
        if wire != BYTES or not isinstance(value, bytes):
            continue
        if number == _HISTORY:
            scalars += _read_history(value)
        elif number == _SUMMARY:
            summary |= _read_items(value, 1)
    return scalars, {name: value for name, value in summary.items() if not name.startswith("_")}


def _read_history(message: bytes) -> list[Scalar]:
    step: float | None = None
    for number, wire, value in read_fields(message):
        if number == 2 and wire == BYTES and isinstance(value, bytes):
            for inner, kind, counted in read_fields(value):
                if inner == 1 and kind == VARINT and isinstance(counted, int):
                    step = to_signed(counted)
    items = _read_items(message, 1)
    step = items.get("_step", step)
    at = items.get("_timestamp")
    return [Scalar(name, value, step, at) for name, value in items.items() if not name.startswith("_")]


def _read_items(message: bytes, wanted: int) -> dict[str, float]:
    found: dict[str, float] = {}
    typed: set[str] = set()
    for number, wire, value in read_fields(message):
        if number != wanted or wire != BYTES or not isinstance(value, bytes) or len(found) >= _ITEMS_AT_MOST:
            continue
        name, content = _read_item(value)
        above, _, own = name.rpartition(".")
        if own == "_type":
            # A picture or the like, of which size and width come as numbers of their own.
            typed.add(above)
        found.update(_flatten(name, content, 0))
    return {name: value for name, value in found.items() if name.rpartition(".")[0] not in typed}


def _read_item(message: bytes) -> tuple[str, Any]:
    key, nested, text = "", list[str](), b""
    for number, wire, value in read_fields(message):
        if wire != BYTES or not isinstance(value, bytes):
            continue
        if number == 1:
            key = value.decode("utf-8", "replace")
        elif number == 2 and len(nested) < _DEEPEST:
            nested.append(value.decode("utf-8", "replace"))
        elif number == 16:
            text = value
    try:
        # NaN and Infinity are numbers here, as wandb writes them.
        return key or ".".join(nested), json.loads(text) if len(text) <= _TEXT_BYTES else None
    except (ValueError, RecursionError):
        return key or ".".join(nested), None


def _flatten(name: str, content: Any, depth: int) -> Iterator[tuple[str, float]]:
    if isinstance(content, bool):
        return
    if isinstance(content, int | float):
        try:
            yield name, float(content)
        except OverflowError:
            return
    elif isinstance(content, str) and content in ("NaN", "Infinity", "-Infinity"):
        yield name, float(content)
    elif isinstance(content, dict) and depth < _DEEPEST and "_type" not in content:
        for inner, value in list(content.items())[:_ITEMS_AT_MOST]:
            yield from _flatten(f"{name}.{inner}" if name else inner, value, depth + 1)
