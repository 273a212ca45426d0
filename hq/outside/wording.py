"""A message about one or many happenings: a subject and a text. Pure."""

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from hq.outside.happenings import Happening

#: Told one by one; of the others, how many.
TOLD = 20
_NOUNS = {
    "job_failed": ("job failed", "jobs failed"),
    "job_dead": ("job was given up", "jobs were given up"),
    "job_succeeded": ("job succeeded", "jobs succeeded"),
    "job_hangs": ("job may hang", "jobs may hang"),
    "sweep_finished": ("sweep is finished", "sweeps are finished"),
    "machine_lost": ("machine was lost", "times a machine was lost"),
    "house_unhealthy": ("piece of news of the house", "pieces of news of the house"),
}
_URGENT = frozenset({"job_failed", "job_dead", "job_hangs", "machine_lost", "house_unhealthy"})


class Message(Struct, frozen=True):
    """What a person reads."""

    delivery: str
    subject: str
    text: str
    is_urgent: bool
    happenings: tuple[Happening, ...] = ()
    #: How many more happened than are listed.
    left_out: int = 0


def word(delivery: str, happenings: Sequence[Happening], left_out: int = 0) -> Message:
    """Return the message about these."""
    many = len(happenings) + left_out > 1
    subject = _counts(happenings, left_out) if many else _plain(happenings[0].text)
    lines = [_plain(one.text) for one in happenings[:TOLD]]
    more = len(happenings) - len(lines) + left_out
    if more:
        lines.append(f"... and {more} more: `idlehands jobs` and the page have them all.")
    urgent = any(one.what in _URGENT for one in happenings)
    return Message(
        delivery, f"Idlehands: {subject}"[:150], "\n".join(lines), urgent, tuple(happenings), left_out
    )


def word_test(delivery: str, name: str, asked_by: str) -> Message:
    """Return the message with which somebody tries a notification."""
    return Message(
        delivery,
        f"Idlehands: test of {name}",
        f"This is a test of the notification {name}, asked for by {asked_by}. Nothing has happened.",
        False,
    )


def _counts(happenings: Sequence[Happening], left_out: int) -> str:
    found = Counter(one.what for one in happenings)
    parts = [f"{count} {_NOUNS[what][count > 1]}" for what, count in found.items()]
    return ", ".join(parts) + (f", and {left_out} more" if left_out else "")


def _plain(text: str) -> str:
    """Return text as one visible line: a script's error must forge neither a header nor a line."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
