"""`agent check`, `policy`, `pause`, `resume`, `drain` and `dedicate`: the owner's word on this machine.

They work on the agents' homes, without HQ and whether the agents run or not.
"""

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from idlehands.cli import options
from idlehands.cli.exits import REFUSED, Stop, say
from idlehands.cli.printing import answer, print_json

Name = Annotated[
    str | None, typer.Option("--name", help="One agent of the house here; all on this machine by default.")
]
AgentHome = Annotated[
    Path | None, typer.Option("--home", metavar="DIR", help="Of an agent that was started with --home.")
]
For = Annotated[
    str | None,
    typer.Option("--for", metavar="TIME", help="Such as 30m, 1h or 2d; else until `agent resume`."),
]


def register(agent: typer.Typer) -> None:
    """Add the commands below `agent`."""
    agent.command("check")(check)
    agent.command("policy")(policy)
    agent.command("pause")(pause)
    agent.command("drain")(drain)
    agent.command("dedicate")(dedicate)
    agent.command("resume")(resume)
    agent.command("install")(install)
    agent.command("uninstall")(uninstall)


def check(name: Name = None, home: AgentHome = None, json: options.Json = False) -> None:
    """Print what each sensor of this machine sees, what the owner's rules make of it, and why.

    Example: idlehands agent check
    """
    _ask("check", name, home, json)


def policy(
    preset: Annotated[
        str | None, typer.Option("--preset", help="polite, when-idle, nights or dedicated.")
    ] = None,
    rule: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="A rule, such as cpu_celsius=80; VALUE `usual` takes it back."
        ),
    ] = None,
    name: Name = None,
    home: AgentHome = None,
    json: options.Json = False,
) -> None:
    """Show the owner's rules, or set some: when jobs may run on this machine. `docs/guest.md` lists them.

    Example: idlehands agent policy --preset nights --set cpu_celsius=80
    """
    words = [] if preset is None else ["--preset", preset]
    for one in rule or ():
        words += ["--set", one]
    _ask("policy", name, home, json, *words)


def pause(
    duration: For = None, name: Name = None, home: AgentHome = None, json: options.Json = False
) -> None:
    """Leave me alone: jobs on this machine stand still at once, and leave if that lasts.

    Example: idlehands agent pause --for 1h
    """
    _ask("pause", name, home, json, *_for(duration))


def drain(
    duration: For = None, name: Name = None, home: AgentHome = None, json: options.Json = False
) -> None:
    """Finish what runs on this machine and take nothing new.

    Example: idlehands agent drain
    """
    _ask("drain", name, home, json, *_for(duration))


def dedicate(
    duration: For = None, name: Name = None, home: AgentHome = None, json: options.Json = False
) -> None:
    """Run jobs on this machine whatever its rules say.

    Example: idlehands agent dedicate --for 2d
    """
    _ask("dedicate", name, home, json, *_for(duration))


def resume(name: Name = None, home: AgentHome = None, json: options.Json = False) -> None:
    """Take back `pause`, `drain` and `dedicate`, also what was asked for through HQ.

    Example: idlehands agent resume
    """
    _ask("resume", name, home, json)


def install(
    show: Annotated[bool, typer.Option("--print", help="Only print the file and where it goes.")] = False,
    json: options.Json = False,
) -> None:
    """Let the agent run whenever you are logged in: systemd, launchd or Windows' task scheduler start it.

    Example: idlehands agent install
    """
    from idlehands.service import build_service, write_service

    service = build_service()
    if show and json:
        print_json({"file": str(service.file), "content": _text(service.content)})
        return
    if show:
        sys.stdout.write(f"{service.file}:\n{_text(service.content)}")
        return
    write_service(service)
    if not json:
        say(f"wrote {service.file}")
    done = _do(service.start, "It is not started yet. Where you are logged in, run")
    answer(json, {"file": str(service.file), "commands": done}, *done)


def uninstall(json: options.Json = False) -> None:
    """Stop the service that `agent install` made, and remove it.

    Example: idlehands agent uninstall
    """
    from idlehands.service import build_service

    service = build_service()
    if not service.file.exists():
        raise Stop(REFUSED, f"There is no service in {service.file}. `idlehands agent install` makes one.")
    done = _do(service.stop, "It was not stopped. Where you are logged in, run")
    service.file.unlink()
    answer(json, {"removed": str(service.file), "commands": done}, *done, f"removed {service.file}")


def _text(content: bytes) -> str:
    return content.decode("utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8")


def _do(commands: tuple[tuple[str, ...], ...], otherwise: str) -> list[str]:
    """Run commands and return them; say what to run if one cannot be, as without a user's systemd."""
    import shlex
    import shutil
    import subprocess

    for command in commands:
        program = shutil.which(command[0])
        done = program and subprocess.run(
            [program, *command[1:]], capture_output=True, text=True, check=False
        )
        if not done or done.returncode != 0:
            why = done.stderr.strip() if done else f"{command[0]} is not here"
            all_of_it = " && ".join(shlex.join(one) for one in commands)
            raise Stop(REFUSED, f"{otherwise} `{all_of_it}` ({why[:200]})")
    return [shlex.join(command) for command in commands]


def find_agent_homes(name: str | None = None) -> list[Path]:
    """Return the homes of the agents on this machine, or of one of them.

    Raises:
        Stop: If there is none.
    """
    from idlehands.house.home import default_home_path
    from idlehands.pairing.joined import has_joined, joined_folder

    if name is None and has_joined():
        return [joined_folder() / "home"]
    agents = default_home_path() / "agents"
    found = sorted(path for path in agents.glob("*/home") if name in (None, path.parent.name))
    if not found:
        who = "agent" if name is None else f"agent {name}"
        raise Stop(
            REFUSED, f"No {who} ever ran here, in {agents}. Start it with `idlehands up`, or give its --home"
        )
    return found


def _for(duration: str | None) -> tuple[str, ...]:
    return () if duration is None else ("--for", duration)


def _ask(verb: str, name: str | None, home: Path | None, json: bool, *words: str) -> NoReturn:
    """Turn into the agents' own program, which has the sensors and the rules."""
    import os

    argv = [sys.executable, "-P", "-m", "agents.guest", verb, *words, *(["--json"] if json else [])]
    for folder in [home] if home is not None else find_agent_homes(name):
        argv += ["--home", str(folder)]
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(argv[0], argv)  # noqa: S606 - an argv list, no shell
