"""Whether one value fits one argument, as the script's own parser would see it on the command line."""

from collections.abc import Iterable
from typing import Any

from schemas.arguments.vocabulary import Argument

_WHAT = {"int": "a whole number", "float": "a number"}


def why_unfit(argument: Argument, value: Any, *, is_off: bool = False, name: str = "") -> str:
    """Return why the script would not take a value, as a sentence; empty when it would.

    Args:
        argument: As it was read.
        value: As a job's parameters have it: a list is several, None is left out.
        is_off: Whether the parameter is the flag that switches the argument off.
        name: What the parameter was called, where not as the argument.
    """
    name = name or argument.name
    if value is None:
        return ""
    if argument.kind == "bool":
        return _why_no_switch(argument, value, name, is_off)
    if isinstance(value, list | tuple):
        return _why_not_several(argument, list(value), name)
    if argument.count > 1:
        return f"{name} takes {argument.count} values, not one."
    return _why_not_one(argument, value, name)


def _why_no_switch(argument: Argument, value: Any, name: str, is_off: bool) -> str:
    if not isinstance(value, bool):
        return f"{name} is switched on or off and takes no value: give true or false, not {_quoted(value)}."
    if not value and not is_off and argument.default is True and argument.off:
        other = argument.off.lstrip("-").replace("-", "_")
        return f"{name} is on by itself, and false only leaves it so: {other}=true switches it off."
    return ""


def _why_not_several(argument: Argument, values: list[Any], name: str) -> str:
    if not argument.many and len(values) != 1:
        return f"{name} takes one value, not {len(values)}."
    if argument.count and len(values) != argument.count:
        return f"{name} takes {argument.count} values, not {len(values)}."
    if argument.repeated and len(values) > 1:
        return (
            f"{name} takes one value each time it is given: give it as words, "
            f"`{argument.flag} {str(values[0])[:40]} {argument.flag} {str(values[1])[:40]}`."
        )
    return next((why for one in values if (why := _why_not_one(argument, one, name))), "")


def _why_not_one(argument: Argument, value: Any, name: str) -> str:
    if isinstance(value, bool | dict | list) and argument.kind != "text":
        return f"{name} takes {_WHAT[argument.kind]}, not {_quoted(value)}."
    if isinstance(value, str) and value.startswith("data://"):
        return ""
    number: float | None = None
    if argument.kind != "text":
        try:
            # Python's own reading, which is that of the parsers.
            number = int(str(value)) if argument.kind == "int" else float(value)
        except ValueError:
            return f"{name} takes {_WHAT[argument.kind]}, not {_quoted(value)}."
    if argument.choices and not _is_chosen(argument.choices, value, number):
        return f"{name} is one of {listed(argument.choices)}, not {_quoted(value)}."
    if number is not None and argument.low is not None and number < argument.low:
        return f"{name} is at least {argument.low:g}, not {value}."
    if number is not None and argument.high is not None and number > argument.high:
        return f"{name} is at most {argument.high:g}, not {value}."
    return ""


def _is_chosen(choices: Iterable[Any], value: Any, number: float | None) -> bool:
    # The case of letters is the script's own business.
    text = str(value).lower()
    return any(text == str(one).lower() or (number is not None and number == one) for one in choices)


def listed(values: Iterable[Any]) -> str:
    """Return values with commas between, the first 20 of them."""
    found = [str(value)[:40] for value in values]
    return ", ".join(found[:20]) + (f" and {len(found) - 20} more" if len(found) > 20 else "")


def _quoted(value: Any) -> str:
    return repr(value if isinstance(value, str) else str(value))[:60]
