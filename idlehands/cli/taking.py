"""`hook`, `topic` and `household`: what may come in from outside, and the household's own broker."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from idlehands.cli import options
from idlehands.cli.as_admin import SecretFile, as_admin, post, read_secret
from idlehands.cli.blocks import spread
from idlehands.cli.exits import REFUSED, USAGE, Stop, say
from idlehands.cli.job_options import Template
from idlehands.cli.printing import answer

Name = Annotated[str, typer.Argument(metavar="NAME", help="By which you call it.")]
Script = Annotated[Path | None, typer.Argument(metavar="[SCRIPT]", help="A Python file.")]
SweepFile = Annotated[
    Path | None, typer.Option("--sweep-file", help="A sweep instead, as `sweep --file` takes it.")
]
PipelineFile = Annotated[
    Path | None,
    typer.Option(
        "--pipeline-file",
        help="A pipeline instead, as `pipeline run` takes it; --take STEP/PARAM=... is a step's.",
    ),
]
Take = Annotated[
    list[str] | None,
    typer.Option(
        "--take",
        metavar="PARAM=POINTER:TYPE",
        help="From the message: commit=/after:text, watts=:number:0..20000, mode=/m:a|b. May be repeated.",
    ),
]
Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="POINTER=VALUE", help="Only such messages: /ref=refs/heads/main."),
]
PerMinute = Annotated[int, typer.Option("--per-minute", min=1, max=600, help="Messages at most.")]


@dataclass(frozen=True, kw_only=True)
class Arriving:
    """Which messages count, and what of them becomes a parameter."""

    take: Take = None
    only: Only = None
    per_minute: PerMinute = 30

    def rules(self) -> dict[str, Any]:
        """Return them as the settings of the house have them.

        Raises:
            Stop: If one cannot be understood.
        """
        from idlehands.cli.words import parse_value

        wanted: dict[str, Any] = {}
        for word in self.only or []:
            pointer, equals, value = word.partition("=")
            if not equals:
                raise Stop(USAGE, f"--only {word!r} is not POINTER=VALUE, such as /action=published")
            wanted[pointer] = parse_value(value)
        parameters = dict(map(parse_take, self.take or []))
        return {"parameters": parameters, "only": wanted, "per_minute": self.per_minute}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    groups: tuple[tuple[str, str, dict[str, Callable[..., None]]], ...] = (
        (
            "hook",
            "Webhooks that submit a job or sweep you have laid down. On the HQ host.",
            {"add": hook_add, "list": hook_list, "remove": hook_remove},
        ),
        (
            "topic",
            "Topics of the household's broker that submit a job or sweep. On the HQ host.",
            {"add": topic_add, "list": topic_list, "remove": topic_remove},
        ),
        (
            "household",
            "The household's own broker: Home Assistant and conditions. On the HQ host.",
            {"connect": household_connect, "show": household_show, "leave": household_leave},
        ),
    )
    for name, words, commands in groups:
        group = typer.Typer(help=words, no_args_is_help=True, rich_markup_mode=None)
        for word, command in commands.items():
            group.command(word)(command)
        app.add_typer(group, name=name)


@spread
def hook_add(
    hook: Name,
    script: Script = None,
    args: Annotated[
        list[str] | None, typer.Argument(metavar="[-- ARGS]...", help="Words for the script.")
    ] = None,
    sweep_file: SweepFile = None,
    pipeline_file: PipelineFile = None,
    secret_file: Annotated[str | None, SecretFile] = None,
    bearer: Annotated[
        bool, typer.Option("--bearer", help="The secret comes as ?token=SECRET; else it signs the body.")
    ] = False,
    *,
    arriving: Arriving,
    job: Template,
    json: options.Json = False,
) -> None:
    """Let POST /api/v1/hooks/NAME submit SCRIPT, as it is now, with what --take finds in the JSON body.

    Example: idlehands hook add push train.py --take commit=/after:text --secret-file key.txt
    """
    body = {
        "name": hook,
        "proof": "bearer" if bearer else "signature",
        "secret": read_secret(secret_file),
        **arriving.rules(),
    }
    url = _put("hooks", body, script, args or [], sweep_file, pipeline_file, job)
    where = f"{url}/hooks/{hook}"
    answer(json, {"name": hook, "url": where, "proof": body["proof"]}, f"{hook} is taken at {where}")


@spread
def topic_add(
    topic_job: Name,
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="Of the household's broker; no + and #.")],
    script: Script = None,
    args: Annotated[
        list[str] | None, typer.Argument(metavar="[-- ARGS]...", help="Words for the script.")
    ] = None,
    sweep_file: SweepFile = None,
    pipeline_file: PipelineFile = None,
    *,
    arriving: Arriving,
    job: Template,
    json: options.Json = False,
) -> None:
    """Let each message on TOPIC submit SCRIPT, as it is now. What the broker retains submits nothing.

    Example: idlehands topic add sunny home/solar/watts train.py --take watts=:number
    """
    body = {"name": topic_job, "topic": topic, **arriving.rules()}
    _put("topics", body, script, args or [], sweep_file, pipeline_file, job)
    said = f"What is published on {topic} is submitted from now on."
    answer(json, {"name": topic_job, "topic": topic}, said)


def hook_list(json: options.Json = False) -> None:
    """Show the webhooks with what came of them since the web process began.

    Example: idlehands hook list
    """
    _list("hooks", json, "There are no webhooks. `idlehands hook add NAME SCRIPT` adds one.")


def topic_list(json: options.Json = False) -> None:
    """Show the topics that submit, with what came of them since the web process began.

    Example: idlehands topic list
    """
    _list("topics", json, "No topic submits anything. `idlehands topic add NAME TOPIC SCRIPT` lets one.")


def hook_remove(hook: Name, json: options.Json = False) -> None:
    """Remove a webhook and its secret.

    Example: idlehands hook remove push
    """
    _remove("hooks", hook)
    answer(json, {"name": hook, "removed": True}, f"{hook} takes nothing any more.")


def topic_remove(topic_job: Name, json: options.Json = False) -> None:
    """Let a topic submit nothing any more.

    Example: idlehands topic remove sunny
    """
    _remove("topics", topic_job)
    answer(json, {"name": topic_job, "removed": True}, f"{topic_job} submits nothing any more.")


def household_connect(
    host: Annotated[str, typer.Argument(metavar="HOST", help="Where that broker is.")],
    port: Annotated[int, typer.Option("--port", min=1, max=65_535, help="Of that broker.")] = 1883,
    user: Annotated[str, typer.Option("--user", help="Its password is the secret.")] = "",
    secret_file: Annotated[str | None, SecretFile] = None,
    tls: Annotated[bool, typer.Option("--tls", help="By the system's certificate authorities.")] = False,
    condition: Annotated[
        list[str] | None,
        typer.Option("--condition", metavar="FILTER", help="Topics for conditions; repeatable. home/#"),
    ] = None,
    no_announcements: Annotated[
        bool, typer.Option("--no-announcements", help="Tell Home Assistant nothing there.")
    ] = False,
    no_switches: Annotated[
        bool, typer.Option("--no-switches", help="Let nobody there ask machines to rest.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Connect the house to the household's own broker, instead of the one before.

    Example: idlehands household connect 192.168.1.5 --user hq --secret-file pw.txt
    """
    body = {
        "host": host,
        "port": port,
        "user": user,
        "tls": tls,
        "secret": read_secret(secret_file),
        "announces": not no_announcements,
        "switches": not no_switches,
        **({"conditions": condition} if condition else {}),
    }
    with as_admin() as rest:
        post(rest, "/settings/household", body)
    shown = {name: value for name, value in body.items() if name != "secret"}
    answer(json, shown, "`idlehands household show` says whether it is reached.")


