"""What calls print in the house, printed here too."""

import sys
from collections.abc import Callable


class Echo:
    """Prints the lines of the jobs that are ours, but not the traceback that comes with an exception.

    Args:
        is_ours: Tells whether a job is one of the calls whose lines are wanted.
    """

    def __init__(self, is_ours: Callable[[str], bool]) -> None:
        self._is_ours = is_ours
        self._quiet: set[str] = set()

    def print_lines(self, job: str, stream: str, lines: tuple[str, ...]) -> None:
        """Print lines of a job if it is ours."""
        if not self._is_ours(job):
            return
        if stream == "stdout":
            sys.stdout.write("".join(f"{line}\n" for line in lines))
            sys.stdout.flush()
        elif stream == "stderr":
            for line in lines:
                # It comes with the exception.
                if line.startswith("Traceback (most recent call last)"):
                    self._quiet.add(job)
                if job not in self._quiet:
                    sys.stderr.write(f"{line}\n")

    def forget(self, job: str) -> None:
        """Take in that a job is over."""
        self._quiet.discard(job)
