"""What a script imports, from its syntax tree and those of the modules beside it. Never runs anything."""

import ast
import os
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from agents.warm.known import HEAVY, LIGHT, USED_LATER, acts_at_import

_FILES_AT_MOST = 64
_FILE_BYTES = 512 * 1024
_NAMES_AT_MOST = 100
#: Whoever touches these changes what an import does.
_HOOKS = frozenset({"meta_path", "path_hooks"})


class Imports(Struct, frozen=True):
    """What can be imported ahead of a script."""

    #: Dotted names, in the script's order.
    names: tuple[str, ...] = ()
    #: Their first words that are worth an interpreter of their own.
    heavy: frozenset[str] = frozenset()


def find_imports(source: bytes, folder: Path) -> Imports:
    """Return what a script in `folder` imports, of what is known to be the same ahead of it.

    Nothing heavy when the script changes, before or after, what heavy imports
    read. A source that cannot be parsed imports nothing.
    """
    found: dict[str, None] = {}
    words: set[str] = set()
    acts = False
    waiting, seen = [source], 0
    known: set[str] = set()
    beside = names_beside(folder)
    while waiting and seen < _FILES_AT_MOST:
        seen += 1
        try:
            tree = ast.parse(waiting.pop(0))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        for node in ast.walk(tree):
            acts = acts or _acts(node)
            if isinstance(node, ast.Attribute):
                words.add(node.attr)
            for name in _imported(node):
                first = name.partition(".")[0]
                if first not in beside:
                    found[name] = None
                elif first not in known:
                    known.add(first)
                    waiting += _read_all(folder, first)
    heavy = frozenset(name.partition(".")[0] for name in found) & HEAVY
    if acts:
        heavy = frozenset()
    words.update(word for name in found for word in name.split("."))
    for library in sorted(heavy & USED_LATER.keys()):
        found.update((module, None) for word, module in USED_LATER[library].items() if word in words)
    names = [name for name in found if name in LIGHT or name.partition(".")[0] in heavy]
    return Imports(tuple(names[:_NAMES_AT_MOST]), heavy)


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.name
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module
        for alias in node.names:
            # It may be a module in there, or anything else that has a name.
            if alias.name != "*":
                yield f"{node.module}.{alias.name}"


def names_beside(folder: Path) -> frozenset[str]:
    """Return the names of the modules in a folder: they come before all others of that name."""
    found = set()
    with os.scandir(folder) as entries:
        for entry in entries:
            stem, dot, ending = entry.name.partition(".")
            is_file = ending == "py" or ending.endswith("so")
            if is_file or (not dot and os.path.exists(os.path.join(entry.path, "__init__.py"))):
                found.add(stem)
    return frozenset(found)


def _read_all(folder: Path, name: str) -> list[bytes]:
    inside = folder / name
    files = sorted(inside.glob("**/*.py"))[:_FILES_AT_MOST] if inside.is_dir() else [folder / f"{name}.py"]
    contents = []
    for file in files:
        try:
            if os.stat(file).st_size <= _FILE_BYTES:
                contents.append(file.read_bytes())
        except OSError:
            continue
    return contents


def _acts(node: ast.AST) -> bool:
    """Tell whether a piece of code may change what importing a library does."""
    match node:
        case ast.Attribute(attr=name) if name in _HOOKS:
            return True
        case ast.Subscript(value=ast.Attribute(attr="modules"), ctx=ast.Store() | ast.Del()):
            return True
        case ast.Subscript(value=owner, slice=key, ctx=ast.Store() | ast.Del()) if _is_environment(owner):
            return _may_act(key)
        case ast.Call(func=ast.Attribute(value=owner, attr="setdefault" | "pop"), args=[key, *_]) if (
            _is_environment(owner)
        ):
            return _may_act(key)
        case ast.Call(func=ast.Attribute(value=owner, attr="update" | "clear")) if _is_environment(owner):
            return any(_may_act(key) for key in _keys(node))
        case ast.Call(func=ast.Attribute(attr="putenv" | "unsetenv"), args=[key, *_]):
            return _may_act(key)
        case ast.Call(func=ast.Name(id="load_dotenv") | ast.Attribute(attr="load_dotenv")):
            return True
        case ast.AugAssign(target=target) if _is_environment(target):
            return True
    return False


def _keys(call: ast.Call) -> Iterator[ast.expr | None]:
    for argument in call.args:
        if isinstance(argument, ast.Dict):
            yield from argument.keys
        else:
            yield None
    for keyword in call.keywords:
        yield ast.Constant(keyword.arg) if keyword.arg else None
    if not call.args and not call.keywords:
        yield None


def _is_environment(node: ast.expr) -> bool:
    return (isinstance(node, ast.Attribute) and node.attr in ("environ", "environb")) or (
        isinstance(node, ast.Name) and node.id in ("environ", "environb")
    )


def _may_act(key: ast.expr | None) -> bool:
    if isinstance(key, ast.Constant) and isinstance(key.value, (str, bytes)):
        word = key.value if isinstance(key.value, str) else key.value.decode("utf-8", "replace")
        return acts_at_import(word)
    return True
