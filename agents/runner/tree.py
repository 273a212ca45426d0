"""Whole process trees: found by descent, session and environment marker, and killed until none is left.

A script may fork twice, call setsid, clear its environment, or ignore TERM.
On Linux the agent is the child subreaper, so that what a script orphans
comes to the agent and not to init. This file is also run by the warden's
bare interpreter, so it imports next to nothing.

Elsewhere psutil answers, if installed; without it only process groups are known.
"""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

KILL = 9
TERM = 15
#: Numbers, as `signal` would bring `enum` into a bare interpreter. Those of macOS are others.
STOP, CONT = (17, 19) if sys.platform == "darwin" else (19, 18)
AGENT_VARIABLE = "IDLEHANDS_AGENT"
ATTEMPT_VARIABLE = "IDLEHANDS_ATTEMPT"
_IS_LINUX = sys.platform.startswith("linux")
#: A tree that forks faster than it can be stopped is stopped in the next round.
_FREEZES_AT_MOST = 20
_ENVIRONMENT_BYTES = 4 * 1024 * 1024


class Process:
    """One line of the process table. (pid, started) names a process for ever, pid alone does not."""

    __slots__ = ("group", "parent", "pid", "session", "started", "state")

    def __init__(self, pid: int, state: str, parent: int, group: int, session: int, started: int) -> None:
        self.pid, self.state, self.parent = pid, state, parent
        self.group, self.session, self.started = group, session, started

    @property
    def is_zombie(self) -> bool:
        """Tell whether it is dead and waits for its parent."""
        return self.state in "ZX"

    @property
    def identity(self) -> tuple[int, int]:
        """Return what no later process can have."""
        return self.pid, self.started


def read_processes() -> dict[int, Process]:
    """Return the process table; empty where it cannot be read."""
    if not _IS_LINUX:
        return _read_with_psutil()
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            process = read_process(int(name))
            if process is not None:
                found[process.pid] = process
    return found


