"""`notify`: mails, webhooks, phones and topics that hear what happens. On the HQ host."""

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from idlehands.cli import options
from idlehands.cli.as_admin import SecretFile, as_admin, post, read_secret
from idlehands.cli.blocks import spread
from idlehands.cli.exits import REFUSED, USAGE, Stop, say
from idlehands.cli.printing import answer

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


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What a notification tells of, and how often."""

    on: On = None
    over_minutes: Over = 0
    user: User = None
    project: Project = ""
    job_name: JobName = ""
    gather: Gather = 60
    per_hour: PerHour = 20

    def fields(self) -> dict[str, Any]:
        """Return the rules as the settings of the house have them.

        Raises:
            Stop: If there is nothing of such a name to tell.
        """
        unknown = sorted(set(self.on or ()) - set(_WORDS))
        if unknown:
            raise Stop(USAGE, f"--on {unknown[0]!r} is none of {', '.join(_WORDS)}")
        return {
            **({"on": self.on} if self.on else {}),
            "over_minutes": self.over_minutes,
            "user": self.user,
            "project": self.project,
            "job_name": self.job_name,
            "gather_seconds": self.gather,
            "per_hour": self.per_hour,
        }


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


@spread
def mail(
    name: Name,
    host: Annotated[str, typer.Option("--host", help="The mail server.")],
    sender: Annotated[str, typer.Option("--from", metavar="ADDRESS", help="Who it comes from.")],
    to: Annotated[list[str], typer.Option("--to", metavar="ADDRESS", help="May be repeated.")],
    port: Annotated[int, typer.Option("--port", min=1, max=65_535, help="Of the mail server.")] = 587,
    security: Annotated[
        str, typer.Option("--security", metavar="HOW", help="starttls, tls (port 465) or none.")
    ] = "starttls",
    login: Annotated[str, typer.Option("--login", metavar="USER", help="Its password is the secret.")] = "",
    secret_file: Secret = None,
    *,
    rules: Rules,
    json: options.Json = False,
) -> None:
    """Tell by mail, through a mail server that you name.

    Example: idlehands notify add mail me --host mail.example.org --from hq@example.org --to me@example.org
    """
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
    _add(name, target, secret_file, rules, json=json)


@spread
def webhook(
    name: Name,
    url: Annotated[str, typer.Argument(metavar="URL", help="That takes a POST.")],
    secret_file: Secret = None,
    *,
    rules: Rules,
    json: options.Json = False,
) -> None:
    """As JSON to a URL; with a secret it is signed: `X-Idlehands-Signature-256: sha256=HMAC`.

    Example: idlehands notify add webhook chat https://chat.example.org/in --on job_failed
    """
    target = {"kind": "webhook", "url": url}
    _add(name, target, secret_file, rules, json=json)


@spread
def ntfy(
    name: Name,
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="A name that nobody guesses.")],
    server: Annotated[
        str, typer.Option("--server", metavar="URL", help="Of your own, if you have one.")
    ] = "https://ntfy.sh",
    secret_file: Secret = None,
    *,
    rules: Rules,
    json: options.Json = False,
) -> None:
    """To phones that follow a topic of ntfy.sh, or of your own server. The secret is its access token.

    Example: idlehands notify add ntfy phone TOPIC --on sweep_finished
    """
    target = {"kind": "ntfy", "server": server, "topic": topic}
    _add(name, target, secret_file, rules, json=json)


@spread
def mqtt(
    name: Name,
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="Such as home/idlehands.")],
    household: Annotated[
        bool, typer.Option("--household", help="On the household's own broker, not on the house's.")
    ] = False,
    *,
    rules: Rules,
    json: options.Json = False,
) -> None:
    """As JSON on a topic: below home/ on the house's broker, any on the household's own.

    Example: idlehands notify add mqtt hall home/idlehands
    """
    target = {"kind": "mqtt", "topic": topic, "broker": "household" if household else "house"}
    _add(name, target, None, rules, json=json)


def _add(name: str, target: dict[str, Any], secret_file: str | None, rules: Rules, *, json: bool) -> None:
    body = {"name": name, "to": target, "secret": read_secret(secret_file), **rules.fields()}
    with as_admin() as rest:
        post(rest, _PATH, body)
    said = {"name": name, "to": target, **rules.fields()}
    answer(json, said, f"{name} is told from now on. `idlehands notify test {name}` tries it.")


def notify_list(json: options.Json = False) -> None:
    """Show the notifications, what waits to be sent, and what went wrong.

    Example: idlehands notify list
    """
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


def notify_remove(name: Name, json: options.Json = False) -> None:
    """Remove a notification. What waited to be sent is not sent.

    Example: idlehands notify remove me
    """
    with as_admin() as rest:
        rest.send("DELETE", f"{_PATH}/{name}")
    answer(json, {"name": name, "removed": True}, f"{name} is told nothing any more.")


def notify_test(name: Name, json: options.Json = False) -> None:
    """Send a test at once and say whether it was taken.

    Example: idlehands notify test me
    """
    with as_admin() as rest:
        done = post(rest, f"{_PATH}/{name}/test")
    if not done["taken"]:
        raise Stop(REFUSED, f"The test of {name} was not taken: {done['why']}.")
    said = f"The test was taken. Look whether it arrived at {name}."
    answer(json, {"name": name, "taken": True}, said)
