"""`sweep`: one script, many parameters, the best of them."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from idlehands.cli import completing, options, sweep_control
from idlehands.cli.blocks import spread
from idlehands.cli.exits import REFUSED, USAGE, Stop
from idlehands.cli.job_options import JobOptions
from idlehands.cli.search_words import (
    CONSTRAINT_HELP,
    OBJECTIVE_HELP,
    TRY_HELP,
    check_sampler,
    default_sampler,
    parse_constraint,
    parse_objective,
    parse_options,
    parse_point,
)
from idlehands.cli.stopping_words import PRUNER_HELP, STOP_HELP, parse_pruner, parse_stop
from idlehands.cli.sweep_control import SweepGroup
from schemas.samplers import SamplerName

if TYPE_CHECKING:
    from schemas.specs import SweepSpec

_GRID_TRIALS = 100_000


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        cls=SweepGroup,
        help="Submit a sweep (`sweep SCRIPT --space ...`), or change one that is under way.",
        epilog="`idlehands sweep new --help` has the options of `sweep SCRIPT`.",
        rich_markup_mode=None,
    )
    group.command("new")(sweep)
    sweep_control.register(group)
    app.add_typer(group, name="sweep")


@spread
def sweep(
    script: Annotated[Path | None, typer.Argument(metavar="[SCRIPT]", help="A Python file.")] = None,
    args: Annotated[
        list[str] | None, typer.Argument(metavar="[-- ARGS]...", help="Words for the script.")
    ] = None,
    space: Annotated[
        list[str] | None,
        typer.Option(
            "--space",
            "-s",
            metavar="NAME=SPACE",
            help="a..b (whole), 0.1..0.5 (real), :STEP behind it, log:1e-4..1e-1, a,b,c (choices), "
            "@OTHER=VALUE for what exists only then.",
        ),
    ] = None,
    sampler: Annotated[
        str,
        typer.Option(
            "--sampler",
            metavar="SAMPLER",
            autocompletion=completing.words(*get_args(SamplerName)),
            help="grid, random, sobol, halton, tpe, gp, cmaes, nsga2, nsga3 or pbt. Without: tpe if there is "
            "an objective, else random.",
        ),
    ] = "",
    sampler_option: Annotated[
        list[str] | None,
        typer.Option("--sampler-option", metavar="NAME=VALUE", help="Such as n_startup_trials=20."),
    ] = None,
    grid: Annotated[
        bool | None, typer.Option("--grid/--random", help="Short for --sampler grid and random.")
    ] = None,
    trials: Annotated[
        int | None, typer.Option("--trials", min=1, max=100_000, help="How many at most.")
    ] = None,
    metric: Annotated[str, typer.Option("--metric", help="The number in the result that counts.")] = "",
    minimize: Annotated[bool, typer.Option("--minimize/--maximize", help="Which end of it is best.")] = False,
    objective: Annotated[
        list[str] | None, typer.Option("--objective", metavar="METRIC:min|max", help=OBJECTIVE_HELP)
    ] = None,
    constraint: Annotated[
        list[str] | None, typer.Option("--constraint", metavar="METRIC<=BOUND", help=CONSTRAINT_HELP)
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="The same seed on one slot: the same trials.")
    ] = None,
    tries: Annotated[list[str] | None, typer.Option("--try", metavar="POINT", help=TRY_HELP)] = None,
    warm_start: Annotated[
        str,
        typer.Option(
            "--warm-start",
            metavar="SWEEP|FILE",
            help="Learn from the trials of another sweep, or of a table (CSV, or JSON rows).",
        ),
    ] = "",
    parallel: Annotated[int, typer.Option("--parallel", min=1, help="Trials at the same time.")] = 16,
    pruner: Annotated[
        str, typer.Option("--pruner", metavar="PRUNER", help="Ends trials that fall behind: " + PRUNER_HELP)
    ] = "",
    stop: Annotated[
        list[str] | None, typer.Option("--stop", metavar="RULE=VALUE", help="Ends the sweep: " + STOP_HELP)
    ] = None,
    stop_winds_down: Annotated[
        bool, typer.Option("--stop-live", help="Its rules also end the trials that run.")
    ] = False,
    file: Annotated[
        Path | None,
        typer.Option("--file", help="All of it from a file, JSON or YAML (a sweep spec; script: a path)."),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Follow it, and print its results at the end.")
    ] = False,
    *,
    job: JobOptions,
    json: options.Json = False,
) -> None:
    """Submit a sweep of SCRIPT over --space and print its id; options of the job apply to each trial.

    Example: idlehands sweep train.py --space lr=log:1e-4..1e-1 --metric loss --minimize --trials 50
    """
    from idlehands.cli import words
    from idlehands.cli.building import build_job
    from idlehands.cli.opening import open_client
    from idlehands.cli.printing import print_json
    from idlehands.cli.script_arguments import check_arguments, check_sweep_file, widen_space
    from schemas.specs import SweepSpec

    if (script is None) == (file is None):
        raise Stop(USAGE, "Give a SCRIPT with --space, or --file with a sweep spec, and not both")
    given: dict[str, Any] = {}
    if script is not None:
        if not script.suffix and not script.exists():
            known = "pause, resume, extend, set-space, add and stop"
            raise Stop(REFUSED, f"There is no script {script}; of commands, `sweep` has {known}")
        if not space:
            raise Stop(USAGE, f"Give at least one --space {words.SPACE_HELP}")
        given = {
            "space": words.parse_space(space),
            "metric": metric,
            "direction": "minimize" if minimize else "maximize",
            "objectives": [parse_objective(one) for one in objective or []],
            "constraints": [parse_constraint(one) for one in constraint or []],
            "tries": [parse_point(one, words.parse_value) for one in tries or []],
            "seed": seed,
            "parallel": parallel,
            "name": job.name,
        }
        if len(given["objectives"]) == 1:
            # One objective is a metric and a direction, which everything shows.
            (only,) = given.pop("objectives")
            if metric:
                raise Stop(USAGE, "Give --objective, or --metric and --minimize, and not both")
            given |= {"metric": only.metric, "direction": only.direction}
        if grid is not None and sampler:
            raise Stop(USAGE, "Give --sampler, or --grid or --random, and not both")
        named = {None: sampler, True: "grid", False: "random"}[grid]
        given["sampler"] = named or default_sampler(given)
        check_sampler(given["sampler"])
        given["options"] = parse_options(sampler_option or [], given["sampler"], words.parse_value)
        given["trials"] = trials or (_GRID_TRIALS if given["sampler"] == "grid" else 10)
        if pruner:
            given["pruner"] = parse_pruner(pruner)
        if stop or stop_winds_down:
            given["stop"] = parse_stop(stop or [], wind_down=stop_winds_down)
    else:
        given = words.read_sweep_file(file or Path())
    params = words.parse_params(job.param or [])
    for name in given.get("space") or () if script is not None else ():
        if name in params:
            raise Stop(USAGE, f"{name} is given by --param and varied by --space: leave one of them out")
    if script is not None:
        check_arguments(script, params, args or [], job.arguments, space=given["space"], force=job.force)
        if given["sampler"] != "grid":
            # A grid of whole numbers has all of them.
            given["space"] = widen_space(script, given["space"])
    elif file is not None and isinstance(given["job"].get("script"), str):
        check_sweep_file(given, file, force=job.force)
    with open_client() as client:
        if script is not None:
            given["job"] = build_job(client, script, params, args or [], job)
        else:
            words.upload_named_script(
                client, given, file or Path(), job.include or [], job.author_key, job.env
            )
        warm_start = str(given.pop("warm_start", "") or warm_start)
        spec = words.checked(given, SweepSpec)
        _check(spec)
        if warm_start:
            from idlehands.cli.warm_start import read_past

            spec = read_past(client, spec, warm_start, words.parse_value)
        changed = client.submit_sweep(spec)
        if wait:
            from idlehands.cli.awaiting import await_sweep

            code = await_sweep(client, changed.sweep, json)
            raise typer.Exit(code)
    if json:
        print_json({"sweep": changed.sweep, "position": changed.position})
    else:
        sys.stdout.write(f"{changed.sweep}\n")


def _check(spec: "SweepSpec") -> None:
    """Say here what HQ would say.

    Raises:
        Stop: If it cannot be searched.
    """
    from schemas.searches import SearchError, check_search
    from schemas.spaces import SpaceError

    try:
        check_search(spec)
    except (SearchError, SpaceError) as error:
        raise Stop(REFUSED, f"This cannot be searched: {error}") from None
