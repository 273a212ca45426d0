"""Reads what a script takes, whichever framework it uses. Nothing of the script is ever run."""

import ast

from msgspec.structs import replace

from schemas.arguments import of_argparse, of_click, of_typer, of_tyro
from schemas.arguments.scope import build_scope
from schemas.arguments.tree import Unreadable, parse
from schemas.arguments.vocabulary import Script

_ARGUMENTS_AT_MOST = 300
#: Those that say more of themselves come first.
_READERS = (of_tyro.read, of_typer.read, of_click.read, of_argparse.read)
#: Modules that make arguments of something that is not read here.
_OTHERS = frozenset(
    (
        *("absl", "cappa", "configargparse", "cyclopts", "docopt", "fire", "getopt", "hydra"),
        *("jsonargparse", "optparse", "plac", "pydantic_settings", "simple_parsing", "tap", "transformers"),
    )
)


def read_script(source: bytes | str) -> Script:
    """Return what a script's source says of its arguments; never raises, never runs any of it.

    A script that cannot be read has `trouble`, and one that may take more than
    was read has `more`.
    """
    try:
        tree, text = parse(source)
        return _read(tree, text)
    except Unreadable as error:
        return Script(more=True, trouble=f"Its arguments cannot be read: {error}.")
    except (RecursionError, MemoryError):
        return Script(more=True, trouble="Its arguments cannot be read: it is nested too deep to be read.")


def _read(tree: ast.Module, text: str) -> Script:
    scope = build_scope(tree)
    about = (ast.get_docstring(tree) or "").strip().partition("\n")[0][:300]
    found = [one for one in (reader(tree, scope, text) for reader in _READERS) if one is not None]
    chosen = next(
        (one for one in found if one.arguments or one.framework == "tyro"), found[0] if found else None
    )
    foreign = any(origin.partition(".")[0] in _OTHERS for origin in scope.imports.values())
    if chosen is None:
        return Script(about, more=True)
    return replace(
        chosen,
        about=about or chosen.about,
        arguments=chosen.arguments[:_ARGUMENTS_AT_MOST],
        more=chosen.more or foreign or len(chosen.arguments) > _ARGUMENTS_AT_MOST or len(found) > 1,
    )
