"""Reads the calls of `add_argument` of a script: which parser they are of, and in which order.

Follows parsers through variables, groups, `parents`, subparsers, functions of the
script that are given or return one, and loops over constants. A parser that goes
where it cannot be followed makes the answer open.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from schemas.arguments import pieces
from schemas.arguments.argparse_calls import read_call
from schemas.arguments.constants import UNKNOWN
from schemas.arguments.scope import Scope
from schemas.arguments.vocabulary import Argument, Script

_STATEMENTS_AT_MOST = 20_000
_ROUNDS_AT_MOST = 100
_SAME = frozenset({"add_argument_group", "add_mutually_exclusive_group", "add_subparsers"})
_HARMLESS = frozenset({"argcomplete.autocomplete", "print"})


@dataclass
class _Parser:
    """A parser, or a group of one. `command` is None for what stands in a function for any."""

    command: str | None
    parents: list["_Parser"] = field(default_factory=list)
    arguments: list[Argument] = field(default_factory=list)
    defaults: dict[str, Any] = field(default_factory=dict)
    about: str = ""
    #: It was given to something that cannot be seen.
    escaped: bool = False

    def has_escaped(self, depth: int = 0) -> bool:
        """Tell whether it was given to something that cannot be seen, under whatever name."""
        return self.escaped or (depth < 10 and any(one.has_escaped(depth + 1) for one in self.parents))

    def all(self, depth: int = 0) -> Iterator[Argument]:
        """Yield its arguments, those of its parents first."""
        for parent in self.parents if depth < 10 else ():
            yield from parent.all(depth + 1)
        yield from self.arguments


def read(tree: ast.Module, scope: Scope, source: str) -> Script | None:
    """Return what a script takes by argparse, or None when it does not use it."""
    if not any(isinstance(one, ast.Attribute) and one.attr == "add_argument" for one in ast.walk(tree)):
        return None
    reader = _Reader(scope, source)
    reader.visit(tree.body, {}, {})
    return reader.conclude()


class _Reader:
    def __init__(self, scope: Scope, source: str) -> None:
        self._scope, self._source = scope, source
        self._parsers: list[_Parser] = []
        self._globals: dict[str, _Parser] = {}
        self._returned: dict[str, _Parser] = {}
        self._of_node: dict[int, _Parser] = {}
        self._given: list[tuple[str, int | str, _Parser]] = []
        self._parameters: dict[tuple[str, int | str], _Parser] = {}
        self._more = False
        self._left = _STATEMENTS_AT_MOST

    # --- walking --------------------------------------------------------------------

    def visit(self, body: list[ast.stmt], names: dict[str, _Parser], local: Mapping[str, Any]) -> None:
        """Read statements in their order; `names` are parsers by variable, `local` values of loops."""
        for line in body:
            self._left -= 1
            if self._left < 0:
                self._more = True
                return
            self._statement(line, names, local)

    def _statement(self, line: ast.stmt, names: dict[str, _Parser], local: Mapping[str, Any]) -> None:
        match line:
            case (
                ast.FunctionDef(name=name, args=args, body=body)
                | ast.AsyncFunctionDef(name=name, args=args, body=body)
            ):
                self.visit(body, {**names, **self._enter(name, args)}, local)
            case ast.ClassDef(body=body):
                self.visit(body, dict(names), local)
            case ast.For(target=target, iter=among, body=body):
                for bound in self._rounds(target, self._scope.value(among, local)):
                    self._of_node.clear()
                    self.visit(body, names, {**local, **bound})
            case ast.Return(value=ast.expr() as value):
                self._expressions(line, names, local)
                found = self._parser_of(value, names, local)
                if found is not None:
                    self._returned[self._function_of(names)] = found
            case (
                ast.Assign(targets=[target, *_], value=value)
                | ast.AnnAssign(target=target, value=ast.expr() as value)
            ):
                self._expressions(line, names, local)
                found = self._parser_of(value, names, local)
                if found is not None:
                    (names if isinstance(target, ast.Name) else self._globals)[ast.unparse(target)] = found
            case _:
                self._expressions(line, names, local)
                for name in ("body", "orelse", "finalbody"):
                    self.visit(getattr(line, name, []), names, local)
                for handler in getattr(line, "handlers", []):
                    self.visit(handler.body, names, local)
                for case in getattr(line, "cases", []):
                    self.visit(case.body, names, local)

    @staticmethod
    def _rounds(target: ast.expr, values: Any) -> list[dict[str, Any]]:
        """Return what a loop binds in each round; one round that binds nothing when that cannot be seen."""
        if not isinstance(values, list | dict) or len(values) > _ROUNDS_AT_MOST:
            return [{}]
        match target:
            case ast.Name(id=name):
                return [{name: value} for value in values]
            case ast.Tuple(elts=[*parts]) if all(isinstance(part, ast.Name) for part in parts):
                names = [part.id for part in parts if isinstance(part, ast.Name)]
                rows = [value for value in values if isinstance(value, list) and len(value) == len(names)]
                return [dict(zip(names, row, strict=True)) for row in rows] or [{}]
        return [{}]

    def _enter(self, name: str, args: ast.arguments) -> dict[str, _Parser]:
        """Return what a function's parameters stand for: parsers of those who call it."""
        found = {f"def {name}": _Parser(None)}
        for place, one in enumerate([*args.posonlyargs, *args.args]):
            parser = _Parser(None)
            self._parameters[name, place] = self._parameters[name, one.arg] = parser
            found[one.arg] = parser
        return found

    @staticmethod
    def _function_of(names: Mapping[str, _Parser]) -> str:
        return next((name[4:] for name in reversed(list(names)) if name.startswith("def ")), "")

    def _expressions(self, line: ast.stmt, names: dict[str, _Parser], local: Mapping[str, Any]) -> None:
        """Read the calls in a statement, without those of the statements inside it."""
        inside = {"body", "orelse", "finalbody", "handlers", "cases"}
        for name, value in ast.iter_fields(line):
            for one in value if isinstance(value, list) else [value]:
                if name not in inside and isinstance(one, ast.AST):
                    calls = [node for node in ast.walk(one) if isinstance(node, ast.Call)]
                    # Written order, where the walk has the outermost first.
                    for call in sorted(
                        calls, key=lambda node: (node.end_lineno or 0, node.end_col_offset or 0)
                    ):
                        self._call(call, names, local)

    # --- calls ----------------------------------------------------------------------

    def _call(self, call: ast.Call, names: dict[str, _Parser], local: Mapping[str, Any]) -> None:
        method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if method == "add_argument" and isinstance(call.func, ast.Attribute):
            parser = self._parser_of(call.func.value, names, local)
            if parser is None:
                parser = self._globals.setdefault("?", self._new(_Parser("")))
                self._more = True
            found = read_call(call, self._scope, local, self._source)
            self._more |= found.unread
            if found.argument is not None:
                parser.arguments.append(found.argument)
        elif method == "set_defaults" and isinstance(call.func, ast.Attribute):
            parser = self._parser_of(call.func.value, names, local)
            for word in call.keywords:
                value = self._scope.value(word.value, local)
                if parser is not None and word.arg and value is not UNKNOWN:
                    parser.defaults[word.arg] = value
        elif method == "parse_known_args" or method == "parse_known_intermixed_args":
            self._more = True
        else:
            self._hand_over(call, names, local)

    def _hand_over(self, call: ast.Call, names: dict[str, _Parser], local: Mapping[str, Any]) -> None:
        """Note which parsers are given to a function: of the script, or of somewhere else."""
        function = call.func.id if isinstance(call.func, ast.Name) else ""
        if isinstance(call.func, ast.Attribute) and call.func.attr in self._scope.functions:
            function = call.func.attr
        given: list[tuple[int | str, ast.expr]] = [*enumerate(call.args)]
        given += [(word.arg or "", word.value) for word in call.keywords]
        for place, value in given:
            parser = self._parser_of(value, names, local) if isinstance(value, ast.Name) else None
            if parser is None:
                continue
            if function in self._scope.functions:
                if isinstance(place, int) and isinstance(call.func, ast.Attribute):
                    place += 1  # self comes first
                self._given.append((function, place, parser))
            elif self._scope.origin(call.func) not in _HARMLESS:
                parser.escaped = True

    def _parser_of(
        self, node: ast.expr, names: Mapping[str, _Parser], local: Mapping[str, Any]
    ) -> _Parser | None:
        match node:
            case ast.Name(id=name):
                return names.get(name) or self._globals.get(name)
            case ast.Attribute():
                return self._globals.get(ast.unparse(node))
            case ast.Call(func=ast.Name(id=name)) if name in self._returned:
                return self._returned[name]
            case ast.Call(func=ast.Attribute(value=owner, attr=method)) if method in _SAME:
                return self._parser_of(owner, names, local)
            case ast.Call(func=ast.Attribute(value=owner, attr="add_parser")):
                above = self._parser_of(owner, names, local)
                return None if above is None else self._made(node, above, names, local)
            case ast.Call() if self._scope.origin(node.func).endswith("ArgumentParser"):
                return self._made(node, None, names, local)
        return None

    def _made(
        self,
        call: ast.Call,
        above: _Parser | None,
        names: Mapping[str, _Parser],
        local: Mapping[str, Any],
    ) -> _Parser:
        if id(call) in self._of_node:
            return self._of_node[id(call)]
        given = {word.arg: word.value for word in call.keywords}
        command = ""
        if above is not None:
            name = self._scope.value(call.args[0], local) if call.args else UNKNOWN
            self._more |= not isinstance(name, str)
            command = f"{above.command or ''} {name}".strip() if isinstance(name, str) else ""
        elif not self._scope.origin(call.func).startswith("argparse."):
            # Somebody else's: it may bring arguments of its own.
            self._more = True
        parser = self._new(_Parser(command))
        parser.about = pieces.tidy(self._scope.value(given.get("description") or given.get("help"), local))
        several = given.get("parents")
        if several is not None:
            for one in several.elts if isinstance(several, ast.List | ast.Tuple) else [several]:
                parent = self._parser_of(one, names, local)
                self._more |= parent is None
                parser.parents += [parent] if parent is not None else []
        self._of_node[id(call)] = parser
        return parser

    def _new(self, parser: _Parser) -> _Parser:
        self._parsers.append(parser)
        return parser

    # --- the whole ------------------------------------------------------------------

    def conclude(self) -> Script:
        """Return what was read."""
        called = set()
        for function, place, parser in self._given:
            inner = self._parameters.get((function, place))
            if inner is not None and inner is not parser:
                parser.parents.append(inner)
                called.add(id(inner))
        # Only now: a parameter stands for a parser once it is seen that it is given one.
        self._more |= any(parser.has_escaped() for parser in self._parsers)
        # A function that nobody is seen to call: what it adds is somewhere, and of all of the script.
        orphans = [one for one in self._parameters.values() if id(one) not in called and one.arguments]
        shared = {id(parent) for one in self._parsers for parent in one.parents}
        found: dict[tuple[str, str], Argument] = {}
        for parser in [*self._parsers, *orphans]:
            if id(parser) in shared and parser.command is not None:
                continue
            for one in parser.all():
                found.setdefault((parser.command or "", one.name), self._placed(one, parser))
        commands = tuple(dict.fromkeys(one.command for one in self._parsers if one.command))
        leaves = tuple(one for one in commands if not any(other.startswith(f"{one} ") for other in commands))
        about = next((one.about for one in self._parsers if one.about and not one.command), "")
        return Script(about, tuple(found.values()), "argparse", leaves, self._more)

    @staticmethod
    def _placed(one: Argument, parser: _Parser) -> Argument:
        changed = replace(one, command=parser.command or "")
        key = one.name.lstrip("-").replace("-", "_")
        if key in parser.defaults and changed.default is None:
            changed = replace(changed, default=pieces.plain_value(parser.defaults[key]))
        return changed
