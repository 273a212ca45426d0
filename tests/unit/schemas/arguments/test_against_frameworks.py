"""What is read of a script is what the framework makes of it: the corpus is ours, so it may be run here."""

import argparse
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import typer

from schemas.arguments.reading import read_script

CORPUS = Path(__file__).parent / "corpus"


def run(name: str) -> dict[str, Any]:
    """Return the names of a script of the corpus once it has run, but for the line that ends it."""
    source = (CORPUS / f"{name}.py.txt").read_text().replace('raise SystemExit("never run me")\n', "")
    names: dict[str, Any] = {"__name__": name, "__file__": f"{name}.py"}
    exec(compile(source, name, "exec"), names)  # noqa: S102 - a script of the tests
    return names


def read(name: str, command: str = "") -> dict[str, tuple[set[str], bool]]:
    """Return flags, and whether it is required, by what the framework calls the argument."""
    script = read_script((CORPUS / f"{name}.py.txt").read_bytes())
    assert not script.more
    own = [one for one in script.arguments if one.command == command]
    return {(one.flag or one.name): (set(one.flags), one.required) for one in own}


def of_click(command: click.Command) -> dict[str, tuple[set[str], bool]]:
    found = {}
    for one in command.params:
        if isinstance(one, click.Option) and (one.is_eager or "--help" in one.opts):
            continue
        flags = {*one.opts, *one.secondary_opts} if isinstance(one, click.Option) else set()
        main = next((flag for flag in one.opts if flag.startswith("--")), one.opts[0]) if flags else one.name
        found[str(main)] = (flags, one.required)
    return found


def test_a_command_of_click() -> None:
    assert read("click_one") == of_click(run("click_one")["main"])


def test_a_group_of_click() -> None:
    cli = run("click_group")["cli"]

    assert read("click_group") == of_click(cli)
    assert read("click_group", "train-model") == of_click(cli.commands["train-model"])
    assert read("click_group", "data get") == of_click(cli.commands["data"].commands["get"])


def test_a_function_of_typer() -> None:
    app = typer.Typer(add_completion=False)
    app.command()(run("typer_one")["main"])

    # Typer has click's code in itself, of classes of its own.
    command: Any = typer.main.get_command(app)
    found = {}
    for one in command.params:
        if one.is_eager:
            continue
        is_option = one.param_type_name == "option"
        flags = {*one.opts, *one.secondary_opts} if is_option else set()
        main = next((flag for flag in one.opts if flag.startswith("--")), "") if is_option else one.name
        found[main] = (flags, one.required)
    assert read("typer_one") == found


@pytest.mark.parametrize("name", ["mnist", "groups"])
def test_a_parser_of_argparse(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[argparse.ArgumentParser] = []

    class Stopped(Exception):
        pass

    def note(parser: argparse.ArgumentParser, *_: Any) -> None:
        seen.append(parser)
        raise Stopped

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", note)
    monkeypatch.setattr(sys, "argv", [name])
    names = run(name)
    with pytest.raises(Stopped):
        names["main" if name == "mnist" else "parse"]()

    (parser,) = seen
    real = {
        next((flag for flag in one.option_strings if flag.startswith("--")), one.option_strings[0])
        if one.option_strings
        else one.dest: set(one.option_strings)
        for one in parser._actions
        if one.dest not in ("help", "version")
    }
    assert {main: flags for main, (flags, _) in read(name).items()} == real
