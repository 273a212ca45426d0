"""What a script coloured stays coloured: SGR sequences become names of classes, everything else goes.

A line becomes runs of text, each with class names from a fixed list. The text of all of them together is what
`plain` makes of the line, so colours can neither hide nor add a letter.
"""

import re
from collections.abc import Iterator

from dash_app.presenters.plain import ESCAPES, visible

Run = tuple[str, str]
Line = str | list[Run]
#: A line of one letter each in another colour is a line in no colour.
_MOST_RUNS = 100
_SGR = re.compile(r"(?:\x1b\[|\x9b)([0-9;:]*)m")
_STYLES = {
    1: "ansi-bold",
    2: "ansi-dim",
    3: "ansi-italic",
    4: "ansi-underline",
    7: "ansi-inverse",
    9: "ansi-strike",
}
_ENDS = {22: (1, 2), 23: (3,), 24: (4,), 27: (7,), 29: (9,)}
_NAMES = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
#: Of the eight, as channels on or off: for colours of 256 and of 16 million.
_CHANNELS = {(r, g, b): r | g << 1 | b << 2 for r in (0, 1) for g in (0, 1) for b in (0, 1)}


def coloured(text: object, most: int = 10_000) -> Line:
    """Return a line as runs of text and classes; as text where nothing is coloured."""
    runs: list[Run] = []
    room = most
    for part, classes in _parts(str(text)[: most * 4]):
        shown = visible(part)
        if not shown:
            continue
        if len(shown) > room:
            shown = f"{shown[:room]} \N{HORIZONTAL ELLIPSIS}"
        room -= len(shown)
        if runs and (runs[-1][1] == classes or len(runs) >= _MOST_RUNS):
            runs[-1] = (runs[-1][0] + shown, runs[-1][1])
        else:
            runs.append((shown, classes))
        if room <= 0:
            break
    if all(not classes for _, classes in runs):
        return "".join(shown for shown, _ in runs)
    return runs


def text_of(line: Line) -> str:
    """Return the text of a line."""
    return line if isinstance(line, str) else "".join(text for text, _ in line)


def _parts(text: str) -> Iterator[tuple[str, str]]:
    """Yield what stands between escape sequences, with the classes that hold there."""
    styles: set[int] = set()
    colours: dict[str, str] = {}
    at = 0
    for found in ESCAPES.finditer(text):
        yield text[at : found.start()], _classes(styles, colours)
        at = found.end()
        sgr = _SGR.fullmatch(found.group())
        if sgr is not None:
            _apply(sgr[1], styles, colours)
    yield text[at:], _classes(styles, colours)


def _classes(styles: set[int], colours: dict[str, str]) -> str:
    return " ".join([*colours.values(), *(_STYLES[one] for one in sorted(styles))])


def _apply(given: str, styles: set[int], colours: dict[str, str]) -> None:
    codes = iter([int(code[:4]) if code else 0 for code in re.split("[;:]", given[:200])])
    for code in codes:
        if code == 0:
            styles.clear()
            colours.clear()
        elif code in _STYLES:
            styles.add(code)
        elif code in _ENDS:
            styles.difference_update(_ENDS[code])
        elif code in (38, 48):
            number = _read_colour(codes)
            if number is not None:
                colours[_ground(code)] = f"ansi-{_ground(code)}-{_NAMES[number]}"
        elif code in (39, 49):
            colours.pop(_ground(code), None)
        elif 30 <= code <= 47 or 90 <= code <= 107:
            ground = _ground(code - 60 if code >= 90 else code)
            if code % 10 < 8:
                name = "grey" if code in (90, 100) else _NAMES[code % 10]
                colours[ground] = f"ansi-{ground}-{name}"


def _ground(code: int) -> str:
    return "on" if code >= 40 else "in"


def _read_colour(codes: Iterator[int]) -> int | None:
    """Return the nearest of the eight to what follows 38 or 48: `5;N` or `2;R;G;B`."""
    kind = next(codes, 0)
    if kind == 2:
        rgb = [next(codes, 0) for _ in range(3)]
    elif kind == 5:
        number = next(codes, 0)
        if number < 16:
            return number % 8
        number = min(number, 255) - 16
        grey = 8 + 10 * (number - 216)
        rgb = [grey] * 3 if number >= 216 else [51 * (number // step % 6) for step in (36, 6, 1)]
    else:
        return None
    middle = max(64, max(rgb) / 2)
    red, green, blue = (int(one > middle) for one in rgb)
    return _CHANNELS[red, green, blue]
