"""Options and arguments that several commands share."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from idlehands.cli import completing
from idlehands.cli.exits import USAGE, Stop
from schemas.isolation import LEVELS, Isolation

Params = Annotated[
    list[str] | None,
    typer.Option("--param", "-p", metavar="NAME=VALUE", help="A parameter; VALUE is JSON or text."),
]
Arguments = Annotated[
    str,
    typer.Option(
        "--arguments",
        autocompletion=completing.words("flags", "positional", "stdin"),
        help="How the script takes parameters: flags, positional or stdin (one JSON object).",
    ),
]
Name = Annotated[str, typer.Option("--name", help="What lists call it.")]
Include = Annotated[
    list[Path] | None,
    typer.Option("--include", help="Another file or folder below the script's folder that it needs."),
]
Artifact = Annotated[
    list[str] | None,
    typer.Option(
        "--artifact",
        metavar="GLOB",
        help="Files to keep when it has ended, such as 'out/*.png'; repeatable.",
    ),
]
Label = Annotated[
    list[str] | None, typer.Option("--label", help="Only machines with this label; may be repeated.")
]
Agent = Annotated[
    str | None,
    typer.Option("--agent", metavar="NAME", help="Only on this machine.", autocompletion=completing.agents),
]
Memory = Annotated[int, typer.Option("--memory-mb", min=0, help="Memory that the machine must have.")]
Gpus = Annotated[int, typer.Option("--gpus", min=0, help="GPUs that the machine must have.")]
Priority = Annotated[int, typer.Option("--priority", min=-100, max=100, help="Higher first.")]
Exclusive = Annotated[
    bool, typer.Option("--exclusive", help="Never on two machines at once, also when the network breaks.")
]
JobSeed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        min=0,
        max=2**32 - 1,
        help="What the script gets as IDLEHANDS_SEED; by default every attempt draws one.",
    ),
]
Retries = Annotated[
    int, typer.Option("--retry-on-failure", min=0, max=100, help="How often a failure is tried again.")
]
Wall = Annotated[
    float, typer.Option("--time-limit", min=0, metavar="SECONDS", help="Stop it after that long; 0: never.")
]
MemoryLimit = Annotated[
    int,
    typer.Option("--memory-limit", min=0, metavar="MIB", help="End it when it uses more memory; 0: never."),
]
CpuLimit = Annotated[
    float,
    typer.Option("--cpu-limit", min=0, metavar="SECONDS", help="Likewise, processor time of all it starts."),
]
ProcessLimit = Annotated[
    int, typer.Option("--process-limit", min=0, metavar="COUNT", help="Likewise, processes at one time.")
]
DiskLimit = Annotated[
    int, typer.Option("--disk-limit", min=0, metavar="MIB", help="Likewise, what it writes to its folders.")
]
AuthorKey = Annotated[
    Path | None,
    typer.Option(
        "--author-key",
        envvar="IDLEHANDS_AUTHOR_KEY",
        metavar="FILE",
        help="Sign the script as its author with this key; without one the house signs it.",
    ),
]
IsolationMinimum = Annotated[
    str,
    typer.Option(
        "--isolation",
        help="The least isolation that will do: none, basic, or strict for a sandbox.",
        autocompletion=completing.words(*LEVELS),
    ),
]
Network = Annotated[
    bool, typer.Option("--network", help="In strict: with the network. Below it, the network is there.")
]
Environment = Annotated[
    str,
    typer.Option(
        "--env",
        metavar="WHAT",
        help="What it runs in: auto (what its PEP 723 header asks for, else agent), agent (the agent's own "
        "interpreter), script (what its header, uv.lock, requirements.txt or pyproject.toml asks for), or an "
        "interpreter such as python3.12.",
    ),
]
Secret = Annotated[
    list[str] | None,
    typer.Option("--secret", metavar="NAME", help="A secret that the script gets as a variable; repeatable."),
]
SecretFiles = Annotated[
    bool, typer.Option("--secret-files", help="Secrets as files $IDLEHANDS_SECRETS/NAME, not as variables.")
]
After = Annotated[
    list[str] | None,
    typer.Option(
        "--after",
        metavar="ID",
        help="A job or sweep that must have succeeded first; repeatable. If it does not, this is cancelled.",
        autocompletion=completing.jobs_and_sweeps,
    ),
]
AfterAny = Annotated[
    list[str] | None,
    typer.Option(
        "--after-any",
        metavar="ID",
        help="A job or sweep that must have ended first, however.",
        autocompletion=completing.jobs_and_sweeps,
    ),
]
NotBefore = Annotated[
    str,
    typer.Option(
        "--not-before", metavar="WHEN", help="Begin no earlier: 22:30, 2026-12-01T08:00, or +2h from now."
    ),
]
Expires = Annotated[
    str,
    typer.Option("--expires", metavar="WHEN", help="Cancel it if it has not begun by then; as --not-before."),
]
Within = Annotated[
    list[str] | None,
    typer.Option("--within", metavar="LIMIT", help="A limit of the house that it counts against."),
]
Project = Annotated[str | None, typer.Option("--project", metavar="NAME", help="What it belongs to.")]
Tags = Annotated[
    list[str] | None, typer.Option("--tag", metavar="WORD", help="A word to find it by; repeatable.")
]
Note = Annotated[str, typer.Option("--note", help="What should be known about it.")]
OneTag = Annotated[str | None, typer.Option("--tag", metavar="WORD", help="Only what has this tag.")]
OfProject = Annotated[str | None, typer.Option("--project", metavar="NAME", help="Only of this project.")]
LeastIsolation = Annotated[
    str | None,
    typer.Option(
        "--isolation",
        envvar="IDLEHANDS_ISOLATION",
        autocompletion=completing.words(*LEVELS),
        help="Run no job here with less: none, basic or strict. Default: as house.json says.",
    ),
]
OneJob = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="A job id, or a unique beginning of one.", autocompletion=completing.jobs
    ),
]
Sweep = Annotated[
    str | None,
    typer.Option("--sweep", metavar="ID", help="Only of this sweep.", autocompletion=completing.sweeps),
]
OfAgent = Annotated[
    str | None,
    typer.Option("--agent", metavar="NAME", help="Only of this machine.", autocompletion=completing.agents),
]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="How many at most.")]
Force = Annotated[
    bool,
    typer.Option("--force", help="Submit it also with parameters that the script does not seem to take."),
]
Json = Annotated[bool, typer.Option("--json", help="JSON on standard output, for programs.")]


def check_word(option: str, given: str | None, words: Iterable[str]) -> None:
    """Do nothing if the option has one of these words, or was not given.

    Raises:
        Stop: If it has another.
    """
    *most, last = allowed = [str(word) for word in words]
    if given is not None and given not in allowed:
        raise Stop(USAGE, f"{option} {given!r} is none of {', '.join(most)} and {last}")


def checked_isolation(given: str | None) -> Isolation | None:
    """Return a level of isolation as it was given.

    Raises:
        Stop: If there is none of that name.
    """
    check_word("--isolation", given, LEVELS)
    return next((level for level in LEVELS if level == given), None)
