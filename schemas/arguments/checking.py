"""Whether given parameters are such as a script takes. Pure; knows arguments, not where values come from.

What a script may take beyond what could be read of it is never called wrong.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import pairwise
from typing import Any

import msgspec

from schemas.arguments.spelling import spell
from schemas.arguments.values import listed, why_unfit
from schemas.arguments.vocabulary import Argument, Script
from schemas.references import is_reference

_SHOWN_AT_MOST = 10
_OF_ALL = ("--help", "--version")


def find_problems(
    script: Script,
    source: str,
    params: Mapping[str, Any],
    *,
    argv: Sequence[str] = (),
    space: Mapping[str, Any] | None = None,
    style: str = "flags",
) -> list[str]:
    """Return a sentence for each thing that the script would not take; none when all is well or unknown.

    Args:
        script: As it was read.
        source: Its text, for how flags are spelled.
        params: By name, as a job has them.
        argv: Words of the command line before them.
        space: Of a sweep: dimensions by name.
        style: How the script takes parameters; only flags can be checked.
    """
    if not script.framework or style != "flags":
        return []
    checker = _Checker(script, source)
    found = [*checker.words(argv)]
    for name, value in params.items():
        found += checker.name(name) if is_reference(value) else checker.value(name, value)
    for name, dimension in (space or {}).items():
        found += checker.dimension(name, dimension)
    found += checker.missing([*params, *(space or {})], argv)
    return found[:_SHOWN_AT_MOST]


def find_untaken(script: Script, source: str, space: Mapping[str, Any], *, style: str = "flags") -> list[str]:
    """Return a sentence for each dimension that the script would not take, whatever else it is given."""
    if not script.framework or style != "flags":
        return []
    checker = _Checker(script, source)
    found = [why for name, dimension in space.items() for why in checker.dimension(name, dimension)]
    return found[:_SHOWN_AT_MOST]


class _Checker:
    def __init__(self, script: Script, source: str) -> None:
        self._script, self._source = script, source
        self._flags = {flag: one for one in script.arguments for flag in one.flags}

    def words(self, argv: Sequence[str]) -> Iterator[str]:
        """Yield what is wrong with flags among words, and with the one value that follows each."""
        for word, after in pairwise([*argv, "-"]):
            if word == "--":
                return
            flag, equals, value = word.partition("=")
            if not flag.startswith("--") or flag in _OF_ALL:
                continue
            found = self._find(flag)
            if found is None:
                if not self._script.more:
                    yield self._unknown(flag, flag)
            elif not self._script.commands and not is_reference(value if equals else after):
                # Commands may have flags of one name that take other things.
                yield from _why_unfit_word(found, value if equals else after)

    def name(self, name: str) -> Iterator[str]:
        """Yield what is wrong with a parameter whose value is not known before its job begins."""
        found = self._named(name)
        if isinstance(found, str):
            yield found

    def value(self, name: str, value: Any) -> Iterator[str]:
        found = self._named(name)
        if isinstance(found, str):
            yield found
        elif found is not None:
            flag, argument = found
            why = why_unfit(argument, value, is_off=flag == argument.off, name=name)
            if why:
                yield why

    def dimension(self, name: str, dimension: Any) -> Iterator[str]:
        given = msgspec.to_builtins(dimension)
        if not isinstance(given, dict):
            return
        if given.get("type") == "fixed":
            yield from self.value(name, given.get("value"))
            return
        if isinstance(given.get("values"), list | tuple):
            for value in given["values"]:
                yield from self.value(name, value)
            return
        found = self._named(name)
        if isinstance(found, str):
            yield found
            return
        if found is None or "low" not in given or "high" not in given:
            return
        argument = found[1]
        if argument.kind == "bool":
            yield f"{name} is switched on or off: give choices, {name}=true,false."
        elif argument.choices:
            yield f"{name} has choices: give some of {listed(argument.choices)}."
        elif argument.kind == "int" and given.get("type") == "float":
            low, high = round(given["low"]), round(given["high"])
            yield f"{name} takes whole numbers: give a range of them, such as {name}={low}..{max(low, high)}."
        else:
            ends = (why_unfit(argument, given[end], name=name) for end in ("low", "high"))
            yield from dict.fromkeys(why for why in ends if why)

    def missing(self, names: Iterable[str], argv: Sequence[str]) -> Iterator[str]:
        """Yield what must be there and is not, where no words could be it."""
        if self._script.commands or argv:
            return
        given = {spell(name, self._source) for name in names if name}
        for one in self._script.arguments:
            if one.required and one.flag and given.isdisjoint(one.flags):
                yield f"{one.name} is missing: the script asks for it."
            elif one.required and not one.flag:
                yield f"{one.name} is missing: the script asks for it, as a word after its name."

    def _named(self, name: str) -> tuple[str, Argument] | str | None:
        """Return flag and argument of a parameter, what is wrong with it, or None when nothing is known."""
        if not name:
            return "A parameter has an empty name."
        flag = spell(name, self._source)
        found = self._find(flag)
        if found is not None:
            return flag, found
        return None if self._script.more else self._unknown(flag, name)

    def _find(self, flag: str) -> Argument | None:
        if flag in self._flags or self._script.framework != "argparse" or not flag.startswith("--"):
            return self._flags.get(flag)
        # argparse takes the beginning of a flag for it.
        begun = {id(one): one for known, one in self._flags.items() if known.startswith(flag)}
        return next(iter(begun.values())) if len(begun) == 1 else None

    def _unknown(self, flag: str, name: str) -> str:
        short = flag.lstrip("-").replace("-", "_")
        by_place = [one.name for one in self._script.arguments if not one.flag]
        if short in by_place:
            return f"{name} has no flag: it is a word after the script's name, such as `train.py VALUE`."
        names = {one.name: one.name for one in self._script.arguments if one.flag}
        names |= {
            spelling.lstrip("-").replace("-", "_"): one
            for spelling, one in ((flag, one.name) for one in self._script.arguments for flag in one.flags)
        }
        near = get_close_matches(short, names, 1, 0.55)
        if near:
            return f"The script has no {name}. Did you mean {names[near[0]]}?"
        if not names:
            return f"The script has no {name}, nor any other flag."
        return f"The script has no {name}. It has {listed(sorted(set(names.values())))}."


def _why_unfit_word(argument: Argument, word: str) -> Iterator[str]:
    if argument.kind == "bool" or argument.many or argument.count > 1 or word.startswith("-"):
        return
    why = why_unfit(argument, word)
    if why:
        yield why
