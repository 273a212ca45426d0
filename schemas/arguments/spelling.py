"""How the name of a parameter becomes a flag of the command line.

Pure and small: agents import it while they idle.
"""

import re


def spell(name: str, source: str = "") -> str:
    """Return the flag of a parameter: `learning_rate` is `--learning-rate`.

    Args:
        name: The parameter. One that begins with a dash is a flag already.
        source: The script's text. A flag is spelled with underscores when the
            text has it only so, and a one-letter flag with one dash likewise.

    Raises:
        ValueError: If the name is empty.
    """
    if not name:
        raise ValueError("a parameter has an empty name, so there is no flag to spell")
    if name.startswith("-"):
        return name
    if len(name) == 1 and _has(source, f"-{name}") and not _has(source, f"--{name}"):
        return f"-{name}"
    dashed = "--" + name.replace("_", "-")
    plain = "--" + name
    if dashed != plain and _has(source, plain) and not _has(source, dashed):
        return plain
    return dashed


def name_parameter(flag: str, source: str = "") -> str:
    """Return the name that `spell` makes this flag of; the flag itself where no other name does."""
    short = flag.lstrip("-").replace("-", "_")
    return short if short and spell(short, source) == flag else flag


def _has(source: str, flag: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(flag)}(?![\w-])", source) is not None
