"""`cert` and `token`: who gets into the house, and who does not any more."""

import datetime
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from idlehands.cli import completing, options
from idlehands.cli.exits import REFUSED, USAGE, Stop, say
from idlehands.cli.printing import answer, print_json

Name = Annotated[str, typer.Argument(metavar="NAME", help="a-z, 0-9 and -, such as attic-pc.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    cert = typer.Typer(help="Certificates: who is who.", no_args_is_help=True, rich_markup_mode=None)
    cert.command("issue")(cert_issue)
    cert.command("list")(cert_list)
    cert.command("revoke")(cert_revoke)
    cert.command("rotate")(cert_rotate)
    app.add_typer(cert, name="cert")
    token = typer.Typer(help="Tokens for REST.", no_args_is_help=True, rich_markup_mode=None)
    token.command("create")(token_create)
    token.command("list")(token_list)
    token.command("revoke")(token_revoke)
    app.add_typer(token, name="token")
    app.command("logout")(logout)


def cert_issue(
    name: Name,
    role: Annotated[
        str,
        typer.Option(
            "--role",
            metavar="ROLE",
            help="viewer, operator or agent.",
            autocompletion=completing.words("viewer", "operator", "agent"),
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where ca.pem, cert.pem and key.pem go.")],
    renew: Annotated[bool, typer.Option("--renew", help="Replace an earlier one of that name.")] = False,
    json: options.Json = False,
) -> None:
    """Issue a certificate for 90 days, and the REST token that goes with it.

    Example: idlehands cert issue attic-pc --role agent --out attic-pc
    """
    from idlehands.house import broker as house_broker
    from idlehands.house import pki, tokens
    from idlehands.house.furnish import furnish
    from idlehands.house.home import open_home
    from idlehands.house.registry import Role

    options.check_word("--role", role, ("viewer", "operator", "agent"))
    house = open_home()
    furnish(house, agents=0)
    issued = pki.issue(house, name, Role(role), out, renew=renew)
    tokens.ensure(house, tokens.TokenRole(role), name, out / "token")
    house_broker.admit(house)
    document = {
        "name": name,
        "role": role,
        "folder": str(out),
        "expires": issued.expires,
        "broker": house.broker_address,
    }
    answer(
        json,
        document,
        f"{out} holds the certificate of {name} ({role}), good until {_day(issued.expires)}. "
        f"The broker is {house.broker_address}.",
    )


def cert_list(json: options.Json = False) -> None:
    """Show certificates that were issued and revoked.

    Example: idlehands cert list
    """
    from idlehands.cli.printing import print_table
    from idlehands.house.home import read_home
    from idlehands.house.registry import read_issued
    from idlehands.house.revocation import read_revoked

    house = read_home()
    rows: list[dict[str, Any]] = [
        {
            "name": one.name,
            "role": one.role.value,
            "serial": one.serial,
            "issued_at": one.issued_at or None,
            "expires": one.expires,
            "revoked_at": None,
        }
        for one in read_issued(house.pki).values()
    ]
    rows += [
        {
            "name": one.name,
            "role": one.role.value,
            "serial": one.serial,
            "issued_at": None,
            "expires": one.expires,
            "revoked_at": one.revoked_at,
        }
        for one in read_revoked(house.pki)
    ]
    if json:
        print_json(rows)
        return
    now = time.time()
    print_table(
        ("name", "role", "serial", "expires", "state"),
        [(row["name"], row["role"], row["serial"], _day(row["expires"]), _state(row, now)) for row in rows],
        "No certificate was issued yet.",
    )


def cert_revoke(name: Name, json: options.Json = False) -> None:
    """Shut somebody out at once: certificates, REST tokens, page sessions, live connections.

    Example: idlehands cert revoke attic-pc
    """
    from idlehands.house.expulsion import expel
    from idlehands.house.home import read_home

    house = read_home()
    done = expel(house, name)
    if json:
        counts = {"tokens": done.tokens, "sessions": done.sessions, "dropped": bool(done.dropped)}
        print_json(
            {"name": name, "role": done.role.value, **counts, "renewed": str(done.renewed or "") or None}
        )
        return
    say(
        f"{name} ({done.role.value}) is shut out: certificate revoked, {done.tokens} tokens and "
        f"{done.sessions} page sessions removed, "
        + (
            "live connections dropped."
            if done.dropped
            else "no broker of this house runs here. If it runs in a container, restart that."
        )
    )
    if done.renewed is not None:
        say(f"This command line got a new certificate: {done.renewed}. Copies of the old one are worthless.")


def cert_rotate(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: options.Json = False,
) -> None:
    """Make a new CA and new certificates for the house itself. All other machines must be let in again.

    Example: idlehands cert rotate --yes
    """
    from idlehands.house.expulsion import others, rotate
    from idlehands.house.home import read_home

    house = read_home()
    if not yes:
        gone = ", ".join(entry.name for entry in others(house)) or "nobody"
        say(f"This shuts out: {gone}. Jobs that run on this machine start again.")
        if not sys.stdin.isatty():
            raise Stop(USAGE, "Nobody is here to ask. Repeat it with --yes if this is meant.")
        typer.confirm("Go on?", abort=True, err=True)
    shut_out = rotate(house)
    if json:
        print_json({"shut_out": [{"name": one.name, "role": one.role.value} for one in shut_out]})
        return
    say("The house has a new CA, and new certificates and keys for its own processes.")
    for entry in shut_out:
        again = "join it again (`idlehands pair`), or " if entry.role.value == "agent" else ""
        say(
            f"{entry.name}: {again}`idlehands cert issue {entry.name} --role {entry.role.value} --out DIR`, "
            "and copy the folder there."
        )
    if not shut_out:
        say("No other machine had a certificate.")
    say("REST tokens still open REST; `idlehands token list` shows them.")


def token_create(
    role: Annotated[
        str,
        typer.Option(
            "--role",
            metavar="ROLE",
            help="viewer, operator or admin.",
            autocompletion=completing.words("viewer", "operator", "admin"),
        ),
    ],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Whose it is.")],
    days: Annotated[
        float | None,
        typer.Option("--days", metavar="D", help="After which it opens nothing; never by default."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Make a REST token and print it alone. It is shown this once.

    Example: idlehands token create --role operator --name vera --days 90
    """
    from idlehands.house import tokens
    from idlehands.house.home import open_home

    options.check_word("--role", role, ("viewer", "operator", "admin"))
    if days is not None and not 0 < days <= 36_500:
        raise Stop(USAGE, f"--days {days:g} is not between 0 and 36500")
    made = tokens.create(open_home(), tokens.TokenRole(role), name, days=days)
    if json:
        print_json({"token": made, "name": name, "role": role, "days": days})
    else:
        sys.stdout.write(f"{made}\n")


def token_list(json: options.Json = False) -> None:
    """Show REST tokens: whose, for what and until when; never the tokens themselves.

    Example: idlehands token list
    """
    from idlehands.cli.printing import print_table
    from idlehands.house.home import read_home
    from idlehands.house.tokens import read_tokens

    found = read_tokens(read_home().tokens_file)
    if json:
        print_json(
            [
                {
                    "id": one.id,
                    "name": one.name,
                    "role": one.role.value,
                    "created": one.created,
                    "expires": one.expires or None,
                }
                for one in found
            ]
        )
        return
    now = time.time()
    print_table(
        ("id", "name", "role", "created", "expires"),
        [
            (
                one.id,
                one.name,
                one.role.value,
                _day(one.created),
                ("never" if not one.expires else _day(one.expires) if one.is_valid(now) else "expired"),
            )
            for one in found
        ],
        "There are no tokens.",
    )


def token_revoke(
    name_or_id: Annotated[str, typer.Argument(metavar="NAME_OR_ID", help="All of a name, or one by its id.")],
    json: options.Json = False,
) -> None:
    """Take REST tokens away: they open nothing from now on.

    Example: idlehands token revoke vera
    """
    from idlehands.house import tokens
    from idlehands.house.home import read_home

    gone = tokens.revoke(read_home(), name_or_id)
    said = [f"{token.id} of {token.name} ({token.role.value}) is revoked" for token in gone]
    answer(json, {"revoked": [token.id for token in gone]}, *said)


def logout(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="As after `login --name`; owner by default there.")
    ],
    json: options.Json = False,
) -> None:
    """Log somebody out of the page on all their devices, and void links that they did not use yet.

    Example: idlehands logout vera
    """
    from idlehands.house.home import read_home
    from idlehands.house.login import end_sessions

    ended = end_sessions(read_home(), name)
    if not ended:
        raise Stop(REFUSED, f"Nobody is logged in as {name[:80]!r}, and no login link of that name is left.")
    answer(json, {"name": name, "ended": ended}, f"{ended} sessions and links of {name} are ended")


def _state(row: dict[str, Any], now: float) -> str:
    if row["revoked_at"]:
        return f"revoked {_day(row['revoked_at'])}"
    return "expired" if row["expires"] <= now else "good"


def _day(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).date().isoformat()
