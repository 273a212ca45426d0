"""Hides the values of a job's secrets in everything that leaves the machine. Pure.

Hidden are a whole value and each of its lines, from 4 characters on, also as
JSON, as Python's `repr` and as URLs write them. What a script transforms in
other ways cannot be recognised.
"""

import json
import re
from collections.abc import Iterable
from typing import Any

import msgspec

from schemas.facts import AttemptResult, Failure

SHORTEST = 4
MASK = b"***"
#: A number of a JSON line in which something was hidden.
_BARE = re.compile(rb"([:\[,]\s*)-?[\d.eE+-]*\*\*\*[\d.eE+*-]*(?=\s*[,\]}])")


class Mask:
    """The values to hide. Without any, everything passes as it is."""

    def __init__(self, values: Iterable[bytes] = ()) -> None:
        forms = {form for value in values for form in _forms(value) if len(form) >= SHORTEST}
        # The longest first: a line of a value must not be found before the value.
        self._forms = sorted(forms, key=lambda form: (-len(form), form))
        self._find = re.compile(b"|".join(map(re.escape, self._forms)) or rb"(?!)")
        heads = b"|".join(sorted({re.escape(form[:SHORTEST]) for form in self._forms}))
        self._heads = re.compile(b"(?=" + (heads or rb"(?!)") + b")")
        self._longest = max(map(len, self._forms), default=0)

    def __bool__(self) -> bool:
        return bool(self._forms)

    def cover(self, content: bytes) -> bytes:
        """Return `content` with every value hidden."""
        return self._find.sub(MASK, content) if self._forms else content

    def cover_text(self, text: str) -> str:
        """Return `text` with every value hidden."""
        if not self._forms:
            return text
        return self.cover(text.encode("utf-8", "surrogatepass")).decode("utf-8", "replace")

    def cover_json(self, value: Any) -> Any:
        """Return a JSON value with every value hidden, in strings and in keys."""
        if isinstance(value, str):
            return self.cover_text(value)
        if isinstance(value, list):
            return [self.cover_json(inner) for inner in value]
        if isinstance(value, dict):
            return {self.cover_text(key): self.cover_json(inner) for key, inner in value.items()}
        if isinstance(value, int | float) and not isinstance(value, bool):
            # A secret of digits only, printed as a number.
            return MASK.decode() if self._find.search(repr(value).encode()) else value
        return value

    def cover_result(self, result: AttemptResult) -> AttemptResult:
        """Return a result with every value hidden: in the script's object, the failure and the notes."""
        if not self._forms:
            return result
        failure = result.failure
        if failure is not None:
            message, trace = self.cover_text(failure.message), self.cover_text(failure.traceback)
            failure = Failure(failure.kind, message, trace)
        return msgspec.structs.replace(
            result,
            result=None if result.result is None else self.cover_json(result.result),
            failure=failure,
            notes=tuple(self.cover_text(note) for note in result.notes),
        )

    def split(self, content: bytes) -> tuple[bytes, bytes]:
        """Return `content` covered, and its end that may be the beginning of a value."""
        hold = self._hold_from(content)
        covered, at = [], 0
        for match in self._find.finditer(content):
            if match.start() >= hold:
                break
            covered += [content[at : match.start()], MASK]
            at = match.end()
        if at < hold:
            covered.append(content[at:hold])
            at = hold
        return b"".join(covered), content[at:]

    def _hold_from(self, content: bytes) -> int:
        """Return where the earliest beginning of a value is that the end of `content` cuts off."""
        first = max(0, len(content) - self._longest + 1)
        starts = [match.start() for match in self._heads.finditer(content, first)]
        starts += range(max(first, len(content) - SHORTEST + 1), len(content))
        for start in starts:
            rest = content[start:]
            if any(len(form) > len(rest) and form.startswith(rest) for form in self._forms):
                return start
        return len(content)


#: What jobs without secrets need: it hides nothing.
NO_MASK = Mask()


class MaskedStream:
    """One stream of output on its way through a mask, in whatever pieces it comes."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """Return what can be shown so far."""
        if not self._mask:
            return chunk
        covered, self._held = self._mask.split(self._held + chunk)
        return covered

    def finish(self) -> bytes:
        """Return the rest."""
        rest, self._held = self._mask.cover(self._held), b""
        return rest


def mend_json(line: bytes) -> bytes:
    """Return a JSON line in which numbers were hidden as JSON again: they become strings."""
    if MASK not in line:
        return line
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return _BARE.sub(rb'\1"***"', line)
    return line


def _forms(value: bytes) -> Iterable[bytes]:
    for part in (value, value.strip(), *(line.strip() for line in value.splitlines())):
        yield part
        text = part.decode("utf-8", "surrogateescape")
        yield repr(part)[2:-1].encode()
        yield repr(text)[1:-1].encode("utf-8", "surrogateescape")
        yield json.dumps(text)[1:-1].encode()
        yield json.dumps(text, ensure_ascii=False)[1:-1].encode("utf-8", "surrogateescape")
        from urllib.parse import quote, quote_plus

        yield quote(part, safe="").encode()
        yield quote_plus(part).encode()
