"""Reads the decorators of click: options and arguments of each command, and the groups above them."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from schemas.arguments import pieces
from schemas.arguments.constants import UNKNOWN
from schemas.arguments.scope import Scope
from schemas.arguments.spelling import name_parameter
from schemas.arguments.tree import shown
from schemas.arguments.vocabulary import Argument, Kind, Script

_COMMANDS = ("click.command", "click.group")
#: They add nothing that a job gives.
_SILENT = frozenset(
    {"click.pass_context", "click.pass_obj", "click.version_option", "click.help_option", "functools.wraps"}
)
_ENDINGS = ("_command", "_cmd", "_group", "_grp")


@dataclass(frozen=True)
class Typed:
    """What a type of click says."""

    kind: Kind = "text"
    choices: tuple[str | int | float, ...] = ()
    low: float | None = None
    high: float | None = None
    count: int = 0


def read(tree: ast.Module, scope: Scope, source: str) -> Script | None:
    """Return what a script takes by click, or None when it does not use it."""
    if not any(origin.partition(".")[0] in ("click", "rich_click") for origin in scope.imports.values()):
        return None
    # rich_click is click in other clothes.
    for name, origin in list(scope.imports.items()):
        if origin.partition(".")[0] == "rich_click":
            scope.imports[name] = "click" + origin[len("rich_click") :]
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.decorator_list]
    reader = _Reader(scope, source, {one.name for one in functions})
    for function in functions:
        reader.read_function(function)
    return reader.conclude()


class _Reader:
    def __init__(self, scope: Scope, source: str, decorated: set[str]) -> None:
        self._scope, self._source, self._decorated = scope, source, decorated
        self._groups: dict[str, str] = {}
        self._found: list[Argument] = []
        self._commands: list[str] = []
        self._about = ""
        self._any = self._more = False

    def read_function(self, function: ast.FunctionDef) -> None:
        """Read a function if a decorator makes it a command or a group."""
        made = next((one for one in function.decorator_list if self._is_command(one)), None)
        if made is None:
            return
        self._any = True
        command = self._place(function, made)
        about = pieces.first_paragraph(ast.get_docstring(function))
        if not command:
            self._about = about
        for decorator in function.decorator_list:
            if decorator is not made:
                self._decorator(decorator, command)
        if isinstance(made, ast.Call) and any(word.arg == "context_settings" for word in made.keywords):
            self._more = True

    def _is_command(self, decorator: ast.expr) -> bool:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if self._scope.origin(called) in _COMMANDS:
            return True
        owner = called.value if isinstance(called, ast.Attribute) else None
        return (
            isinstance(owner, ast.Name)
            and owner.id in self._decorated
            and isinstance(called, ast.Attribute)
            and called.attr in ("command", "group")
        )

    def _place(self, function: ast.FunctionDef, made: ast.expr) -> str:
        """Return the words of the command line that lead to a command; none for what the script is itself."""
        called = made.func if isinstance(made, ast.Call) else made
        is_group = (
            called.attr if isinstance(called, ast.Attribute) else self._scope.origin(called)
        ).endswith("group")
        owner = called.value if isinstance(called, ast.Attribute) else None
        if not isinstance(owner, ast.Name) or owner.id not in self._decorated:
            if is_group:
                self._groups[function.name] = ""
            return ""
        name = _command_name(function.name)
        if isinstance(made, ast.Call):
            given = made.args[:1] or [word.value for word in made.keywords if word.arg == "name"]
            told = self._scope.value(given[0]) if given else name
            name = told if isinstance(told, str) else name
        command = f"{self._groups.get(owner.id, '')} {name}".strip()
        if is_group:
            self._groups[function.name] = command
        else:
            self._commands.append(command)
        return command

    def _decorator(self, node: ast.expr, command: str) -> None:
        if isinstance(node, ast.Name) and node.id in self._scope.constants:
            node = self._scope.constants[node.id]
        called = node.func if isinstance(node, ast.Call) else node
        origin = self._scope.origin(called)
        if origin in ("click.option", "click.argument") and isinstance(node, ast.Call):
            found = read_option(node, self._scope, self._source, is_option=origin == "click.option")
            if found is None:
                self._more = True
            else:
                self._found.append(_placed(found, command))
        elif origin not in _SILENT and not origin.startswith(("torch.", "click.pass")):
            # It may add options of its own.
            self._more = True

    def conclude(self) -> Script | None:
        """Return what was read."""
        if not self._any:
            return None
        found = {(one.command, one.name): one for one in self._found}
        return Script(self._about, tuple(found.values()), "click", tuple(self._commands), self._more)


def _command_name(function: str) -> str:
    for ending in _ENDINGS:
        function = function.removesuffix(ending) or function
    return function.lower().replace("_", "-")


def _placed(one: Argument, command: str) -> Argument:
    return replace(one, command=command)


def read_option(call: ast.Call, scope: Scope, source: str, *, is_option: bool) -> Argument | None:
    """Return what one call of `option` or `argument` adds; None when it cannot be seen."""
    words = [scope.value(word) for word in call.args]
    given = {word.arg: word.value for word in call.keywords if word.arg}
    if (
        not words
        or not all(isinstance(word, str) and word for word in words)
        or len(given) != len(call.keywords)
    ):
        return None

    def said(name: str) -> Any:
        return scope.value(given[name]) if name in given else None

    default = said("default")
    typed = read_type(given.get("type"), scope, given)
    nargs = said("nargs") or typed.count
    several = isinstance(nargs, int) and (nargs > 1 or nargs < 0)
    count = nargs if several and nargs > 1 else 0
    if not is_option:
        endless = isinstance(nargs, int) and nargs < 0
        optional = said("required") is False or "default" in given or (endless and not said("required"))
        return Argument(
            name=words[0].replace("-", "_").lower(),
            kind=typed.kind,
            default=pieces.plain_value(default),
            choices=typed.choices,
            required=not optional,
            many=several,
            count=count,
            low=typed.low,
            high=typed.high,
        )
    on, off, aliases = _split_flags([word for word in words if word.startswith("-")])
    if not on:
        return None
    about = pieces.tidy(said("help"))
    is_flag = said("is_flag") is True or bool(off) or "flag_value" in given or said("count") is True
    name = name_parameter(on, source)
    if is_flag:
        return Argument(name, on, "bool", default is True, help=about, aliases=aliases, off=off)
    repeated = said("multiple") is True
    return Argument(
        name=name,
        flag=on,
        kind=typed.kind if "type" in given else pieces.kind_of_values(_several(default)),
        default=pieces.plain_value(default),
        choices=typed.choices,
        help=about,
        required=said("required") is True,
        many=several or repeated,
        count=count,
        repeated=repeated,
        low=typed.low,
        high=typed.high,
        aliases=aliases,
        computed=shown(given["default"]) if default is UNKNOWN else "",
    )


def _several(default: Any) -> list[Any]:
    return default if isinstance(default, list) else [default]


def _split_flags(words: list[str]) -> tuple[str, str, tuple[str, ...]]:
    """Return the flag, the one that switches it off, and the other spellings."""
    on: list[str] = []
    off: list[str] = []
    for word in words:
        one, slash, other = word.partition("/")
        on += [one.strip()] if one.strip() else []
        off += [other.strip()] if slash and other.strip() else []
    main = next((one for one in on if one.startswith("--")), on[0] if on else "")
    return main, off[0] if off else "", tuple(one for one in [*on, *off[1:]] if one != main)


def read_type(node: ast.expr | None, scope: Scope, given: Mapping[str, ast.expr]) -> Typed:
    """Return what a type of click, or a plain one, says."""
    if node is None:
        return Typed()
    if isinstance(node, ast.Tuple):
        kinds = {pieces.KINDS.get(scope.origin(part), "text") for part in node.elts}
        return Typed(kinds.pop() if len(kinds) == 1 else "text", count=len(node.elts))
    if isinstance(node, ast.Call):
        args = list(node.args)
        words = {word.arg: word.value for word in node.keywords if word.arg}
        origin = scope.origin(node.func)
        match origin:
            case "click.Choice":
                choices = pieces.plain_choices(scope.value(args[0] if args else words.get("choices")))
                return Typed(choices=tuple(str(one) for one in choices))
            case "click.IntRange" | "click.FloatRange":
                low = pieces.number(scope.value(args[0] if args else words.get("min")))
                high = pieces.number(scope.value(args[1] if len(args) > 1 else words.get("max")))
                return Typed("int" if origin == "click.IntRange" else "float", (), low, high)
        return Typed()
    origin = scope.origin(node)
    if origin in ("bool", "click.BOOL") and "is_flag" not in given:
        return Typed(choices=("true", "false"))
    return Typed(pieces.KINDS.get(origin, "text"))
