"""What the audit log holds: who did what to whose access, from where, when, and how it ended.

Noted by the web process and by the house's command line, as files in the folder
`audit` of the house until HQ has them in the event log.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from schemas.names import Nonce, ShortText

#: In the house's folder: `MOMENT-ID.json`, one note each, until HQ has it.
SPOOL = "audit"
WORD_PATTERN = r"^[a-z-]{1,31}\.[a-z-]{1,31}(?!\n)$"

#: Such as `token.created`. Programs compare it; docs/security.md lists the words.
Word = Annotated[
    str, Meta(pattern=WORD_PATTERN, max_length=64, description="What was done, as `thing.verb`.")
]


class AuditNote(Struct, frozen=True, omit_defaults=True):
    """One thing that was done or tried."""

    #: 128 bits that tell it from all others: handed in twice, it is in the log once.
    id: Nonce
    #: When it happened, in Unix seconds; the last time, when it stands for several.
    at: Annotated[float, Meta(ge=0, le=1e11)]
    what: Word
    #: Who did it, as far as that is proven; empty for strangers.
    who: ShortText = ""
    #: Whom or what it was done to.
    subject: ShortText = ""
    #: From where: an address, `command line`, `page` or `house`.
    source: ShortText = ""
    outcome: Literal["done", "refused", "failed"] = "done"
    #: How many like it this one stands for.
    count: Annotated[int, Meta(ge=1, le=2**53 - 1)] = 1
    detail: Annotated[str, Meta(max_length=500)] = ""


def file_name(note: AuditNote) -> str:
    """Return the name of a note's file in the spool; by name they are in the order of their moments."""
    return f"{int(note.at * 1000):014d}-{note.id}.json"
