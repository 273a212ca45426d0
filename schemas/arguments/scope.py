"""What the names of a script stand for, as far as that can be seen: imports, constants, enums, classes.

Computes constants of a few kinds, within bounds, and never calls anything of the script.
"""

import ast
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.arguments.constants import (
    ITEMS_AT_MOST,
    UNKNOWN,
    Member,
    all_known,
    binary,
    bounded,
    items,
    unary,
)

_NODES_AT_MOST = 20_000
_ENUMS = frozenset({"enum.Enum", "enum.StrEnum", "enum.IntEnum", "enum.Flag", "enum.IntFlag"})


@dataclass
class Scope:
    """The names of one script."""

    #: Local name to where it is from: `np` is `numpy`, `option` is `click.option`.
    imports: dict[str, str] = field(default_factory=dict)
    constants: dict[str, ast.expr] = field(default_factory=dict)
    functions: dict[str, ast.FunctionDef] = field(default_factory=dict)
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    _left: int = _NODES_AT_MOST
    _members: dict[str, list[Member]] = field(default_factory=dict)

    def origin(self, node: ast.AST | None) -> str:
        """Return the dotted name of an expression with imports put in; empty when it is none."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        return ".".join([self.imports.get(node.id, node.id), *reversed(parts)])

    def members(self, name: str) -> list[Member]:
        """Return the members of an enum of the script; none when it is no enum."""
        found = self.classes.get(name)
        if found is None:
            return []
        bases = {self.origin(base) for base in found.bases}
        if bases.isdisjoint(_ENUMS):
            return []
        if name in self._members:
            return self._members[name]
        # Known before it is full, so that an enum that names itself ends.
        members = self._members[name] = []
        for line in found.body:
            match line:
                case ast.Assign(targets=[ast.Name(id=member)], value=given) if not member.startswith("_"):
                    members.append(Member(member, self._member_value(given, member, bases, len(members))))
        return members

    def _member_value(self, given: ast.expr, name: str, bases: set[str], before: int) -> Any:
        if isinstance(given, ast.Call) and self.origin(given.func) == "enum.auto":
            return name.lower() if "enum.StrEnum" in bases else before + 1
        return self.value(given)

    def value(self, node: ast.AST | None, local: Mapping[str, Any] | None = None) -> Any:
        """Return the constant that an expression is, or UNKNOWN.

        Args:
            node: The expression; None is UNKNOWN.
            local: Values of names that are known here only.
        """
        self._left -= 1
        if node is None or self._left < 0:
            return UNKNOWN
        try:
            return bounded(self._value(node, local or {}))
        except (TypeError, ValueError, ArithmeticError, KeyError, IndexError, RecursionError):
            return UNKNOWN

    def _value(self, node: ast.AST, local: Mapping[str, Any]) -> Any:
        match node:
            case ast.Constant(value=value):
                return value if value is None or isinstance(value, str | int | float) else UNKNOWN
            case ast.Name(id=name):
                return local[name] if name in local else self._named(name)
            case ast.UnaryOp(op=op, operand=operand):
                return unary(op, self.value(operand, local))
            case ast.BinOp(left=left, op=op, right=right):
                return binary(self.value(left, local), op, self.value(right, local))
            case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
                return all_known([self.value(part, local) for part in parts])
            case ast.Dict(keys=keys, values=values):
                known = all_known([self.value(key, local) for key in keys])
                return UNKNOWN if known is UNKNOWN else dict(zip(known, values, strict=True))
            case ast.JoinedStr(values=values):
                return self._joined(values, local)
            case ast.Attribute(value=owner, attr=attr):
                return self._attribute(node, owner, attr, local)
            case ast.Call():
                return self._call(node, local)
            case ast.ListComp(elt=elt, generators=[one]) | ast.GeneratorExp(elt=elt, generators=[one]):
                if one.ifs or not isinstance(one.target, ast.Name):
                    return UNKNOWN
                among = self.value(one.iter, local)
                return all_known([self.value(elt, {**local, one.target.id: each}) for each in items(among)])
        return UNKNOWN

    def _named(self, name: str) -> Any:
        if name in self.classes:
            return self.members(name) or UNKNOWN
        given = self.constants.get(name)
        if given is None:
            return UNKNOWN
        # Out of sight while it is looked at, so that `a = a` ends.
        del self.constants[name]
        try:
            return self.value(given)
        finally:
            self.constants[name] = given

    def _joined(self, values: list[ast.expr], local: Mapping[str, Any]) -> Any:
        parts: list[str] = []
        for one in values:
            if isinstance(one, ast.FormattedValue):
                if one.format_spec is not None:
                    return UNKNOWN
                one = one.value
            part = self.value(one, local)
            if part is UNKNOWN:
                return UNKNOWN
            parts.append(str(part))
        return "".join(parts)

    def _attribute(self, node: ast.Attribute, owner: ast.expr, attr: str, local: Mapping[str, Any]) -> Any:
        if isinstance(owner, ast.Name) and owner.id in self.classes:
            members = {one.name: one for one in self.members(owner.id)}
            return members if attr == "__members__" else members[attr]
        known = self.value(owner, local)
        if isinstance(known, Member) and attr in ("name", "value"):
            return known.name if attr == "name" else known.value
        return {"math.pi": math.pi, "math.e": math.e}.get(self.origin(node), UNKNOWN)

    def _call(self, node: ast.Call, local: Mapping[str, Any]) -> Any:
        if isinstance(node.func, ast.Attribute) and not node.keywords:
            found = self._method(node.func.attr, self.value(node.func.value, local), node.args, local)
            if found is not UNKNOWN:
                return found
        given = all_known([self.value(one, local) for one in node.args])
        if given is UNKNOWN or node.keywords:
            return UNKNOWN
        name = self.origin(node.func)
        match name, given:
            case "range", [int(), *_] if len(range(*given)) <= ITEMS_AT_MOST:
                return list(range(*given))
            case (("list" | "tuple" | "set" | "sorted" | "frozenset"), [several]):
                return sorted(items(several)) if name == "sorted" else list(items(several))
            case (("pathlib.Path" | "pathlib.PurePath" | "str" | "os.path.join"), [str(), *_]):
                return "/".join(map(str, given))
            case (("int" | "float"), [one]):
                return int(one) if name == "int" else float(one)
        return UNKNOWN

    def _method(self, name: str, owner: Any, args: list[ast.expr], local: Mapping[str, Any]) -> Any:
        match name, owner, args:
            case "keys", dict(), []:
                return list(owner)
            case "values", dict(), []:
                return all_known([self.value(one, local) for one in owner.values()])
            case "split", str(), []:
                return owner.split()
            case "split", str(), [one]:
                return owner.split(self.value(one, local))
        return UNKNOWN


def build_scope(tree: ast.Module) -> Scope:
    """Return the names of a script. A name that is bound twice stands for nothing."""
    scope = Scope()
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    full = alias.name if alias.asname else alias.name.partition(".")[0]
                    scope.imports[alias.asname or full] = full
            case ast.ImportFrom(module=module, names=names):
                for alias in names:
                    scope.imports[alias.asname or alias.name] = f"{module or ''}.{alias.name}"
            case ast.FunctionDef(name=name):
                scope.functions.setdefault(name, node)
            case ast.ClassDef(name=name):
                scope.classes.setdefault(name, node)
    twice: set[str] = set()
    for line in tree.body:
        match line:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                pass
            case _:
                continue
        if name in scope.constants:
            twice.add(name)
        scope.constants[name] = value
    for name in twice:
        del scope.constants[name]
    return scope
