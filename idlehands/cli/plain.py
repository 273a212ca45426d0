"""Messages of schemas and of REST in words for people: what a name may be, which command shows which."""

import re

from schemas import names

_WORDS = {
    names.NAME_PATTERN: "1 to 32 of a-z, 0-9 and -, beginning with a letter or digit",
    names.PARENT_PATTERN: "the id of a job or sweep, as `idlehands jobs` and `idlehands sweeps` list them",
    names.JOB_PATTERN: "the id of a job, as `idlehands jobs` lists them",
    names.SWEEP_PATTERN: "the id of a sweep, as `idlehands sweeps` lists them",
    names.STEP_PATTERN: "1 to 32 of a-z, 0-9 and -, beginning with a letter",
    names.PROJECT_PATTERN: "1 to 63 letters, digits, dots, _ and -, beginning with a letter or digit",
    names.TAG_PATTERN: "1 to 40 of a-z, 0-9, dots, _ and -, beginning with a letter or digit",
    names.VARIABLE_PATTERN: "the name of a variable: letters, digits and _, not beginning with a digit",
    names.DATASET_PATTERN: "1 to 63 of a-z, 0-9, dots, _ and -, beginning with a letter or digit",
}
_LISTS = {
    "job": "idlehands jobs",
    "sweep": "idlehands sweeps",
    "pipeline": "idlehands pipeline list",
    "dataset": "idlehands data list",
    "model": "idlehands models list",
    "hook": "idlehands hook list",
    "topic": "idlehands topic list",
    "notification": "idlehands notify list",
    "schedule": "idlehands schedule list",
}
_GONE = "token is not valid here (any more)."
_NO_MATCH = re.compile(r"Expected `str` matching regex '(?P<pattern>.+?)' - at `\$\.(?P<where>[^`]+)`")
_NO_QUERY = re.compile(r"Query\.(?P<where>\w+): String should match pattern '(?P<pattern>[^']+)'")
_NO_LIST = re.compile(
    r"There is no (?P<what>\w+) (?P<name>'.*?')\.(?: The list of \w+s has the ids there are\.)?$"
)


def plain(text: str) -> str:
    """Return a message without patterns, and with the command that shows what there is."""
    for broken in (_NO_MATCH, _NO_QUERY):
        text = broken.sub(_say_pattern, text)
    if text.endswith(_GONE):
        text += " `idlehands token create --role operator --name NAME` on the HQ host makes another."
    return _NO_LIST.sub(_say_list, text)


def _say_pattern(found: re.Match[str]) -> str:
    # The message has the pattern as Python writes a text.
    pattern = found["pattern"].replace("\\\\", "\\")
    where = re.sub(r"\[\d*\]|\[\.\.\.\]", "", found["where"]).replace("_", " ")
    may_be = next((words for known, words in _WORDS.items() if _same(known, pattern)), "")
    return f"{where} must be {may_be or f'of the form {pattern}'}"


def _same(known: str, told: str) -> bool:
    # REST's own check of a query has no look behind the end.
    return told.replace("(?!\\n)", "") == known.replace("(?!\\n)", "")


def _say_list(found: re.Match[str]) -> str:
    command = _LISTS.get(found["what"])
    # Nobody writes that: it is what REST calls a version that was not named.
    name = found["name"].replace("@default'", "'")
    return found[0] if command is None else f"There is no {found['what']} {name}: `{command}` shows all"
