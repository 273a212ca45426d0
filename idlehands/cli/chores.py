"""HQ's own programs that take a while, run from here: a bar while they do, then what they say.

They print JSON lines: how far they are, and at the end a document with sentences about it.
"""

import signal
import subprocess
from collections.abc import Sequence

import msgspec
import typer

from idlehands.cli.bars import bar
from idlehands.cli.printing import answer


def run_chore(argv: Sequence[str], what: str, json: bool) -> None:
    """Run a program of HQ to its end and say what it did.

    Raises:
        Exit: With its exit code, when it failed; it has said why.
    """
    # As from Ctrl-C: the program is to end with this one.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    last: dict[str, object] = {}
    with (
        subprocess.Popen([*argv, "--json"], stdout=subprocess.PIPE) as program,
        bar(what, is_bytes=False) as on_done,
    ):
        assert program.stdout is not None  # noqa: S101 - it is a pipe
        try:
            for line in program.stdout:
                last = msgspec.json.decode(line)
                if "done" in last:
                    on_done(int(str(last["done"])), int(str(last["total"])))
        except BaseException:
            program.terminate()
            raise
    if program.returncode:
        raise typer.Exit(program.returncode)
    said = last.pop("said", ())
    answer(json, last, *map(str, said if isinstance(said, list) else ()))
