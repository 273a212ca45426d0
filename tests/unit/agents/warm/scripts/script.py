"""What a script of these tests is, and how to write one down so that it reads like a file."""

from textwrap import dedent
from typing import NamedTuple


class Script(NamedTuple):
    """One script with its arguments, what is on its stdin, and the files beside it."""

    source: str
    argv: tuple[str, ...] = ()
    stdin: bytes | None = None
    beside: tuple[tuple[str, str], ...] = ()


def script(
    *parts: str,
    argv: tuple[str, ...] = (),
    stdin: bytes | None = None,
    beside: tuple[tuple[str, str], ...] = (),
) -> Script:
    """Return a script of these parts, one after the other, each without the indentation that it has here.

    A part that begins on a line of its own begins with that line. Whether the
    script's last line ends with a newline is up to the last part.
    """
    return Script("".join(dedent(part).removeprefix("\n") for part in parts), argv, stdin, beside)


#: For scripts whose classes and functions other processes must find again.
SHAPE = """
class Shape:
    def __init__(self, side):
        self.side = side

def area(shape):
    return shape.side ** 2, __name__

"""
