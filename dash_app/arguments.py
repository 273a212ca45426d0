"""What arguments a script takes, read from its syntax tree. Nothing of the script is ever executed.

Understands calls of `add_argument` whose words are constants; what it cannot
read it leaves out, and says that there may be more.
"""

import ast
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["text", "int", "float", "bool"]
_TYPES: dict[str, Kind] = {"int": "int", "float": "float", "str": "text", "Path": "text"}
_SOURCE_AT_MOST = 1_000_000
_ARGUMENTS_AT_MOST = 100


@dataclass(frozen=True)
class Argument:
    """One argument. `flag` is empty for a positional one."""

    name: str
    flag: str
    kind: Kind = "text"
    default: Any = None
    choices: tuple[Any, ...] = ()
    help: str = ""
    required: bool = False
    #: Takes several values.
    many: bool = False

    @property
    def as_parameter(self) -> bool:
        """Tell whether a parameter of this name becomes this flag; else it is passed as words."""
        return self.flag == "--" + self.name.replace("_", "-")


@dataclass(frozen=True)
class Script:
    """What a script says of itself."""

    about: str
    arguments: tuple[Argument, ...]
    #: Something in it could not be read.
    more: bool = False
    #: Why nothing could be read.
    trouble: str = ""


def read_script(source: str) -> Script:
    """Return what the script's source says; never raises."""
    if len(source) > _SOURCE_AT_MOST:
        return Script("", (), True, "It is too long to be read.")
    try:
        tree = ast.parse(source)
        about = (ast.get_docstring(tree) or _description(tree)).strip().partition("\n")[0]
        calls = [node for node in ast.walk(tree) if _is_call_of(node, "add_argument")]
        found = [_read_argument(call) for call in calls]
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return Script("", (), True, f"It is no Python that could be read: {str(error)[:200]}")
    readable = list({one.name: one for one in found if one is not None}.values())
    return Script(about, tuple(readable[:_ARGUMENTS_AT_MOST]), len(readable) < len(found))


def _description(tree: ast.AST) -> str:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("ArgumentParser"):
            text = _constant(next((word.value for word in node.keywords if word.arg == "description"), None))
            return text if isinstance(text, str) else ""
    return ""


def _is_call_of(node: ast.AST, method: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == method


def _read_argument(call: ast.AST) -> Argument | None:
    if not isinstance(call, ast.Call):
        return None
    words = [_constant(word) for word in call.args]
    if not words or not all(isinstance(word, str) and word for word in words):
        return None
    given = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    flags = [str(word) for word in words if str(word).startswith("-")]
    flag = next((word for word in flags if word.startswith("--")), flags[0] if flags else "")
    named = _constant(given.get("dest")) or (flag or str(words[0])).lstrip("-").replace("-", "_")
    action = _constant(given.get("action"))
    if action in ("store_true", "store_const", "count"):
        return Argument(str(named), flag, "bool", False, help=_help(given, None))
    if action not in (None, "store", "append", "extend"):
        return None
    default, nargs = _constant(given.get("default")), _constant(given.get("nargs"))
    choices = _constant(given.get("choices"))
    return Argument(
        name=str(named),
        flag=flag,
        kind=_kind(given.get("type"), default),
        default=default,
        choices=tuple(choices) if isinstance(choices, list | tuple | range) and len(choices) <= 200 else (),
        help=_help(given, default),
        required=_constant(given.get("required")) is True or (not flag and nargs not in ("?", "*")),
        many=nargs in ("+", "*") or isinstance(nargs, int) or action in ("append", "extend"),
    )


def _kind(type_: ast.expr | None, default: Any) -> Kind:
    if isinstance(type_, ast.Name):
        return _TYPES.get(type_.id, "text")
    if type_ is None and isinstance(default, int | float) and not isinstance(default, bool):
        return "float" if isinstance(default, float) else "int"
    return "text"


def _help(given: dict[str, ast.expr], default: Any) -> str:
    text = _constant(given.get("help"))
    return text.replace("%(default)s", str(default)).replace("%%", "%") if isinstance(text, str) else ""


def _constant(node: ast.expr | None) -> Any:
    if node is None:
        return None
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