def household_show(json: options.Json = False) -> None:
    """Show the household's own broker and how the connection is.

    Example: idlehands household show
    """
    from idlehands.cli.printing import print_json, print_table

    with as_admin() as rest:
        found = rest.get("/settings/household")
    if json:
        print_json(found)
        return
    if found["household"] is None:
        say("There is none. `idlehands household connect HOST` connects the house to one.")
        return
    household, state = found["household"], found["state"] or {"connected": False, "why": "not tried yet"}
    rows = [
        ("broker", f"{household['host']}:{household['port']}" + (" with TLS" if household["tls"] else "")),
        ("user", household["user"] or "-"),
        ("connected", "yes" if state["connected"] else f"no: {state['why']}"),
        ("conditions", ", ".join(household["conditions"]) or "-"),
        ("announces", "yes" if household["announces"] else "no"),
        ("switches", "yes" if household["switches"] else "no"),
    ]
    print_table(("what", "value"), rows, "")


def household_leave(json: options.Json = False) -> None:
    """Leave the household's own broker.

    Example: idlehands household leave
    """
    with as_admin() as rest:
        rest.send("DELETE", "/settings/household")
    answer(json, {"left": True}, "The house has left that broker.")


def parse_take(word: str) -> tuple[str, dict[str, Any]]:
    """Return the name and what of a message it is, from `NAME=POINTER[:TYPE[:LOW..HIGH]]`.

    In place of a type, `a|b|c` are the texts that there are.

    Raises:
        Stop: If it cannot be understood.
    """
    name, equals, rest = word.partition("=")
    pointer, _, kind = rest.partition(":")
    kind, _, bounds = kind.partition(":")
    if not equals or not name:
        raise Stop(USAGE, f"--take {word!r} is not PARAM=POINTER:TYPE, such as commit=/after:text")
    if "|" in kind:
        return name, {"pointer": pointer, "choices": kind.split("|")}
    if kind not in ("", "text", "integer", "number", "boolean"):
        raise Stop(USAGE, f"--take {word!r}: {kind!r} is none of text, integer, number, boolean, a|b|c")
    found: dict[str, Any] = {"pointer": pointer, "type": kind or "text"}
    if bounds:
        low, dots, high = bounds.partition("..")
        try:
            if not dots or kind not in ("integer", "number"):
                raise ValueError
            found |= {"minimum": float(low)} if low else {}
            found |= {"maximum": float(high)} if high else {}
        except ValueError:
            raise Stop(USAGE, f"--take {word!r}: bounds are LOW..HIGH, of numbers") from None
    return name, found


