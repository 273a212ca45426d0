"""One call of `add_argument` as an argument. Knows argparse's words, not which parser they are for."""

import ast
from collections.abc import Mapping
from typing import Any, NamedTuple

from schemas.arguments import pieces
from schemas.arguments.constants import UNKNOWN
from schemas.arguments.scope import Scope
from schemas.arguments.spelling import name_parameter
from schemas.arguments.tree import shown
from schemas.arguments.vocabulary import Argument, Kind

_FLAG_ACTIONS = frozenset({"store_true", "store_false", "store_const", "append_const", "count"})
_VALUE_ACTIONS = frozenset({"store", "append", "extend"})


class Read(NamedTuple):
    """What one call adds; `unread` when it may add more than is said here."""

    argument: Argument | None
    unread: bool = False


def read_call(call: ast.Call, scope: Scope, local: Mapping[str, Any], source: str) -> Read:
    """Return the argument that a call of `add_argument` adds.

    Args:
        call: The call.
        scope: Names of the script.
        local: Values of the loops around it.
        source: The script's text, for how flags are spelled.
    """
    words = [scope.value(word, local) for word in call.args]
    given = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    if (
        not words
        or not all(isinstance(word, str) and word for word in words)
        or len(given) != len(call.keywords)
    ):
        # Built somewhere, or from **something.
        return Read(None, True)
    action = _action(given.get("action"), scope, local)
    if action in ("help", "version"):
        return Read(None)
    flags = [word for word in words if word.startswith("-")]
    flag = next((word for word in flags if word.startswith("--")), flags[0] if flags else "")
    name = name_parameter(flag, source) if flag else words[0]
    others = tuple(word for word in flags if word != flag)
    default = scope.value(given["default"], local) if "default" in given else None
    required = scope.value(given["required"], local) is True if "required" in given else False
    about = _help(scope.value(given.get("help"), local), default)
    computed = shown(given["default"]) if default is UNKNOWN else ""
    if action == "on_off":
        off = "--no-" + flag[2:]
        aliases = (*others, *("--no-" + one[2:] for one in others if one.startswith("--")))
        return Read(
            Argument(
                name, flag, "bool", default is True, help=about, required=required, aliases=aliases, off=off
            )
        )
    if action in _FLAG_ACTIONS:
        return Read(Argument(name, flag, "bool", False, help=about, required=required, aliases=others))
    nargs = scope.value(given["nargs"], local) if "nargs" in given else None
    count, many, optional = _nargs(nargs)
    choices = pieces.plain_choices(scope.value(given.get("choices"), local))
    return Read(
        Argument(
            name=name,
            flag=flag,
            kind=_kind(given.get("type"), scope, default, choices),
            default=pieces.plain_value(default),
            choices=choices,
            help=about,
            required=required or (not flag and not optional),
            many=many or action in ("append", "extend"),
            count=count,
            repeated=action == "append" and not many,
            aliases=others,
            computed=computed,
        ),
        # An action of the script's own may take anything.
        unread=action not in _VALUE_ACTIONS or nargs is UNKNOWN,
    )


def _action(node: ast.expr | None, scope: Scope, local: Mapping[str, Any]) -> str:
    if node is None:
        return "store"
    if scope.origin(node).endswith("BooleanOptionalAction"):
        return "on_off"
    value = scope.value(node, local)
    return value if isinstance(value, str) else ""


def _nargs(value: Any) -> tuple[int, bool, bool]:
    """Return how many values, whether they are several, and whether there may be none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return (value, True, False) if value > 1 else (0, False, False)
    return 0, value is UNKNOWN or value in ("+", "*", "...", "A..."), value in ("?", "*", "...")


def _kind(node: ast.expr | None, scope: Scope, default: Any, choices: tuple[Any, ...]) -> Kind:
    # Without a type argparse gives text, whatever the default is; its numbers say what is meant.
    if node is not None:
        return pieces.KINDS.get(scope.origin(node), "text")
    several = default if isinstance(default, list) else [default]
    return pieces.kind_of_values(several) if not choices and several else "text"


def _help(text: Any, default: Any) -> str:
    if not isinstance(text, str):
        return ""
    shown_default = "" if default is UNKNOWN else str(pieces.plain_value(default))
    return pieces.tidy(text.replace("%(default)s", shown_default).replace("%%", "%"))
