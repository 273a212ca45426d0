"""`stacks`: where a running job is."""

import time

import typer

from idlehands.cli import options

#: py-spy takes a second or two, on a busy machine more.
_SECONDS = 30.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("stacks")(stacks)


def stacks(ident: options.OneJob) -> None:
    """Show where a running job is: its processes and, with py-spy on its machine, all Python stacks."""
    import sys

    from bus.port import Inbound
    from bus.topics import JOB_LOG
    from idlehands.cli.exits import REFUSED, Stop
    from idlehands.cli.finding import find_job
    from idlehands.cli.opening import open_client
    from idlehands.cli.running import clean
    from schemas.messages import JobLog
    from schemas.stacks import END, STREAM

    with open_client() as client:
        whole = find_job(client, ident)
        with client.watch((JOB_LOG, {"job": whole})) as feed:
            # Its answer proves that the subscription before it is in place.
            client.ping()
            client.show_stacks(whole)
            deadline = time.monotonic() + _SECONDS
            while (left := deadline - time.monotonic()) > 0:
                match feed.get(left):
                    case Inbound(data=JobLog(log=log)) if log.stream == STREAM:
                        for line in log.lines:
                            if line == END:
                                return
                            sys.stdout.write(f"{clean(line)}\n")
                        sys.stdout.flush()
    raise Stop(REFUSED, f"The machine of {whole} did not answer within {_SECONDS:.0f} s; the job goes on")
