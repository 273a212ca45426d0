"""From a job's parameters to the words of a command line or the text for stdin.

Pure. It knows the three argument styles and how argparse reads its words;
it does not know where the script lies or how it is started.
"""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from schemas.arguments.spelling import spell
from schemas.specs import JobSpec


def build_words(spec: JobSpec, source: str = "") -> list[str]:
    """Return the words after the script's name: `spec.argv`, then the parameters.

    Args:
        spec: The job.
        source: The script's text. A flag is spelled with underscores when the
            text has it only so, and a one-letter flag with one dash likewise.

    Raises:
        ValueError: If a word has a NUL character or a flag has no name.
    """
    words = list(spec.argv)
    if spec.arguments == "positional":
        for value in spec.params.values():
            words.extend(_words_of(value))
    elif spec.arguments == "flags":
        for name, value in spec.params.items():
            words.extend(_flag(spell(name, source), value))
    for word in words:
        if "\0" in word:
            raise ValueError(
                f"an argument has a NUL character, which no command line can carry: {word[:80]!r}"
            )
    return words


def build_stdin(spec: JobSpec) -> bytes | None:
    """Return the JSON object for the script's stdin, or None when it gets none."""
    if spec.arguments != "stdin":
        return None
    return json.dumps(spec.params, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _flag(flag: str, value: Any) -> Iterator[str]:
    if value is None or value is False:
        return
    if value is True:
        yield flag
        return
    words = list(_words_of(value))
    if len(words) == 1 and words[0].startswith("-") and isinstance(value, str):
        # argparse takes "--name -x" for two flags; "--name=-x" cannot be misread.
        yield f"{flag}={words[0]}"
        return
    yield flag
    yield from words


def _words_of(value: Any) -> Iterator[str]:
    if isinstance(value, list | tuple):
        for item in value:
            yield _word(item)
    else:
        yield _word(value)


def _word(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value < 0 and "e" in repr(value) and value != float("-inf"):
        # argparse knows -0.00001 for a number, but takes -1e-05 for a flag.
        return format(Decimal(repr(value)), "f")
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False)
    # True, False and None as Python spells them: the scripts are Python.
    return str(value)
