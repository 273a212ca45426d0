"""Reads what `tyro.cli` is given: a function or a dataclass of the script, nested ones with dots."""

import ast
from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from schemas.arguments import pieces, signatures
from schemas.arguments.annotations import Shape, read_annotation
from schemas.arguments.constants import UNKNOWN, Member
from schemas.arguments.scope import Scope
from schemas.arguments.spelling import name_parameter
from schemas.arguments.tree import shown
from schemas.arguments.vocabulary import Argument, Script

_DEPTH_AT_MOST = 8


def read(tree: ast.Module, scope: Scope, source: str) -> Script | None:
    """Return what a script takes by tyro, or None when it does not use it."""
    if "tyro" not in {origin.partition(".")[0] for origin in scope.imports.values()}:
        return None
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and scope.origin(node.func) == "tyro.cli" and node.args
    ]
    if not calls:
        return Script(framework="tyro", more=True)
    reader = _Reader(scope, source)
    found: dict[str, Argument] = {}
    about = ""
    for call in calls:
        reader.more |= any(word.arg not in ("description", "prog") for word in call.keywords)
        target = call.args[0]
        if isinstance(target, ast.Subscript):
            # tyro.conf.X[Args] and Annotated[Args, ...]
            inner = target.slice.elts[0] if isinstance(target.slice, ast.Tuple) else target.slice
            target = inner
        name = target.id if isinstance(target, ast.Name) else ""
        entry = scope.functions.get(name) or scope.classes.get(name)
        if entry is None:
            reader.more = True
            continue
        about = about or pieces.first_paragraph(ast.get_docstring(entry))
        found |= {one.name: one for one in reader.read_entry(entry, "", {}, 0)}
    return Script(about, tuple(found.values()), "tyro", (), reader.more)


class _Reader:
    def __init__(self, scope: Scope, source: str) -> None:
        self._scope, self._source = scope, source
        self.more = False

    def read_entry(
        self, entry: ast.FunctionDef | ast.ClassDef, prefix: str, defaults: dict[str, ast.expr], depth: int
    ) -> Iterator[Argument]:
        """Yield the arguments of a function or dataclass; `defaults` come from where it is made."""
        if isinstance(entry, ast.ClassDef):
            self.more |= signatures.has_unknown_base(entry, self._scope)
            given = list(signatures.of_dataclass(entry, self._scope, self._source))
        else:
            given = list(signatures.of_function(entry))
            self.more |= entry.args.kwarg is not None or entry.args.vararg is not None
        for one in given:
            yield from self._read(one, prefix, defaults, depth)

    def _read(
        self, given: signatures.Given, prefix: str, defaults: dict[str, ast.expr], depth: int
    ) -> Iterator[Argument]:
        shape = read_annotation(given.annotation, self._scope, by_name=True)
        node = defaults.get(given.name, given.default)
        node, words = self._field(node)
        if words.get("init") is False or self._marked(shape, "Suppress", "Fixed"):
            return
        if shape.named:
            inner = self._scope.classes[shape.named]
            if depth >= _DEPTH_AT_MOST or shape.many or shape.optional:
                self.more = True
                return
            made = (
                {word.arg: word.value for word in node.keywords if word.arg}
                if isinstance(node, ast.Call)
                else {}
            )
            yield from self.read_entry(inner, f"{prefix}{given.name}.", made, depth + 1)
            return
        if shape.strange:
            # A type that tyro may take apart in ways that are not known here.
            self.more = True
        yield self._build(given, shape, node, prefix)

    def _field(self, node: ast.expr | None) -> tuple[ast.expr | None, dict[str | None, Any]]:
        """Return the default that `field(...)` says, or the default as it is."""
        if not isinstance(node, ast.Call) or self._scope.origin(node.func) not in (
            "dataclasses.field",
            "field",
        ):
            return node, {}
        words = {word.arg: word.value for word in node.keywords}
        known = {name: self._scope.value(value) for name, value in words.items()}
        factory = words.get("default_factory")
        if isinstance(factory, ast.Lambda):
            return factory.body, known
        if isinstance(factory, ast.Name):
            empty: dict[str, ast.expr] = {
                "list": ast.List([]),
                "tuple": ast.List([]),
                "dict": ast.Dict([], []),
            }
            return empty.get(factory.id, ast.Call(factory, [], [])), known
        return words.get("default"), known

    def _build(self, given: signatures.Given, shape: Shape, node: ast.expr | None, prefix: str) -> Argument:
        default = self._default(node)
        name = f"{prefix}{given.name}"
        about = given.help
        aliases: tuple[str, ...] = ()
        for note in shape.notes:
            if isinstance(note, ast.Call) and self._scope.origin(note.func) == "tyro.conf.arg":
                words = {word.arg: self._scope.value(word.value) for word in note.keywords}
                about = pieces.tidy(words.get("help")) or about
                if isinstance(words.get("name"), str):
                    name = f"{prefix}{words['name']}"
                told = words.get("aliases")
                aliases = tuple(one for one in told if isinstance(one, str)) if isinstance(told, list) else ()
        flag = "--" + name.replace("_", "-")
        # tyro takes hyphens and underscores alike.
        underscored = "--" + name.replace("-", "_")
        choices = (*shape.choices, "None") if shape.optional and shape.choices else shape.choices
        shared = Argument(
            name=name_parameter(flag, self._source),
            flag=flag,
            kind=shape.kind,
            default=pieces.plain_value(default),
            choices=choices,
            help=about,
            required=node is None,
            many=shape.many,
            count=shape.count,
            aliases=(*aliases, *((underscored,) if underscored != flag else ())),
            computed=shown(node) if default is UNKNOWN and node is not None else "",
        )
        if self._marked(shape, "Positional"):
            return replace(shared, name=given.name, flag="", aliases=())
        if shape.kind == "bool" and not shape.many and not shape.optional:
            if node is None:
                return replace(shared, kind="text", choices=("True", "False"))
            before, dot, last = flag[2:].rpartition(".")
            return replace(shared, default=default is True, off=f"--{before}{dot}no-{last}")
        if shape.kind == "bool":
            return replace(shared, kind="text", choices=("True", "False", "None") if not shape.many else ())
        return shared

    def _default(self, node: ast.expr | None) -> Any:
        value = self._scope.value(node) if node is not None else None
        return _by_name(value)

    def _marked(self, shape: Shape, *words: str) -> bool:
        return any(
            self._scope.origin(note) in {f"tyro.conf.{word}" for word in words} for note in shape.notes
        )


def _by_name(value: Any) -> Any:
    """Members of enums are chosen by their names."""
    if isinstance(value, list):
        return [_by_name(one) for one in value]
    return value.name if isinstance(value, Member) else value
