"""Blocks of options: one parameter of a command, many options of its users."""

import inspect
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from typer.testing import CliRunner

from idlehands.cli.blocks import spread

seen: list[Any] = []


@dataclass(frozen=True, kw_only=True)
class Size:
    wide: Annotated[int, typer.Option("--wide", help="How wide.")] = 1
    high: Annotated[int, typer.Option("--high", help="How high.")] = 2


@spread
def make(name: str, *, size: Size, json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Make it."""
    seen.append((name, size, json))


def test_the_fields_of_a_block_are_options_in_its_place() -> None:
    assert [*inspect.signature(make).parameters] == ["name", "wide", "high", "json"]
    assert (make.__name__, make.__doc__) == ("make", "Make it.")


def test_the_command_gets_its_block() -> None:
    app = typer.Typer(rich_markup_mode=None)
    app.command()(make)

    done = CliRunner().invoke(app, ["box", "--high", "7"])

    assert (done.exit_code, seen[-1]) == (0, ("box", Size(wide=1, high=7), False))
