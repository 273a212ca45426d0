"""`demo`: the main job on this machine, to see it work."""

import sys
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)


def demo(
    leave: Annotated[
        bool, typer.Option("--exit", help="End when the sweep has ended; so it does without a terminal.")
    ] = False,
    trials: Annotated[int, typer.Option("--trials", min=1, max=1000, help="Trials of the sweep.")] = 12,
    epochs: Annotated[list[int] | None, typer.Option("--epochs", min=1, hidden=True)] = None,
    scripts: Annotated[Path | None, typer.Option("--scripts", hidden=True)] = None,
) -> None:
    """See it work on this machine: a data preparation, then a sweep over a small network.

    Exit code 0 only if every job succeeded. IDLEHANDS_HOME names the house to use;
    without it the demo has one of its own, which goes with it.

    Example: idlehands demo --trials 20
    """
    from idlehands.demo import Plan, run_demo

    usual = Plan()
    plan = Plan(
        stays=not leave and sys.stdout.isatty(),
        trials=trials,
        epochs=tuple(epochs) if epochs else usual.epochs,
        scripts=scripts.absolute() if scripts else usual.scripts,
    )
    raise typer.Exit(run_demo(plan))