def read_process(pid: int) -> Process | None:
    """Return one process of Linux's table, or None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            line = file.read(1024)
        # The name in brackets may itself hold spaces and brackets.
        fields = line[line.rindex(b")") + 2 :].split()
        parent, group, session = int(fields[1]), int(fields[2]), int(fields[3])
        return Process(pid, fields[0].decode(), parent, group, session, int(fields[19]))
    except (OSError, ValueError, IndexError):
        return None


def has_marker(pid: int, variable: str, value: str, *, is_prefix: bool = False) -> bool:
    """Tell whether a process was started with `variable=value` in its environment."""
    wanted = f"{variable}={value}".encode()
    try:
        if _IS_LINUX:
            with open(f"/proc/{pid}/environ", "rb") as file:
                environment = b"\0" + file.read(_ENVIRONMENT_BYTES) + b"\0"
        else:
            environment = _environment_with_psutil(pid)
    except OSError:
        return False
    return b"\0" + wanted + (b"" if is_prefix else b"\0") in environment


def find_marked(variable: str, value: str, *, is_prefix: bool = False) -> list[Process]:
    """Return the marked processes, their descendants, and all in a session that a marked one leads."""
    table = read_processes()
    spared = _spared(table)
    marked = {
        pid for pid in table if pid not in spared and has_marker(pid, variable, value, is_prefix=is_prefix)
    }
    return _close(table, marked, {pid for pid in marked if table[pid].session == pid}, spared)


class Tree:
    """Everything that one attempt's leader brought forth.

    Valid while the leader has not been waited for: its zombie keeps its pid,
    and so its session's number, from being given to somebody else.
    """

    def __init__(
        self,
        leader: int,
        marker: str,
        *,
        only_encloses: bool = False,
        end_sandbox: Callable[[], None] | None = None,
        has_orphans: Callable[[], bool] | None = None,
    ) -> None:
        """Begin with the leader.

        Args:
            leader: The process that was started.
            marker: In the environment of all of the tree that did not drop it.
            only_encloses: The leader is a sandbox around the script: asked to end, it would not ask the
                script but kill it.
            end_sandbox: Kills all that is in the leader's sandbox, when the leader is not a sandbox itself.
            has_orphans: Tells whether this process inherited any: what a dead leader leaves, it does.
        """
        self._leader = leader
        self._marker = marker
        self._only_encloses, self._end_sandbox, self._has_orphans = only_encloses, end_sandbox, has_orphans
        self._seen: set[tuple[int, int]] = set()

    def find(self) -> list[Process]:
        """Return the living processes of the tree, and remember them: they may drop every trace later."""
        table = read_processes()
        spared = _spared(table)
        roots = {
            pid
            for pid, process in table.items()
            if pid not in spared
            and (
                pid == self._leader
                or process.session == self._leader
                or process.identity in self._seen
                or has_marker(pid, ATTEMPT_VARIABLE, self._marker)
            )
        }
        found = _close(table, roots, {self._leader}, spared)
        self._seen = {process.identity for process in found}
        return found

    def find_scripts(self) -> list[Process]:
        """Return the script and what it started: what `find` does, less the two of a sandbox around them."""
        found = self.find()
        if not self._only_encloses:
            return found
        return [one for one in found if self._leader not in (one.pid, one.parent)]

    def send(self, number: int) -> None:
        """Send a signal to every process of the tree."""
        found = self.find()
        _send([one for one in found if not (self._only_encloses and one.pid == self._leader)], number)
        if not _IS_LINUX:
            _send_group(self._leader, number)

    def freeze(self) -> None:
        """Let every process stand still, those that are forked meanwhile too."""
        if not _IS_LINUX:
            _send_group(self._leader, STOP)
        for _ in range(_FREEZES_AT_MOST):
            moving = [process for process in self.find() if process.state not in "Tt"]
            if not moving:
                return
            _send(moving, STOP)

    def thaw(self) -> None:
        """Let every process go on."""
        self.send(CONT)
        # A sandbox that was stopped from outside is not asked, but let go on.
        _send([one for one in self.find() if one.pid == self._leader], CONT)

    def _is_over(self) -> bool:
        leader = read_process(self._leader) if _IS_LINUX else None
        return leader is not None and leader.is_zombie

    def kill(self, seconds: float = 10.0) -> int:
        """Kill until none is left; return how many are after `seconds`."""
        if self._end_sandbox is not None:
            # Nobody in there can get away from its first process, so nobody has to be looked for.
            self._end_sandbox()
            return 0
        if self._has_orphans is not None and self._is_over() and not self._has_orphans():
            return 0
        if not _IS_LINUX:
            _send_group(self._leader, KILL)
        return kill_all(self.find, seconds)


def kill_all(find: Callable[[], list[Process]], seconds: float) -> int:
    """Kill what `find` returns until it returns nothing; return how many are left after `seconds`.

    Once is not enough: a process may fork between being found and being killed.
    """
    deadline = time.monotonic() + seconds
    pause = 0.002
    while True:
        found = find()
        if not found or time.monotonic() > deadline:
            return len(found)
        _send(found, KILL)
        time.sleep(pause)
        pause = min(2 * pause, 0.05)


def kill_orphans(agent_home: str | os.PathLike[str]) -> int:
    """Kill what earlier agents of this home left running; return how many processes that were.

    Call it under the home's lock, before the first attempt: it would kill those too.
    """
    seen: set[tuple[int, int]] = set()

    def find() -> list[Process]:
        found = find_marked(AGENT_VARIABLE, home_marker(agent_home) + ".", is_prefix=True)
        seen.update(process.identity for process in found)
        return found

    kill_all(find, 10.0)
    return len(seen)


def home_marker(agent_home: str | os.PathLike[str]) -> str:
    """Return the word that names an agent's home in the environment of its scripts."""
    import hashlib

    return hashlib.sha256(os.path.realpath(agent_home).encode("utf-8", "replace")).hexdigest()[:16]


