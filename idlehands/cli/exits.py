"""Exit codes, and errors as one sentence with the way out. docs/exit-codes.md has the same table."""

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from bus.codec import MessageTooBig
from bus.settings import BusSettingsError
from idlehands.bundle import BundleError
from idlehands.cli.plain import plain
from idlehands.client.errors import ClientError, HqUnreachable, RequestRefused
from idlehands.house.home import HouseError

_WORD = re.compile(r"[a-z]{1,12}[ ,:]")
DONE = 0
REFUSED = 1
USAGE = 2
UNREACHABLE = 3
NOT_READY = 4
UNSUCCESSFUL = 5
TIMED_OUT = 6
RUN_TROUBLE = 125
RUN_DEAD = 126
CANCELLED = 130
PIPE_CLOSED = 141

EXIT_CODES = {
    DONE: "done",
    REFUSED: "refused or wrong: standard error says what, and what to do",
    USAGE: "the command line could not be understood",
    UNREACHABLE: "broker, HQ or web cannot be reached; of `status`: the house is down",
    NOT_READY: "only of `status`: the house is up, and not all of it is ready",
    UNSUCCESSFUL: "what was waited for did not succeed: a sweep, a pipeline, a call, a comparison, a test",
    TIMED_OUT: "no answer within the time that was given",
    CANCELLED: "Ctrl-C",
    PIPE_CLOSED: "who read the output has closed it, as `| head` does",
}
#: `run` keeps these apart from the script's own codes, which it passes on: 128 + N when signal N ended
#: it, 1 when it failed in another way.
RUN_CODES = {
    RUN_TROUBLE: "trouble of idlehands itself: refused, unreachable, no such script",
    RUN_DEAD: "the job is dead: machines that ran it went down, or its starts are used up",
    CANCELLED: "the job was cancelled",
}
#: What HQ refuses with when it was not refused, but tried.
_CODES = {"deadline": TIMED_OUT, "call_failed": UNSUCCESSFUL}


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
        case RequestRefused(code=code):
            return _CODES.get(code, REFUSED)
        case ClientError() | HouseError() | BusSettingsError() | BundleError() | MessageTooBig():
            return REFUSED
        case BrokenPipeError():
            # The reader of our output has seen enough, as `| head` does.
            return PIPE_CLOSED
        case KeyboardInterrupt():
            return CANCELLED
        case OSError(filename=str() | Path()):
            # Of a file that somebody named, or that this user may not read.
            return REFUSED
    return None


def tell(error: BaseException) -> None:
    """Say an error as a sentence that begins with `Error:`."""
    if isinstance(error, BrokenPipeError | KeyboardInterrupt):
        return
    text = plain(_describe(error).strip())
    if text:
        # An id or a file's name is what it is.
        begin = text[0].upper() if _WORD.match(text) else text[0]
        say(f"Error: {begin}{text[1:]}{'' if text[-1] in '.:!?`)' else '.'}")


def _describe(error: BaseException) -> str:
    if isinstance(error, OSError):
        return f"cannot use {error.filename}: {error.strerror}. Name another, or let this user use it"
    return str(error)


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
