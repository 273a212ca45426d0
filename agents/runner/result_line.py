"""From the last JSON line of a script to a result that can be stored anywhere.

Pure. What no database or strict decoder takes (NaN, integers over 64 bits,
NUL in keys, lone surrogates, bottomless nesting) is replaced, and each kind
of replacement is said in a note. Garbage is never an error.
"""

import json
from typing import Any

#: The longest line that is read as a result.
RESULT_BYTES_AT_MOST = 8 * 1024 * 1024
DEPTH_AT_MOST = 24
_INT64 = 2**63


def read_result(line: bytes) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """Return the object in `line`, made storable, and notes on what was replaced.

    The object is None when the line is not one JSON object.
    """
    notes: dict[str, None] = {}
    text = line.decode("utf-8", "replace")
    if "\ufffd" in text and b"\xef\xbf\xbd" not in line:
        notes["the result had bytes that are not UTF-8; they were replaced"] = None
    try:
        content = json.loads(text, parse_int=_parse_int, parse_constant=_parse_constant)
    except (ValueError, RecursionError, MemoryError):
        return None, ()
    if not isinstance(content, dict):
        return None, ()
    cleaned = _clean(content, 0, notes)
    return cleaned, tuple(notes)


def read_small(line: bytes) -> dict[str, Any] | None:
    """Return the object in a metrics line, or None; numbers are as json.loads gives them."""
    try:
        content = json.loads(line.decode("utf-8", "replace"), parse_int=_parse_int)
    except (ValueError, RecursionError, MemoryError):
        return None
    return content if isinstance(content, dict) else None


class _NotFinite:
    pass


_NOT_FINITE = _NotFinite()


class _BigInteger(str):
    """The digits of an integer over 64 bits, told apart from text that the script sent."""


def _parse_constant(_: str) -> _NotFinite:
    return _NOT_FINITE


def _parse_int(digits: str) -> int | str:
    # int() of thousands of digits is slow, and Python refuses more than 4,300.
    if len(digits) > 20:
        return _BigInteger(digits)
    number = int(digits)
    return number if -_INT64 <= number < _INT64 else _BigInteger(digits)


def _clean(value: Any, depth: int, notes: dict[str, None]) -> Any:
    if isinstance(value, dict):
        if depth >= DEPTH_AT_MOST:
            return _flatten(value, notes)
        return {_clean_key(key, notes): _clean(inner, depth + 1, notes) for key, inner in value.items()}
    if isinstance(value, list):
        if depth >= DEPTH_AT_MOST:
            return _flatten(value, notes)
        return [_clean(inner, depth + 1, notes) for inner in value]
    if isinstance(value, str):
        return _clean_text(value, notes)
    if value is _NOT_FINITE or (isinstance(value, float) and not -float("inf") < value < float("inf")):
        notes["the result had NaN or Infinity, which JSON does not know; they became null"] = None
        return None
    return value


def _clean_text(text: str, notes: dict[str, None]) -> str:
    if isinstance(text, _BigInteger):
        notes["an integer in the result does not fit 64 bits; it is kept as text"] = None
        return str(text)
    try:
        text.encode()
    except UnicodeEncodeError:
        notes["the result had half of a surrogate pair; it was replaced"] = None
        return text.encode("utf-8", "replace").decode()
    return text


def _clean_key(key: str, notes: dict[str, None]) -> str:
    if "\0" in key:
        notes["a key of the result had a NUL character; it was replaced by ␀"] = None
        key = key.replace("\0", "␀")
    return _clean_text(key, notes)


def _flatten(value: Any, notes: dict[str, None]) -> str:
    notes[f"the result was nested deeper than {DEPTH_AT_MOST}; what is deeper is kept as text"] = None
    try:
        text = json.dumps(value, default=lambda _: None)
    except (RecursionError, ValueError):
        return "(nested too deep to show)"
    return text if len(text) <= 2000 else text[:2000] + "…"
