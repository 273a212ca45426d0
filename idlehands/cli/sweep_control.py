"""`sweep pause`, `resume`, `extend`, `set-space`, `add`, `stop`: a sweep that is under way."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from idlehands.cli import completing, options
from idlehands.cli.exits import USAGE, Stop, say
from idlehands.cli.stopping_words import STOP_HELP, parse_stop

if TYPE_CHECKING:
    from schemas.requests import Request

Sweep = Annotated[
    str,
    typer.Argument(
        metavar="SWEEP", help="A sweep's id, or a unique beginning of it.", autocompletion=completing.sweeps
    ),
]


class SweepGroup(TyperGroup):
    """`sweep SCRIPT ...` is `sweep new SCRIPT ...`: no script is called like one of the others."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `new` where no command is named."""
        if not args or (args[0] not in self.commands and args[0] not in ("-h", "--help")):
            args = ["new", *args]
        return super().parse_args(ctx, args)


def register(group: typer.Typer) -> None:
    """Add the commands."""
    group.command("pause")(pause)
    group.command("resume")(resume)
    group.command("extend")(extend)
    group.command("set-space")(set_space)
    group.command("add")(add)
    group.command("stop")(stop)


def pause(sweep: Sweep, json: options.Json = False) -> None:
    """Begin no more trials until it is resumed; those that run go on.

    Example: idlehands sweep pause s3fa
    """
    from schemas.requests import PauseSweep

    _ask(sweep, lambda found: PauseSweep(sweep=found), "paused", json)


def resume(sweep: Sweep, json: options.Json = False) -> None:
    """Let a paused sweep go on.

    Example: idlehands sweep resume s3fa
    """
    from schemas.requests import ResumeSweep

    _ask(sweep, lambda found: ResumeSweep(sweep=found), "resumed", json)


def extend(
    sweep: Sweep,
    trials: Annotated[
        int | None, typer.Option("--trials", min=1, help="How many in all from now on.")
    ] = None,
    parallel: Annotated[
        int | None, typer.Option("--parallel", min=1, help="Trials at the same time from now on.")
    ] = None,
    rules: Annotated[
        list[str] | None,
        typer.Option("--stop", metavar="RULE=VALUE", help=f"Its rules, in place of all before: {STOP_HELP}"),
    ] = None,
    stop_winds_down: Annotated[
        bool, typer.Option("--stop-live", help="Its rules also end the trials that run.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Change how long it goes on: more trials (or fewer), more at a time, other rules.

    Example: idlehands sweep extend s3fa --trials 200 --parallel 8
    """
    from idlehands.cli.words import checked
    from schemas.early_stopping import StopRules
    from schemas.requests import ChangeSweep

    wanted = None
    if rules or stop_winds_down:
        wanted = checked(parse_stop(rules or [], wind_down=stop_winds_down), StopRules)
    if trials is None and parallel is None and wanted is None:
        raise Stop(USAGE, "Give at least one of --trials, --parallel and --stop")
    _ask(
        sweep,
        lambda found: ChangeSweep(sweep=found, trials=trials, parallel=parallel, stop=wanted),
        "extended",
        json,
    )


def set_space(
    sweep: Sweep,
    space: Annotated[
        list[str], typer.Option("--space", "-s", metavar="NAME=SPACE", help="As for a new sweep; all of it.")
    ],
    force: Annotated[
        bool, typer.Option("--force", help="Also with parameters that the script does not seem to take.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Let later trials be chosen from another space. Not for a grid.

    Example: idlehands sweep set-space s3fa --space lr=log:1e-3..1e-2
    """
    from idlehands.cli.words import parse_space
    from schemas.requests import ChangeSweep

    wanted = parse_space(space)
    _ask(sweep, lambda found: ChangeSweep(sweep=found, space=wanted, force=force), "has another space", json)


def add(
    sweep: Sweep,
    param: Annotated[
        list[str], typer.Option("--param", "-p", metavar="NAME=VALUE", help="Each that the space has.")
    ],
    json: options.Json = False,
) -> None:
    """Add a trial with these parameters, and print its job.

    Example: idlehands sweep add s3fa --param lr=0.01
    """
    from idlehands.cli.words import parse_params
    from schemas.requests import AddTrials

    params = parse_params(param)
    _ask(sweep, lambda found: AddTrials(sweep=found, trials=(params,)), "", json)


def stop(
    sweep: Sweep,
    live: Annotated[
        bool, typer.Option("--live", help="Also end the trials that run; what they have is kept.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Choose no more trials and drop those that wait; those that run finish. `cancel` ends all at once.

    Example: idlehands sweep stop s3fa --live
    """
    from schemas.requests import FinishSweep

    _ask(
        sweep, lambda found: FinishSweep(sweep=found, live="wind_down" if live else "finish"), "stopped", json
    )


def _ask(sweep: str, make: "Any", done: str, json: bool) -> None:
    import sys

    from idlehands.cli.finding import find_sweep
    from idlehands.cli.opening import open_client
    from idlehands.cli.printing import print_json

    with open_client() as client:
        request: Request = make(find_sweep(client, sweep))
        changed = client.request(request)
    if json:
        print_json({"sweep": changed.sweep, "jobs": changed.jobs, "position": changed.position})
    elif done:
        say(f"{changed.sweep} {done}")
    else:
        sys.stdout.write("".join(f"{job}\n" for job in changed.jobs))
