"""Exit codes, and errors as one sentence with the way out.

    0    done
    1    HQ refused, or something else is wrong; standard error says what
    2    the command line could not be understood
    3    broker, HQ or web cannot be reached; for `status`: the house is down
    4    only of `status`: the house is up, but not all of it is ready

`run` keeps these apart from the script's own codes, which it passes on:

    N    the script's exit code (128 + N when signal N ended it; 1 when it failed in another way)
    125  idlehands itself failed: refused, unreachable, no such script
    126  the job is dead: the machines that ran it went down, or its starts are used up
    130  the job was cancelled
"""

import contextlib
import os
import re
import sys
from collections.abc import Iterator

from bus.codec import MessageTooBig
from bus.settings import BusSettingsError
from idlehands.bundle import BundleError
from idlehands.client.errors import ClientError, HqUnreachable
from idlehands.house.home import HouseError

REFUSED = 1
USAGE = 2
UNREACHABLE = 3
NOT_READY = 4
RUN_TROUBLE = 125
RUN_DEAD = 126
CANCELLED = 130
_WORD = re.compile(r"[a-z]+[,:]?(\s|$)")


class Stop(Exception):
    """End the command with this exit code and, if there is one, this message."""

    def __init__(self, code: int, message: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def say(text: str) -> None:
    """Write a line to standard error."""
    print(text, file=sys.stderr, flush=True)


def code_of(error: BaseException) -> int | None:
    """Return the exit code of an error that is told in one sentence; None for one that is a bug."""
    match error:
        case Stop(code=code):
            return code
        case HqUnreachable():
            return UNREACHABLE
        case ClientError() | HouseError() | BusSettingsError() | BundleError() | MessageTooBig():
            return REFUSED
        case BrokenPipeError():
            # The reader of our output has seen enough, as `| head` does.
            return 141
        case KeyboardInterrupt():
            return CANCELLED
    return None


def tell(error: BaseException) -> None:
    """Say an error as a sentence that begins with `Error:`."""
    if isinstance(error, BrokenPipeError | KeyboardInterrupt):
        return
    text = str(error).strip()
    if text:
        # What begins with a file's name, or a parameter's, leaves it as it is.
        begin = text[0].upper() if _WORD.match(text) else text[0]
        say(f"Error: {begin}{text[1:]}{'' if text[-1] in '.:!?`)' else '.'}")


@contextlib.contextmanager
def quiet_output() -> Iterator[None]:
    """Keep the interpreter from complaining about a closed standard output at its end."""
    try:
        yield
    finally:
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
