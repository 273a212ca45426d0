"""The suite's verdicts as a table on standard output, what failed in full below it."""

import sys
from collections import Counter

from idlehands.conformance.verdicts import Verdict


def print_verdicts(verdicts: list[Verdict]) -> None:
    """Print a line a check, then what was seen where one failed, then how many did."""
    widths = [max(len(cell) for cell in column) for column in zip(*map(_cells, verdicts), strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(_cells(one), widths, strict=True)).rstrip()
        for one in verdicts
    ]
    for one in verdicts:
        if one.status == "failed":
            where = f"docs/protocol.md, {' and '.join(one.sentences)}"
            lines += ["", f"{one.check} ({one.level}, part {one.part}) failed."]
            lines += [f"  asked: {one.asks} ({where})", f"  seen:  {_indented(one.seen)}"]
    lines += ["", _sum_up(verdicts)]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _cells(verdict: Verdict) -> tuple[str, ...]:
    why = verdict.asks if verdict.status != "not applicable" else verdict.seen
    return (verdict.status, verdict.level, verdict.check, " ".join(verdict.sentences), why)


def _indented(text: str) -> str:
    # What an agent wrote last may be a screenful, and hold anything.
    shown = "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text[-4000:])
    return shown.replace("\n", "\n         ")


def _sum_up(verdicts: list[Verdict]) -> str:
    count = Counter((one.status, one.level) for one in verdicts)
    musts, shoulds = count["failed", "must"], count["failed", "should"]
    passed = sum(number for (status, _), number in count.items() if status == "passed")
    others = sum(number for (status, _), number in count.items() if status == "not applicable")
    verdict = "The agent does all that it must." if not musts else f"{musts} of what it must do is not done."
    if shoulds:
        verdict += f" {shoulds} of what it should do is not."
    return f"{passed} passed, {musts + shoulds} failed, {others} not applicable. {verdict}"