def become_subreaper() -> bool:
    """Make this process the one that inherits its orphaned descendants; False where that is impossible."""
    if not _IS_LINUX:
        return False
    try:
        import ctypes

        # 36 is PR_SET_CHILD_SUBREAPER.
        return int(ctypes.CDLL(None, use_errno=True).prctl(36, 1, 0, 0, 0)) == 0
    except (ImportError, OSError, AttributeError):
        return False


def find_adopted(own: set[int]) -> list[Process]:
    """Return the children of this process that it did not start: orphans of its scripts.

    They are told by their session. A child that this program started itself
    is in `own`, or shares this program's session.
    """
    me = os.getpid()
    session = os.getsid(0) if hasattr(os, "getsid") else 0
    return [
        process
        for process in (_read_children(own) if _IS_LINUX else ())
        if process.parent == me and process.session != session and process.pid not in own
    ]


def reap(adopted: Iterable[Process]) -> None:
    """Take the dead among adopted processes out of the process table."""
    for process in adopted:
        if process.is_zombie:
            try:
                os.waitpid(process.pid, os.WNOHANG)
            except OSError:
                continue


def _read_children(besides: set[int]) -> list[Process]:
    me = os.getpid()
    try:
        # Those that lost their parents come to the first thread, which lives as long as the process; what
        # other threads started is nobody's orphan.
        with open(f"/proc/{me}/task/{me}/children", "rb", buffering=0) as file:
            pids = [int(pid) for pid in file.read().split()]
    except OSError:
        # A kernel without this file.
        return list(read_processes().values())
    wanted = (pid for pid in pids if pid not in besides)
    return [process for pid in wanted if (process := read_process(pid)) is not None]


def _spared(table: dict[int, Process]) -> set[int]:
    """This process and its ancestors, whatever their environment says."""
    spared = {0, 1}
    pid = os.getpid()
    while pid not in spared:
        spared.add(pid)
        if pid not in table:
            break
        pid = table[pid].parent
    return spared


def _close(table: dict[int, Process], roots: set[int], sessions: set[int], spared: set[int]) -> list[Process]:
    """Return the living among roots, members of the sessions, and all descendants."""
    children: dict[int, list[int]] = {}
    for pid, process in table.items():
        children.setdefault(process.parent, []).append(pid)
    waiting = [*roots, *(pid for pid, process in table.items() if process.session in sessions)]
    reached: set[int] = set()
    while waiting:
        pid = waiting.pop()
        if pid not in reached and pid not in spared:
            reached.add(pid)
            waiting.extend(children.get(pid, ()))
    return [table[pid] for pid in reached if not table[pid].is_zombie]


def _send(processes: list[Process], number: int) -> None:
    for process in processes:
        try:
            now = read_process(process.pid) if _IS_LINUX else process
            if now is not None and now.identity == process.identity:
                os.kill(process.pid, number)
        except OSError:
            continue


def _send_group(leader: int, number: int) -> None:
    try:
        os.killpg(leader, number)
    except (OSError, AttributeError):
        return


def _read_with_psutil() -> dict[int, Process]:
    try:
        import psutil  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        return {}
    found = {}
    for process in psutil.process_iter(["pid", "ppid", "create_time", "status"]):
        pid = process.info["pid"]
        try:
            group, session = os.getpgid(pid), os.getsid(pid)
        except (OSError, AttributeError):
            group = session = -1
        state = "Z" if process.info["status"] == "zombie" else "R"
        started = int(1000 * (process.info["create_time"] or 0))
        found[pid] = Process(pid, state, process.info["ppid"] or 0, group, session, started)
    return found


def _environment_with_psutil(pid: int) -> bytes:
    try:
        import psutil

        words = [f"{name}={value}" for name, value in psutil.Process(pid).environ().items()]
    except Exception as error:  # psutil has its own errors, which cannot be named without it
        raise OSError(str(error)) from None
    return ("\0" + "\0".join(words) + "\0").encode("utf-8", "replace")
