"""Every command of the tree: what it says of itself, and that options mean the same everywhere."""

import re
import shlex
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer.main

from idlehands.cli.app import app
from idlehands.cli.exits import EXIT_CODES, RUN_CODES

#: Groups that are a command too, when no other is named.
_BOTH = {("hq",), ("agent",), ("machines",), ("services",)}
#: They become a process in the foreground, or talk with a person.
_NO_ANSWER = {"up", "web", "hq", "agent", "optuna-dashboard", "demo", "pair"}
#: Their standard output is one JSON document anyway.
_ALWAYS_JSON = {"run", "sign", "services call"}
_PAGE = Path(__file__).resolve().parents[4] / "docs" / "exit-codes.md"


def _walk(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", {})
    if path and (not children or path in _BOTH):
        yield " ".join(path), command
    for name, child in children.items():
        yield from _walk(child, (*path, name))


ROOT: Any = typer.main.get_command(app)
COMMANDS = dict(_walk(ROOT, ()))


def _options(command: Any) -> dict[str, Any]:
    return {word: one for one in command.params for word in (*one.opts, *one.secondary_opts)}


def _wrong(check: Callable[[str, Any], object]) -> dict[str, object]:
    """Return what is wrong with which command: one test of all of them is quicker than 130."""
    return {name: found for name, command in COMMANDS.items() if (found := check(name, command))}


def _silence(name: str, command: Any) -> str:
    text, _, example = command.help.partition("Example")
    if not text.strip() or f"idlehands {name.removesuffix(' new')}" not in example:
        return "no words, or no example"
    # Its first sentences are what lists show.
    too_long = len(command.help) > 500 or len(text.split("\n\n")[0]) > 130
    return "help that nobody reads" if too_long else ""


def test_every_command_says_what_it_does_and_shows_how() -> None:
    assert _wrong(_silence) == {}


def _misunderstood(name: str, shown: Any) -> str:
    found = re.search(r"Examples?: (idlehands .*)", shown.help, re.S)
    assert found is not None
    for line in " ".join(found[1].split()).split("; "):
        command, words, path = ROOT, shlex.split(line)[1:], ["idlehands"]
        while (children := getattr(command, "commands", {})) and words:
            step = words.pop(0) if words[0] in children else "new"
            if step not in children:
                break
            command = children[step]
            path.append(step)
        try:
            command.make_context(" ".join(path), words).close()
        except Exception as error:
            return f"{line}: {error}"
    return ""


def test_every_example_is_one_that_its_command_understands() -> None:
    assert _wrong(_misunderstood) == {}


def test_every_command_that_answers_answers_in_json_too() -> None:
    exempt = _NO_ANSWER | _ALWAYS_JSON

    assert {name for name, command in COMMANDS.items() if "--json" not in _options(command)} == exempt


def test_every_option_says_what_it_is() -> None:
    assert not _wrong(
        lambda _, command: [one.name for one in command.params if not one.help and not one.hidden]
    )


def test_options_are_spelled_alike_everywhere() -> None:
    kinds: dict[str, set[Any]] = defaultdict(set)
    shorts: dict[str, set[str]] = defaultdict(set)
    for command in COMMANDS.values():
        for one in command.params:
            longs = [word for word in one.opts if word.startswith("--")]
            for word in (*one.opts, *one.secondary_opts):
                if word.startswith("-"):
                    assert re.fullmatch(r"--[a-z]+(-[a-z]+)*|-[a-z]", word), word
                if len(word) == 2:
                    shorts[word] |= {*longs}
            for word in longs:
                kinds[word].add(one.type_descriptor.annotation)

    assert {word: names for word, names in shorts.items() if len(names) > 1} == {}
    # Of what is made there are several tags, what is looked for has one; `describe --sweep` prints one.
    assert {word for word, found in kinds.items() if len(found) > 1} == {"--tag", "--sweep"}


def test_the_table_of_exit_codes_is_the_one_in_the_code() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", _PAGE.read_text(), re.M)
    told = re.findall(r"\b(\d+)\b", ROOT.epilog)

    assert rows == [(str(code), words) for table in (EXIT_CODES, RUN_CODES) for code, words in table.items()]
    assert {*told} <= {*map(str, EXIT_CODES), *map(str, RUN_CODES)}
