"""What is done on the HQ host, noted for the audit log: a small file each, until HQ has it.

The web process hands the files in once it and HQ run. Writing one never stops what
is noted: who cannot write here could remove the log as well.
"""

import getpass
import logging
import secrets
import time

import msgspec

from idlehands.house.files import make_private_folder, write_private
from idlehands.house.home import Home
from schemas.audit import SPOOL, AuditNote, file_name

COMMAND_LINE = "command line"
log = logging.getLogger(__name__)
#: Who acts in this process, and from where; by default the person who typed the command.
_acting: tuple[str, str] | None = None


def act_as(who: str, source: str) -> None:
    """Note all that this process does from now on as done by `who` from `source`."""
    global _acting
    _acting = who, source


def note(home: Home, what: str, *, subject: str = "", outcome: str = "done", detail: str = "") -> None:
    """Note one thing for the audit log. Safe in any thread; costs a small file."""
    who, source = _acting or (_user(), COMMAND_LINE)
    try:
        made = msgspec.convert(
            {
                "id": secrets.token_hex(16),
                "at": time.time(),
                "what": what,
                "who": who[:200],
                "subject": subject[:200],
                "source": source[:200],
                "outcome": outcome,
                "detail": detail[:500],
            },
            AuditNote,
        )
        folder = make_private_folder(home.path / SPOOL)
        write_private(folder / file_name(made), msgspec.json.encode(made))
    except OSError as error:
        log.warning("%s of %s is not in the audit log: %s", what, subject, error)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container's user id that has no name.
        return "somebody"
