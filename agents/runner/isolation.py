"""Which levels of isolation this machine really has: tried out once, when the agent starts.

`strict` is bubblewrap on Linux. That it is installed says little: systems
forbid user namespaces, containers forbid mounting /proc. So a program that
does nothing is run in the same namespaces. Imports next to nothing, as an
idle agent holds all of it.
"""

import os
import sys
import time

from msgspec import Struct

from schemas.isolation import Isolation, is_at_least

_PATIENCE_SECONDS = 10.0
#: What every sandbox begins with, the one of the trial too.
_NAMESPACES = (
    *("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
    *("--new-session", "--die-with-parent", "--as-pid-1", "--cap-drop", "ALL"),
)
#: Without rights of root, namespaces need one of users. Scripts should not make more of them, but
#: bubblewrap before 0.8 cannot forbid it. Root does without where systems forbid them.
_USERS = (("--unshare-user", "--disable-userns"), ("--unshare-user",))
_USERS_OF_ROOT = (_USERS[0], ())
_TRIAL = (
    *("--unshare-net", "--ro-bind", "/", "/", "--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev"),
    *("--remount-ro", "/dev", "--", "true"),
)


class IsolationMissing(Exception):
    """The owner demands a level that this machine does not have; the message says why and what to do."""


class Isolations(Struct, frozen=True):
    """The levels that an agent runs jobs at, and what `strict` is made with."""

    levels: tuple[Isolation, ...] = ("basic",)
    #: The command and the flags that worked; empty without `strict`.
    bubblewrap: tuple[str, ...] = ()
    #: Why there is no `strict`, "" when there is.
    why_not_strict: str = ""


def find_isolations(demand: Isolation = "none") -> Isolations:
    """Return the levels of this machine that are at least what its owner demands.

    Takes some milliseconds.

    Raises:
        IsolationMissing: If there is none.
    """
    bubblewrap, why = _try_bubblewrap()
    # Sessions, process groups and signals: what Windows has instead is not used yet.
    plain: Isolation = "none" if sys.platform == "win32" else "basic"
    levels: tuple[Isolation, ...] = (plain, "strict") if bubblewrap else (plain,)
    offered = tuple(level for level in levels if is_at_least(level, demand))
    if not offered:
        raise IsolationMissing(
            f"isolation {demand} is demanded, but this machine has {plain} only: {why or 'no more is known'}"
        )
    return Isolations(offered, bubblewrap, why)


def _try_bubblewrap() -> tuple[tuple[str, ...], str]:
    if not sys.platform.startswith("linux"):
        return (), f"strict needs Linux, this is {sys.platform}"
    program = find_program("bwrap")
    if program is None:
        return (), "bubblewrap is not installed (apt install bubblewrap, dnf install bubblewrap)"
    why = ""
    for users in _USERS_OF_ROOT if os.geteuid() == 0 else _USERS:
        command = (program, *_NAMESPACES, *users)
        why = _run((*command, *_TRIAL))
        if not why:
            return command, ""
    return (), f"bubblewrap cannot make a sandbox here ({why})"


def find_program(name: str) -> str | None:
    """Return the path of a program on PATH; `shutil.which` would bring three compressors with it."""
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        path = os.path.join(folder, name)
        if os.path.isabs(path) and os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None


def _run(words: tuple[str, ...]) -> str:
    """Run a command to its end; return "" when it succeeded, else what it said."""
    reader, writer = os.pipe()
    try:
        actions = (
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_DUP2, writer, 2),
        )
        # Not `subprocess`: it would stay in the memory of an agent that never runs anything.
        pid = os.posix_spawn(words[0], words, os.environ, file_actions=actions)
    except OSError as error:
        os.close(reader)
        return f"{words[0]} cannot be run: {error.strerror}"
    finally:
        os.close(writer)
    try:
        status = _wait(pid)
        os.set_blocking(reader, False)
        try:
            said = os.read(reader, 1000).decode("utf-8", "replace").strip()
        except BlockingIOError:
            said = ""
    finally:
        os.close(reader)
    return "" if status == 0 else said or f"it ended with status {status}"


def _wait(pid: int) -> int:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    pause = 0.001
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
        if time.monotonic() > deadline:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
            return -1
        time.sleep(pause)
        pause = min(2 * pause, 0.05)
