"""Options that `run`, `submit` and `sweep` share."""

from pathlib import Path
from typing import Annotated, Any

import typer

from schemas.specs import Limits, Needs

Params = Annotated[
    list[str] | None,
    typer.Option("--param", "-p", metavar="NAME=VALUE", help="A parameter; VALUE is JSON or text."),
]
Arguments = Annotated[
    str,
    typer.Option(
        "--arguments", help="How the script takes parameters: flags, positional or stdin (one JSON object)."
    ),
]
Name = Annotated[str, typer.Option("--name", help="What lists call it.")]
Include = Annotated[
    list[Path] | None,
    typer.Option("--include", help="Another file or folder below the script's folder that it needs."),
]
Label = Annotated[
    list[str] | None, typer.Option("--label", help="Only machines with this label; may be repeated.")
]
Agent = Annotated[str | None, typer.Option("--agent", help="Only this machine.")]
Memory = Annotated[int, typer.Option("--memory-mb", min=0, help="Memory that the machine must have.")]
Gpus = Annotated[int, typer.Option("--gpus", min=0, help="GPUs that the machine must have.")]
Priority = Annotated[int, typer.Option("--priority", min=-100, max=100, help="Higher first.")]
Exclusive = Annotated[
    bool, typer.Option("--exclusive", help="Never on two machines at once, also when the network breaks.")
]
Retries = Annotated[
    int, typer.Option("--retry-on-failure", min=0, max=100, help="How often a failure is tried again.")
]
Wall = Annotated[
    float, typer.Option("--time-limit", min=0, metavar="SECONDS", help="Stop it after that long; 0: never.")
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
Json = Annotated[bool, typer.Option("--json", help="JSON on standard output, for programs.")]


def needs_of(label: list[str] | None, agent: str | None, memory_mb: int, gpus: int) -> Needs:
    """Return what a machine must have."""
    return Needs(memory_mb, gpus, tuple(label or ()), agent)


def limits_of(seconds: float) -> Limits:
    """Return the bounds of an attempt."""
    return Limits(wall_seconds=seconds)


def spec_options(**given: Any) -> dict[str, Any]:
    """Return the keyword arguments of `build_spec` that come from shared options."""
    return {
        "arguments": given["arguments"],
        "name": given["name"],
        "needs": needs_of(given["label"], given["agent"], given["memory_mb"], given["gpus"]),
        "limits": limits_of(given["time_limit"]),
        "priority": given["priority"],
        "exclusive": given["exclusive"],
        "retry_on_failure": given["retry_on_failure"],
    }
