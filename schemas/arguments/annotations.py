"""What a type annotation says of an argument: its kind, choices, how many, and whether it may be left out."""

import ast
from dataclasses import dataclass, replace

from schemas.arguments import pieces
from schemas.arguments.constants import UNKNOWN, Member
from schemas.arguments.scope import Scope
from schemas.arguments.vocabulary import Kind

_OPTIONAL = frozenset({"typing.Optional", "Optional"})
_UNION = frozenset({"typing.Union", "Union"})
_SEVERAL = frozenset(
    {"list", "typing.List", "set", "typing.Set", "typing.Sequence", "collections.abc.Sequence", "frozenset"}
)
_TUPLES = frozenset({"tuple", "typing.Tuple"})
_ANNOTATED = frozenset({"typing.Annotated", "typing_extensions.Annotated"})
_LITERAL = frozenset({"typing.Literal", "typing_extensions.Literal"})
_INSIDE = frozenset({"typing.Final", "dataclasses.InitVar", "typing.ClassVar"})


@dataclass(frozen=True)
class Shape:
    """What a type says."""

    kind: Kind = "text"
    choices: tuple[str | int | float, ...] = ()
    many: bool = False
    count: int = 0
    optional: bool = False
    #: Calls and names beside it in `Annotated`.
    notes: tuple[ast.expr, ...] = ()
    #: A class of the script that it names, such as a nested dataclass.
    named: str = ""
    #: Nothing is known of it.
    strange: bool = False


def read_annotation(node: ast.expr | None, scope: Scope, *, by_name: bool = False, depth: int = 0) -> Shape:
    """Return what an annotation says; text where nothing is known.

    Args:
        node: The annotation.
        scope: Names of the script.
        by_name: Whether members of an enum are chosen by name, as tyro has it, and not by value.
        depth: How deep it is nested.
    """
    if node is None or depth > 20:
        return Shape(strange=node is not None)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            node = ast.parse(node.value[:1_000], mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return Shape(strange=True)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _union([node.left, node.right], scope, by_name, depth)
    if isinstance(node, ast.Subscript):
        return _subscript(node, scope, by_name, depth)
    name = scope.origin(node)
    if name == "bool":
        return Shape("bool")
    if members := scope.members(name):
        return Shape(choices=_of_members(members, by_name))
    if isinstance(node, ast.Name) and node.id in scope.constants:
        # `Mode = Literal["a", "b"]` further up.
        return read_annotation(scope.constants[node.id], scope, by_name=by_name, depth=depth + 1)
    if name in _SEVERAL or name in _TUPLES:
        return Shape(many=True)
    if isinstance(node, ast.Name) and node.id in scope.classes:
        return Shape(named=node.id)
    known = name in pieces.KINDS or name.rpartition(".")[2] in ("str", "Path", "datetime", "date", "UUID")
    return Shape(pieces.KINDS.get(name, "text"), strange=not known)


def _subscript(node: ast.Subscript, scope: Scope, by_name: bool, depth: int) -> Shape:
    name = scope.origin(node.value)
    parts = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]

    def inner(part: ast.expr) -> Shape:
        return read_annotation(part, scope, by_name=by_name, depth=depth + 1)

    if name in _ANNOTATED:
        found = inner(parts[0])
        return replace(found, notes=(*found.notes, *parts[1:]))
    if name in _LITERAL:
        values = [scope.value(part) for part in parts]
        given = [one for one in values if one is not None]
        choices = pieces.plain_choices(given)
        return Shape(pieces.kind_of_values(choices), choices, optional=len(given) < len(values))
    if name in _OPTIONAL:
        return replace(inner(parts[0]), optional=True)
    if name in _UNION:
        return _union(parts, scope, by_name, depth)
    if name in _SEVERAL:
        return replace(inner(parts[0]), many=True)
    if name in _TUPLES:
        first = inner(parts[0])
        endless = len(parts) == 2 and isinstance(parts[1], ast.Constant) and parts[1].value is Ellipsis
        alike = all(inner(part).kind == first.kind for part in parts) or endless
        return replace(
            first if alike else Shape(), many=True, count=0 if endless or len(parts) < 2 else len(parts)
        )
    if name in _INSIDE or name.startswith("tyro.conf."):
        found = inner(parts[0])
        return replace(found, notes=(*found.notes, node.value))
    return Shape(strange=True)


def _union(parts: list[ast.expr], scope: Scope, by_name: bool, depth: int) -> Shape:
    found = [
        read_annotation(part, scope, by_name=by_name, depth=depth + 1) for part in parts if not _none(part)
    ]
    optional = len(found) < len(parts) or any(one.optional for one in found)
    if len(found) == 1:
        return replace(found[0], optional=optional)
    if {one.kind for one in found} == {"int", "float"} and not any(one.many for one in found):
        return Shape("float", optional=optional)
    return Shape(optional=optional, strange=any(one.named for one in found))


def _none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _of_members(members: list[Member], by_name: bool) -> tuple[str | int | float, ...]:
    values = [one.name if by_name else one.value for one in members]
    return () if UNKNOWN in values else pieces.plain_choices([str(value) for value in values])
