"""Reads the functions that typer makes commands of: their signatures, `Option` and `Argument`."""

import ast
from typing import Any

from msgspec.structs import replace

from schemas.arguments import pieces, signatures
from schemas.arguments.annotations import Shape, read_annotation
from schemas.arguments.constants import UNKNOWN
from schemas.arguments.scope import Scope
from schemas.arguments.spelling import name_parameter
from schemas.arguments.tree import shown
from schemas.arguments.vocabulary import Argument, Script

_CONTEXTS = frozenset({"typer.Context", "click.Context", "typer.CallbackParam"})
_PARAMETERS = frozenset({"typer.Option", "typer.Argument"})


def read(tree: ast.Module, scope: Scope, source: str) -> Script | None:
    """Return what a script takes by typer, or None when it does not use it."""
    if "typer" not in {origin.partition(".")[0] for origin in scope.imports.values()}:
        return None
    reader = _Reader(scope, source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                reader.decorated(node, decorator)
        elif isinstance(node, ast.Call):
            reader.called(node)
    return reader.conclude()


class _Reader:
    def __init__(self, scope: Scope, source: str) -> None:
        self._scope, self._source = scope, source
        self._apps = {
            name
            for name, value in scope.constants.items()
            if isinstance(value, ast.Call) and scope.origin(value.func) == "typer.Typer"
        }
        #: Application, command and function; a callback has no command.
        self._functions: list[tuple[str, str, ast.FunctionDef]] = []
        #: Application: the one above it, and the word that leads to it.
        self._above: dict[str, tuple[str, str]] = {}
        self._more = False

    def decorated(self, function: ast.FunctionDef, decorator: ast.expr) -> None:
        """Note a function that a decorator makes a command or a callback."""
        match decorator:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=app), attr="command" | "callback" as what)):
                if app in self._apps:
                    self._add(app, what, function, decorator)

    def called(self, call: ast.Call) -> None:
        """Note `typer.run(f)`, `app.command()(f)` and `app.add_typer(sub)`."""
        match call:
            case ast.Call(args=[ast.Name(id=name)]) if self._scope.origin(call.func) == "typer.run":
                self._named("", "command", name, None)
            case ast.Call(
                func=ast.Call(
                    func=ast.Attribute(value=ast.Name(id=app), attr="command" | "callback" as what)
                ) as made,
                args=[ast.Name(id=name)],
            ) if app in self._apps:
                self._named(app, what, name, made)
            case ast.Call(func=ast.Attribute(value=ast.Name(id=app), attr="add_typer"), args=[one, *_]):
                word = next((self._scope.value(k.value) for k in call.keywords if k.arg == "name"), UNKNOWN)
                if isinstance(one, ast.Name) and one.id in self._apps and isinstance(word, str):
                    self._above[one.id] = (app, word)
                else:
                    self._more = True

    def _named(self, app: str, what: str, name: str, made: ast.Call | None) -> None:
        function = self._scope.functions.get(name)
        if function is None:
            self._more = True
        else:
            self._add(app, what, function, made)

    def _add(self, app: str, what: str, function: ast.FunctionDef, made: ast.Call | None) -> None:
        if what == "callback":
            self._functions.append((app, "", function))
            return
        given: list[Any] = []
        if made is not None:
            named = made.args[:1] or [word.value for word in made.keywords if word.arg == "name"]
            given = [self._scope.value(one) for one in named]
            self._more |= any(word.arg == "context_settings" for word in made.keywords)
        told = given[0] if given and isinstance(given[0], str) else function.name.lower().replace("_", "-")
        self._functions.append((app, told, function))

    def conclude(self) -> Script | None:
        """Return what was read."""
        if not self._functions:
            return None
        found: dict[tuple[str, str], Argument] = {}
        commands: list[str] = []
        about = ""
        for app, name, function in self._functions:
            peers = [one for one in self._functions if one[0] == app]
            # One command alone needs no word to be called by.
            joined = {*self._above, *(above for above, _ in self._above.values())}
            alone = len(peers) == 1 and app not in joined
            command = self._path(app, "" if alone else name)
            if command and name:
                commands.append(command)
            said = pieces.first_paragraph(ast.get_docstring(function))
            about = said if not command or not about else about
            for given in signatures.of_function(function):
                one = self._read(given)
                if one is not None:
                    found[command, one.name] = replace(one, command=command)
        return Script(about, tuple(found.values()), "typer", tuple(dict.fromkeys(commands)), self._more)

    def _path(self, app: str, name: str) -> str:
        words = [name] if name else []
        for _ in range(5):
            if app not in self._above:
                break
            app, word = self._above[app]
            words.insert(0, word)
        return " ".join(words)

    def _read(self, given: signatures.Given) -> Argument | None:
        if self._scope.origin(given.annotation) in _CONTEXTS:
            return None
        shape = read_annotation(given.annotation, self._scope)
        info = next((one for one in shape.notes if self._is_parameter(one)), None)
        default: Any = self._scope.value(given.default) if given.default is not None else ...
        text = shown(given.default) if default is UNKNOWN else ""
        if info is None and given.default is not None and self._is_parameter(given.default):
            info, text = given.default, ""
            first = info.args[0] if isinstance(info, ast.Call) and info.args else None
            words = {word.arg: word.value for word in info.keywords} if isinstance(info, ast.Call) else {}
            first = first or words.get("default")
            default = ... if first is None or _is_ellipsis(first) else self._scope.value(first)
            text = shown(first) if default is UNKNOWN else ""
            flags_from = 1
        else:
            flags_from = 0
        is_option = (
            self._scope.origin(info.func) == "typer.Option"
            if isinstance(info, ast.Call)
            else default is not ...
        )
        return self._build(given, shape, info, is_option, default, text, flags_from)

    def _is_parameter(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Call) and self._scope.origin(node.func) in _PARAMETERS

    def _build(
        self,
        given: signatures.Given,
        shape: Shape,
        info: ast.expr | None,
        is_option: bool,
        default: Any,
        computed: str,
        flags_from: int,
    ) -> Argument | None:
        words = (
            {one.arg: self._scope.value(one.value) for one in info.keywords if one.arg}
            if isinstance(info, ast.Call)
            else {}
        )
        told = (
            [self._scope.value(one) for one in info.args[flags_from:]] if isinstance(info, ast.Call) else []
        )
        flags = [one for one in told if isinstance(one, str) and one.startswith("-")]
        if words.get("is_eager") is True:
            return None
        about = pieces.tidy(words.get("help")) or given.help
        choices = shape.choices
        if words.get("case_sensitive") is False and choices:
            choices = tuple(str(one) for one in choices)
        shared = Argument(
            name=given.name,
            kind=shape.kind if given.annotation is not None else pieces.kind_of_values([default]),
            default=pieces.plain_value(default),
            choices=choices,
            help=about,
            required=default is ... and not (shape.optional and not is_option),
            many=shape.many,
            count=shape.count,
            low=pieces.number(words.get("min")),
            high=pieces.number(words.get("max")),
            computed=computed,
        )
        if not is_option:
            kind = "text" if shape.kind == "bool" else shape.kind
            return replace(shared, kind=kind)
        flag = "--" + given.name.replace("_", "-")
        if shape.kind == "bool" and not shape.many:
            return self._switch(shared, flags or [f"{flag}/--no-{flag[2:]}"])
        main = next((one for one in flags if one.startswith("--")), flags[0] if flags else flag)
        others = tuple(one for one in flags if one != main)
        return replace(
            shared,
            name=name_parameter(main, self._source),
            flag=main,
            aliases=others,
            repeated=shape.many and not shape.count,
        )

    def _switch(self, shared: Argument, flags: list[str]) -> Argument:
        on = [one.partition("/")[0].strip() for one in flags]
        off = [one.partition("/")[2].strip() for one in flags]
        on = [one for one in on if one]
        main = next((one for one in on if one.startswith("--")), on[0] if on else "")
        away = next((one for one in off if one), "")
        if not main:
            # `--no-color` without a flag that switches it on.
            main, away = away, ""
        return replace(
            shared,
            name=name_parameter(main, self._source),
            flag=main,
            kind="bool",
            default=shared.default is True and bool(away),
            aliases=tuple(one for one in on if one != main),
            off=away,
            choices=(),
        )


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is Ellipsis
