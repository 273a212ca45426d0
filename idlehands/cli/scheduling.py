"""`schedule`: jobs and sweeps that are submitted again and again."""

import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from idlehands.cli import completing, options
from idlehands.cli.blocks import spread
from idlehands.cli.exits import REFUSED, USAGE, Stop, say
from idlehands.cli.job_options import Template
from idlehands.cli.printing import answer, print_json

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="By which you call it.", autocompletion=completing.schedules)
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    schedule = typer.Typer(
        help="Submit a job or sweep again and again, by a cron expression.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    schedule.command("add")(schedule_add)
    schedule.command("list")(schedule_list)
    schedule.command("remove")(schedule_remove)
    schedule.command("pause")(schedule_pause)
    schedule.command("resume")(schedule_resume)
    schedule.command("run-now")(schedule_run_now)
    app.add_typer(schedule, name="schedule")


@spread
def schedule_add(
    schedule: Annotated[str, typer.Argument(metavar="NAME", help="By which you call it.")],
    cron: Annotated[
        str,
        typer.Argument(
            metavar="CRON",
            help="'MINUTE HOUR DAY MONTH WEEKDAY', such as '30 2 * * MON-FRI'.",
        ),
    ],
    script: Annotated[Path | None, typer.Argument(metavar="[SCRIPT]", help="A Python file.")] = None,
    args: Annotated[
        list[str] | None, typer.Argument(metavar="[-- ARGS]...", help="Words for the script.")
    ] = None,
    sweep_file: Annotated[
        Path | None, typer.Option("--sweep-file", help="A sweep instead, as `sweep --file` takes it.")
    ] = None,
    pipeline_file: Annotated[
        Path | None,
        typer.Option("--pipeline-file", help="A pipeline instead, as `pipeline run` takes it."),
    ] = None,
    zone: Annotated[
        str,
        typer.Option("--zone", metavar="ZONE", help="Such as Europe/Berlin; left out: this machine's."),
    ] = "",
    overlap: Annotated[
        bool, typer.Option("--overlap", help="Also while the one of the time before still runs.")
    ] = False,
    skip_missed: Annotated[
        bool,
        typer.Option("--skip-missed", help="What HQ slept through is left out; else it comes once."),
    ] = False,
    *,
    job: Template,
    json: options.Json = False,
) -> None:
    """Submit SCRIPT whenever CRON says, as it is now: a file that changes later is added anew.

    The same name again takes the place of the schedule before.

    Example: idlehands schedule add nightly '30 2 * * *' train.py
    """
    from idlehands.cli.opening import open_client
    from idlehands.cli.pipeline_file import read_pipeline, upload_scripts
    from idlehands.cli.templates import build_template
    from idlehands.cli.words import checked
    from schemas.requests import AddSchedule
    from schemas.schedules import ScheduleSpec

    with open_client() as client:
        if pipeline_file is not None:
            if script is not None or sweep_file is not None:
                raise Stop(USAGE, "give a script, --sweep-file or --pipeline-file: one of the three")
            given = read_pipeline(pipeline_file)
            template: dict[str, Any] = {
                "pipeline": upload_scripts(client, given, pipeline_file, None, force=False)
            }
        else:
            template = build_template(client, script, args or [], sweep_file, job)
        rules = {
            "name": schedule,
            "cron": cron,
            "zone": zone or local_zone(),
            "overlap": "allow" if overlap else "skip",
            "missed": "skip" if skip_missed else "once",
        }
        spec: ScheduleSpec = checked({**rules, **template}, ScheduleSpec)
        result = client.ask(AddSchedule(schedule=spec)).result
    if json:
        print_json(result)
        return
    say(f"{schedule} is due next at {_moment(result['next'])}.")


def schedule_list(json: options.Json = False) -> None:
    """Show the schedules: when each is due, what it submitted last, why it did not.

    Example: idlehands schedule list
    """
    from idlehands.cli.opening import open_client
    from idlehands.cli.printing import print_table
    from schemas.requests import ReadSchedules

    with open_client() as client:
        found = client.ask(ReadSchedules()).result["schedules"]
    if json:
        print_json(found)
        return
    print_table(
        ("schedule", "cron", "zone", "next", "of", "fired", "last", "skipped"),
        [
            (
                one["schedule"],
                one["cron"],
                one["zone"],
                "paused" if one["paused"] else _moment(one["next"]),
                one["owner"],
                str(one["fired"]),
                one["job"] or one["sweep"] or one["pipeline"] or "",
                str(one["skipped"]),
            )
            for one in found
        ],
        "There are no schedules. `idlehands schedule add NAME CRON SCRIPT` adds one.",
    )
    for one in found:
        if one["why"]:
            say(f"{one['schedule']} was left out at {_moment(one['skipped_at'])}: {one['why']}")


def schedule_remove(schedule: Name, json: options.Json = False) -> None:
    """Remove a schedule. What it submitted goes on.

    Example: idlehands schedule remove nightly
    """
    from schemas.requests import RemoveSchedule

    _ask(RemoveSchedule(schedule=schedule))
    answer(json, {"schedule": schedule, "removed": True}, f"{schedule} is removed.")


def schedule_pause(schedule: Name, json: options.Json = False) -> None:
    """Submit nothing until `schedule resume`.

    Example: idlehands schedule pause nightly
    """
    from schemas.requests import PauseSchedule

    _ask(PauseSchedule(schedule=schedule))
    answer(json, {"schedule": schedule, "paused": True}, f"{schedule} is paused.")


def schedule_resume(schedule: Name, json: options.Json = False) -> None:
    """Go on; what was due meanwhile is not made up for.

    Example: idlehands schedule resume nightly
    """
    from schemas.requests import ResumeSchedule

    _ask(ResumeSchedule(schedule=schedule))
    answer(json, {"schedule": schedule, "paused": False}, f"{schedule} goes on.")


def schedule_run_now(schedule: Name, json: options.Json = False) -> None:
    """Submit now what it submits, and print the id. Its times stay as they are.

    Example: idlehands schedule run-now nightly
    """
    import sys

    from schemas.requests import RunSchedule

    result = _ask(RunSchedule(schedule=schedule))
    if json:
        print_json(result)
        return
    sys.stdout.write(f"{result.get('job') or result.get('sweep') or result.get('pipeline')}\n")


def _ask(request: Any) -> dict[str, Any]:
    from idlehands.cli.opening import open_client

    with open_client() as client:
        return dict(client.ask(request).result)


def local_zone() -> str:
    """Return the name of this machine's time zone.

    Raises:
        Stop: If it has none that has a name.
    """
    import os

    named = os.environ.get("TZ", "").lstrip(":")
    if named:
        return named
    try:
        text = Path("/etc/timezone").read_text().strip()
        if text:
            return text
    except OSError:
        pass
    target = os.path.realpath("/etc/localtime")
    _, found, name = target.partition("/zoneinfo/")
    if found:
        return name.removeprefix("posix/")
    if datetime.datetime.now().astimezone().utcoffset() == datetime.timedelta(0):
        return "UTC"
    raise Stop(REFUSED, "This machine's time zone has no name: give --zone, such as Europe/Berlin.")


def _moment(at: float | None) -> str:
    if at is None:
        return "never"
    return datetime.datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M")