def _put(
    what: str,
    body: dict[str, Any],
    script: Path | None,
    args: list[str],
    sweep_file: Path | None,
    pipeline_file: Path | None,
    given: Template,
) -> str:
    from idlehands.cli.opening import open_client
    from idlehands.cli.pipeline_file import read_pipeline, upload_scripts
    from idlehands.cli.templates import build_template

    with open_client() as client:
        if pipeline_file is None:
            template = build_template(client, script, args, sweep_file, given)
        elif script is not None or sweep_file is not None:
            raise Stop(USAGE, "Give a SCRIPT, --sweep-file or --pipeline-file: one of the three")
        else:
            read = read_pipeline(pipeline_file)
            template = {
                "pipeline": upload_scripts(client, read, pipeline_file, given.author_key, force=given.force)
            }
    with as_admin() as rest:
        post(rest, f"/settings/{what}", {**body, "submits": template})
        return rest.url


def _list(what: str, json: bool, nothing: str) -> None:
    from idlehands.cli.printing import print_json, print_table

    with as_admin() as rest:
        found = rest.get(f"/settings/{what}")
    if json:
        print_json(found)
        return
    print_table(
        ("name", "by", "submits", "takes", "submitted", "refused", "last", "trouble"),
        [
            (
                one["name"],
                one.get("topic") or one["proof"],
                _submitted(one["submits"]),
                ", ".join(f"{name}={given['pointer']}" for name, given in one["parameters"].items()),
                str(one["submitted"]),
                str(one["refused"]),
                one["last"],
                one["trouble"],
            )
            for one in found[what]
        ],
        nothing,
    )
    for name, why in found["unusable"].items():
        say(f"{name} cannot be understood and is left alone: {why}. Add it anew, or remove it.")


def _submitted(submits: dict[str, Any]) -> str:
    if submits.get("pipeline"):
        pipeline = submits["pipeline"]
        return f"pipeline {pipeline.get('name') or ', '.join(one['name'] for one in pipeline['steps'])}"
    job = submits.get("job") or submits["sweep"]["job"]
    kind = "job" if submits.get("job") else "sweep"
    return f"{kind} {job.get('name') or job['script'].get('name') or job['script']['entry']}"


def _remove(what: str, name: str) -> None:
    from urllib.parse import quote

    if not name:
        raise Stop(REFUSED, "Give a name.")
    with as_admin() as rest:
        rest.send("DELETE", f"/settings/{what}/{quote(name, safe='')}")
