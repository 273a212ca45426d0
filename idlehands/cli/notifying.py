"""`notify`: mails, webhooks, phones and topics that hear what happens. On the HQ host."""

from typing import Annotated, Any

import typer

from idlehands.cli import options
from idlehands.cli.as_admin import SecretFile, as_admin, post, read_secret
from idlehands.cli.exits import REFUSED, USAGE, Stop, say

_PATH = "/settings/notifications"
_WORDS = (
    "job_failed",
    "job_dead",
    "job_succeeded",
    "job_hangs",
    "sweep_finished",
    "machine_lost",
    "house_unhealthy",
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="By which you call it.")]
On = Annotated[
    list[str] | None,
    typer.Option("--on", metavar="WHAT", help=f"Of {', '.join(_WORDS)}; may be repeated. All but successes."),
]
Over = Annotated[
    float,
    typer.Option("--over-minutes", min=0, help="With job_succeeded: only of jobs that ran for longer."),
]
User = Annotated[str | None, typer.Option("--user", metavar="NAME", help="Only jobs of this submitter.")]
Project = Annotated[str, typer.Option("--project", metavar="NAME", help="Only jobs of this project.")]
JobName = Annotated[
    str, typer.Option("--job-name", metavar="PATTERN", help="Only jobs with such a name: 'train*'.")
]
Gather = Annotated[
    float, typer.Option("--gather", min=0, metavar="SECONDS", help="What happens meanwhile is one message.")
]
PerHour = Annotated[
    int, typer.Option("--per-hour", min=1, max=1000, help="Messages at most; what is more waits.")
]
Secret = Annotated[str | None, SecretFile]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    notify = typer.Typer(
        help="Tell people what happens, by mail, webhook, ntfy or MQTT. On the HQ host.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    adding = typer.Typer(
        help="Add a notification, or change the one of that name.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    for name, command in (("mail", mail), ("webhook", webhook), ("ntfy", ntfy), ("mqtt", mqtt)):
        adding.command(name)(command)
    notify.add_typer(adding, name="add")
    notify.command("list")(notify_list)
    notify.command("remove")(notify_remove)
    notify.command("test")(notify_test)
    app.add_typer(notify, name="notify")


def mail(
    name: Name,
    host: Annotated[str, typer.Option("--host", help="The mail server.")],
    sender: Annotated[str, typer.Option("--from", metavar="ADDRESS")],
    to: Annotated[list[str], typer.Option("--to", metavar="ADDRESS", help="May be repeated.")],
    port: Annotated[int, typer.Option("--port", min=1, max=65_535)] = 587,
    security: Annotated[
        str, typer.Option("--security", metavar="HOW", help="starttls, tls (port 465) or none.")
    ] = "starttls",
    login: Annotated[str, typer.Option("--login", metavar="USER", help="Its password is the secret.")] = "",
    secret_file: Secret = None,
    on: On = None,
    over_minutes: Over = 0,
    user: User = None,
    project: Project = "",
    job_name: JobName = "",
    gather: Gather = 60,
    per_hour: PerHour = 20,
) -> None:
    """By mail: `notify add mail me --host mail.example.org --from hq@example.org --to me@example.org`."""
    if security not in ("starttls", "tls", "none"):
        raise Stop(USAGE, f"--security {security!r} is none of starttls, tls, none")
    target = {
        "kind": "mail",
        "host": host,
        "port": port,
        "security": security,
        "user": login,
        "sender": sender,
        "to": to,
    }
    _add(name, target, secret_file, _rules(on, over_minutes, user, project, job_name, gather, per_hour))


def webhook(
    name: Name,
    url: Annotated[str, typer.Argument(metavar="URL")],
    secret_file: Secret = None,
    on: On = None,
    over_minutes: Over = 0,
    user: User = None,
    project: Project = "",
    job_name: JobName = "",
    gather: Gather = 60,
    per_hour: PerHour = 20,
) -> None:
    """As JSON to a URL; with a secret it is signed: `X-Idlehands-Signature-256: sha256=HMAC`."""
    target = {"kind": "webhook", "url": url}
    _add(name, target, secret_file, _rules(on, over_minutes, user, project, job_name, gather, per_hour))


def ntfy(
    name: Name,
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="A name that nobody guesses.")],
    server: Annotated[str, typer.Option("--server", metavar="URL")] = "https://ntfy.sh",
    secret_file: Secret = None,
    on: On = None,
    over_minutes: Over = 0,
    user: User = None,
    project: Project = "",
    job_name: JobName = "",
    gather: Gather = 60,
    per_hour: PerHour = 20,
) -> None:
    """To phones that follow a topic of ntfy.sh, or of your own server. The secret is its access token."""
    target = {"kind": "ntfy", "server": server, "topic": topic}
    _add(name, target, secret_file, _rules(on, over_minutes, user, project, job_name, gather, per_hour))


