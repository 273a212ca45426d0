"""Cursors: where the next page begins, as an opaque word.

A cursor is only valid for the listing that gave it; any other is refused in words.
"""

import base64
import binascii

from hq.rest.problems import Problem

_INT64 = 2**63


def make_cursor(listing: str, at: int) -> str:
    """Return the cursor of the page after `at`."""
    return base64.urlsafe_b64encode(f"{listing}:{at}".encode()).decode().rstrip("=")


def read_cursor(listing: str, cursor: str | None) -> int | None:
    """Return where the cursor stands; None at the beginning.

    Raises:
        Problem: If this listing did not give it.
    """
    if not cursor:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        kind, _, at = base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii").partition(":")
        position = int(at)
    except (ValueError, binascii.Error):
        kind, position = "", -1
    if kind != listing or not 0 <= position < _INT64:
        raise Problem(
            422, "bad_cursor", f"after: not a cursor of {listing}. Leave it out to start at the beginning."
        )
    return position
