"""`stacks`: where a running job is."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from idlehands.cli import options

if TYPE_CHECKING:
    from idlehands.client import Client

#: py-spy takes a second or two, on a busy machine more.
_SECONDS = 30.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("stacks")(stacks)


def stacks(ident: options.OneJob, json: options.Json = False) -> None:
    """Show where a running job is: its processes and, with py-spy on its machine, all Python stacks.

    Example: idlehands stacks j7q2
    """
    import sys

    from idlehands.cli.finding import find_job
    from idlehands.cli.opening import open_client
    from idlehands.cli.printing import print_json

    with open_client() as client:
        whole = find_job(client, ident)
        lines = _read_stacks(client, whole)
        if json:
            print_json({"job": whole, "lines": list(lines)})
            return
        for line in lines:
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()


def _read_stacks(client: "Client", job: str) -> Iterator[str]:
    from bus.port import Inbound
    from bus.topics import JOB_LOG
    from idlehands.cli.exits import TIMED_OUT, Stop
    from idlehands.cli.running import clean
    from schemas.messages import JobLog
    from schemas.stacks import END, STREAM

    with client.watch((JOB_LOG, {"job": job})) as feed:
        # Its answer proves that the subscription before it is in place.
        client.ping()
        client.show_stacks(job)
        deadline = time.monotonic() + _SECONDS
        while (left := deadline - time.monotonic()) > 0:
            match feed.get(left):
                case Inbound(data=JobLog(log=log)) if log.stream == STREAM:
                    for line in log.lines:
                        if line == END:
                            return
                        yield clean(line)
    raise Stop(TIMED_OUT, f"The machine of {job} did not answer within {_SECONDS:.0f} s; the job goes on")