def mqtt(
    name: Name,
    topic: Annotated[str, typer.Argument(metavar="TOPIC")],
    household: Annotated[
        bool, typer.Option("--household", help="On the household's own broker, not on the house's.")
    ] = False,
    on: On = None,
    over_minutes: Over = 0,
    user: User = None,
    project: Project = "",
    job_name: JobName = "",
    gather: Gather = 60,
    per_hour: PerHour = 20,
) -> None:
    """As JSON on a topic: below home/ on the house's broker, any on the household's own."""
    target = {"kind": "mqtt", "topic": topic, "broker": "household" if household else "house"}
    _add(name, target, None, _rules(on, over_minutes, user, project, job_name, gather, per_hour))


def _rules(
    on: list[str] | None,
    over_minutes: float,
    user: str | None,
    project: str,
    job_name: str,
    gather: float,
    per_hour: int,
) -> dict[str, Any]:
    unknown = sorted(set(on or ()) - set(_WORDS))
    if unknown:
        raise Stop(USAGE, f"--on {unknown[0]!r} is none of {', '.join(_WORDS)}")
    return {
        **({"on": on} if on else {}),
        "over_minutes": over_minutes,
        "user": user,
        "project": project,
        "job_name": job_name,
        "gather_seconds": gather,
        "per_hour": per_hour,
    }


def _add(name: str, target: dict[str, Any], secret_file: str | None, rules: dict[str, Any]) -> None:
    secret = read_secret(secret_file)
    with as_admin() as rest:
        post(rest, _PATH, {"name": name, "to": target, "secret": secret, **rules})
    say(f"{name} is told from now on. `idlehands notify test {name}` tries it.")


def notify_list(json: options.Json = False) -> None:
    """Show the notifications, what waits to be sent, and what went wrong."""
    import datetime

    from idlehands.cli.printing import print_json, print_table

    with as_admin() as rest:
        found = rest.get(_PATH)
    if json:
        print_json(found)
        return
    print_table(
        ("name", "to", "on", "waiting", "last sent", "trouble"),
        [
            (
                one["name"],
                where(one["to"]),
                ", ".join(one["on"]),
                str(one["waiting"]),
                ""
                if one["last_sent"] is None
                else datetime.datetime.fromtimestamp(one["last_sent"])
                .astimezone()
                .strftime("%Y-%m-%d %H:%M"),
                one["trouble"],
            )
            for one in found["notifications"]
        ],
        "Nobody is told anything. `idlehands notify add --help` says how.",
    )
    for name, why in found["unusable"].items():
        say(f"{name} cannot be understood and is left alone: {why}. Add it anew, or remove it.")


def where(target: dict[str, Any]) -> str:
    """Return where a notification goes, in few words."""
    match target["kind"]:
        case "mail":
            return f"mail {', '.join(target['to'])}"
        case "webhook":
            return f"webhook {target['url']}"
        case "ntfy":
            return f"ntfy {target['server']}/{target['topic']}"
        case _:
            return f"mqtt {target['topic']} ({target['broker']})"


def notify_remove(name: Name) -> None:
    """Remove a notification. What waited to be sent is not sent."""
    with as_admin() as rest:
        rest.send("DELETE", f"{_PATH}/{name}")
    say(f"{name} is told nothing any more.")


def notify_test(name: Name) -> None:
    """Send a test at once and say whether it was taken."""
    with as_admin() as rest:
        done = post(rest, f"{_PATH}/{name}/test")
    if not done["taken"]:
        raise Stop(REFUSED, f"The test of {name} was not taken: {done['why']}.")
    say(f"The test was taken. Look whether it arrived at {name}.")
