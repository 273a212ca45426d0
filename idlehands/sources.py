"""Where a script comes from: the commit of its git repository, and how its files differ from it.

Asks git, if there is one, and runs nothing that the repository's settings
name. Knows nothing of the house.
"""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

#: A larger difference is left out; that there is one is still told.
DIFF_BYTES_AT_MOST = 1024 * 1024
_SECONDS = 10.0
#: A repository may come from anybody.
_SAFE = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "diff.external=")


class State(Struct, frozen=True):
    """The state of some files in a git repository."""

    commit: str
    #: What `git diff` prints of them, and the names of those that git does not know.
    diff: bytes

    @property
    def is_dirty(self) -> bool:
        """Tell whether a file differs from the commit."""
        return bool(self.diff)


def read_state(folder: Path, files: Sequence[str]) -> State | None:
    """Return which state of a repository these files below `folder` are in; None without git or commit."""
    commit = _ask(folder, "rev-parse", "--verify", "HEAD")
    if commit is None:
        return None
    diff = _ask(folder, "diff", "--no-ext-diff", "--no-textconv", "--binary", "HEAD", "--", *files)
    unknown = _ask(folder, "ls-files", "--others", "-z", "--", *files) or b""
    new = b"".join(b"Not in git: " + name + b"\n" for name in unknown.split(b"\0") if name)
    return State(commit.decode("ascii", "replace").strip(), (diff or b"") + new)


def read_kept(folder: Path, below: str) -> set[str] | None:
    """Return the files below a folder that git does not ignore, relative to `folder`; None without git."""
    found = _ask(folder, "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", below)
    return None if found is None else {name.decode("utf-8", "replace") for name in found.split(b"\0") if name}


def _ask(folder: Path, *words: str) -> bytes | None:
    try:
        done = subprocess.run(
            ["git", *_SAFE, *words],  # noqa: S607 - whichever git the person uses
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None
