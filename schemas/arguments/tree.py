"""From a script's bytes to its syntax tree, within bounds: no source hangs or fells who reads it."""

import ast
import io
import tokenize
from typing import Any

#: The parser takes about a second for the worst source of this size.
BYTES_AT_MOST = 300_000


class Unreadable(ValueError):
    """The source is no Python that can be read here; the message says why."""


def parse(source: bytes | str) -> tuple[ast.Module, str]:
    """Return the syntax tree of a script and its text.

    Raises:
        Unreadable: If it is too long, in an encoding that is unknown or wrong, no Python, or nested too deep.
    """
    raw = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else source
    if len(raw) > BYTES_AT_MOST:
        raise Unreadable(
            f"it has {len(raw)} bytes, and more than {BYTES_AT_MOST} are not read; "
            "its arguments may be given as words or as name=value"
        )
    try:
        text = _decode(raw)
        return ast.parse(text), text
    except (RecursionError, MemoryError):
        raise Unreadable("it is nested too deep to be read") from None
    except SyntaxError as error:
        where = f"line {error.lineno}: " if error.lineno else ""
        raise Unreadable(f"it is no Python that could be read: {where}{str(error.msg)[:200]}") from None
    except (ValueError, LookupError) as error:
        raise Unreadable(f"it is no Python that could be read: {str(error)[:200]}") from None


def _decode(raw: bytes) -> str:
    encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
    return raw.decode(encoding)


def shown(node: Any, most: int = 80) -> str:
    """Return an expression as the script writes it, at most so many characters."""
    try:
        text = ast.unparse(node)
    except (RecursionError, ValueError, AttributeError):
        return ""
    return text if len(text) <= most else text[: most - 1] + "…"
