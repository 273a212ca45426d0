"""The parameters of functions and the fields of dataclasses: name, annotation, default, and their help."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from schemas.arguments import pieces
from schemas.arguments.scope import Scope

_SECTION = re.compile(r"^\s*(Args|Arguments|Parameters):\s*$")
_LINE = re.compile(r"^\s+(\w+)\s*(?:\([^)]*\))?:\s*(.*)$")


@dataclass(frozen=True)
class Given:
    """One parameter or field."""

    name: str
    annotation: ast.expr | None
    default: ast.expr | None
    help: str = ""


def of_function(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Given]:
    """Yield the parameters of a function; what its docstring says under Args is their help."""
    said = _said_of_parameters(ast.get_docstring(function) or "")
    args = [*function.args.posonlyargs, *function.args.args]
    defaults = [None] * (len(args) - len(function.args.defaults)) + list(function.args.defaults)
    for one, default in [
        *zip(args, defaults, strict=True),
        *zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True),
    ]:
        if one.arg not in ("self", "cls"):
            yield Given(one.arg, one.annotation, default, said.get(one.arg, ""))


def of_dataclass(found: ast.ClassDef, scope: Scope, source: str, depth: int = 0) -> Iterator[Given]:
    """Yield the fields of a dataclass, those of its bases in the script first.

    What stands under a field as text is its help, else the comment at the end of its line or above it.
    """
    fields: dict[str, Given] = {}
    for base in found.bases:
        inner = scope.classes.get(scope.origin(base))
        if inner is not None and inner is not found and depth < 10:
            fields |= {one.name: one for one in of_dataclass(inner, scope, source, depth + 1)}
    lines = source.splitlines()
    for at, line in enumerate(found.body):
        if not isinstance(line, ast.AnnAssign) or not isinstance(line.target, ast.Name):
            continue
        if scope.origin(line.annotation).endswith("ClassVar") or _is_class_variable(line.annotation, scope):
            continue
        after = found.body[at + 1] if at + 1 < len(found.body) else None
        match after:
            case ast.Expr(value=ast.Constant(value=str() as text)):
                about = pieces.tidy(text)
            case _:
                about = _comment(lines, line)
        fields[line.target.id] = Given(line.target.id, line.annotation, line.value, about)
    yield from fields.values()


def has_unknown_base(found: ast.ClassDef, scope: Scope) -> bool:
    """Tell whether a class may have fields of a class that is not in the script."""
    return any(scope.origin(base) not in scope.classes for base in found.bases)


def _is_class_variable(annotation: ast.expr, scope: Scope) -> bool:
    return isinstance(annotation, ast.Subscript) and scope.origin(annotation.value).endswith("ClassVar")


def _comment(lines: list[str], node: ast.stmt) -> str:
    """Return the comment at the end of a statement's line, or those right above it."""
    last = lines[(node.end_lineno or 1) - 1] if (node.end_lineno or 0) <= len(lines) else ""
    # Columns of the tree are of bytes.
    rest = last.encode()[node.end_col_offset or 0 :].decode(errors="replace").strip()
    if rest.startswith("#"):
        return pieces.tidy(rest.lstrip("# "))
    above: list[str] = []
    for line in reversed(lines[: node.lineno - 1]):
        if not line.strip().startswith("#"):
            break
        above.append(line.strip().lstrip("# "))
    return pieces.tidy(" ".join(reversed(above)))


def _said_of_parameters(docstring: str) -> dict[str, str]:
    """Return what the Args section of a docstring says, by parameter."""
    said: dict[str, str] = {}
    inside = False
    indent = name = None
    for line in docstring.splitlines():
        if _SECTION.match(line):
            inside = True
        elif inside and line.strip():
            depth = len(line) - len(line.lstrip())
            if depth == 0:
                break
            found = _LINE.match(line)
            if found and (indent is None or depth <= indent):
                indent, name = depth, found[1]
                said[name] = found[2]
            elif name is not None:
                said[name] += " " + line.strip()
    return {key: pieces.tidy(text) for key, text in said.items()}
