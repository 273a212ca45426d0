"""Text from anywhere made safe to look at: no escape sequences, no control characters, no turned direction.

The page only ever shows text as text; this keeps text from lying about what it is.
"""

import re
import unicodedata

#: ANSI: CSI, OSC (links, titles) and the two-character ones.
ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])|\x9b[0-?]*[ -/]*[@-~]"
)
_SHOWN = "\N{REPLACEMENT CHARACTER}"
#: They make text read in another order than it is written.
_DIRECTION = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C], _SHOWN)


def plain(text: object, most: int = 10_000) -> str:
    """Return text in one line's worth of visible characters, at most so many."""
    shown = visible(ESCAPES.sub("", str(text)[: most * 4]))
    return shown if len(shown) <= most else f"{shown[:most]} \N{HORIZONTAL ELLIPSIS}"


def visible(text: str) -> str:
    """Return text without escape sequences as its visible letters; marks of direction are shown as such."""
    turned = text.translate(_DIRECTION)
    return "".join(one if one == "\t" or unicodedata.category(one)[0] != "C" else "" for one in turned)


def plain_lines(text: str, most: int = 10_000) -> str:
    """Return text of several lines, each made plain."""
    return "\n".join(plain(line, most) for line in text.splitlines())
