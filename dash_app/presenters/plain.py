"""Text from anywhere made safe to look at: no escape sequences, no control characters, no turned direction.

The page only ever shows text as text; this keeps text from lying about what it is.
"""

import re
import unicodedata

#: ANSI: CSI, OSC (links, titles) and the two-character ones.
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])|\x9b[0-?]*[ -/]*[@-~]"
)
_SHOWN = "\N{REPLACEMENT CHARACTER}"
#: They make text read in another order than it is written.
_DIRECTION = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C], _SHOWN)


def plain(text: object, most: int = 10_000) -> str:
    """Return text in one line's worth of visible characters, at most so many."""
    cleaned = _ESCAPES.sub("", str(text)[: most * 4]).translate(_DIRECTION)
    shown = "".join(
        letter if letter == "\t" or unicodedata.category(letter)[0] != "C" else "" for letter in cleaned
    )
    return shown if len(shown) <= most else f"{shown[:most]} \N{HORIZONTAL ELLIPSIS}"


def plain_lines(text: str, most: int = 10_000) -> str:
    """Return text of several lines, each made plain."""
    return "\n".join(plain(line, most) for line in text.splitlines())
