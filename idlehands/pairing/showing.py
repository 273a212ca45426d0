"""What `pair` prints: the one line for the new machine, the token alone, and a QR code of the line.

The line alone goes to standard output.
"""

import io
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from idlehands.pairing.hosting import PairOptions
from idlehands.pairing.join_token import JoinToken

_ROOT = Path(__file__).resolve().parents[2]
_REMOTE = re.compile(r"[A-Za-z0-9@:/._~+-]{1,200}")


def show_token(token: JoinToken, address: str, options: PairOptions, say: Callable[[str], None]) -> None:
    """Show everything once."""
    source = find_source()
    where = "" if source else ", in a clone or copy of this repository"
    line = join_line(str(token), address, run=options.role.value == "agent", source=source)
    say(f"On the new machine{where}, within {options.minutes:g} minutes:\n")
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
    if sys.stderr.isatty():
        import segno

        code = io.StringIO()
        segno.make(line, error="l").terminal(out=code, compact=True)
        say(f"\n{code.getvalue()}")
    say(f"\nThe token alone: {token}")
    say("Ctrl-C ends it." if options.auto else "Then compare four words here. Ctrl-C ends it.")


def join_line(token: str, address: str, *, run: bool, source: str | None) -> str:
    """Return the one line for a shell; without a source, for one in the folder of a clone."""
    words = ["./run", "join", token, "--hq", address, *(["--run"] if run else [])]
    fetch = f"git clone -q {source} idlehands && cd idlehands && " if source else ""
    return fetch + " ".join(words)


def find_source() -> str | None:
    """Return from where this software was cloned, without a password; None when that is not known."""
    try:
        found = subprocess.run(
            ["git", "-C", str(_ROOT), "config", "--get", "remote.origin.url"],
            capture_output=True, text=True, timeout=5, check=False,
        ).stdout.strip()  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    parts = urlsplit(found)
    if parts.scheme in ("http", "https") and parts.hostname:
        port = f":{parts.port}" if parts.port else ""
        found = f"{parts.scheme}://{parts.hostname}{port}{parts.path}"
    elif parts.scheme in ("", "file") and not re.match(r"[\w.-]+@[\w.-]+:", found):
        # A folder of this machine is none of the other one.
        return None
    return found if _REMOTE.fullmatch(found) else None
