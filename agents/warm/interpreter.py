"""The agent's side of one warm interpreter: asks it to import, to fork, and how a child ended."""

import contextlib
import marshal
import os
import re
import signal
import socket
import threading
from subprocess import Popen
from typing import IO, Any

_ANSWER_SECONDS = 30.0
_MESSAGE_BYTES = 128 * 1024
_DESCRIPTORS = 8


class InterpreterGone(Exception):
    """The warm interpreter does not answer any more; the message says what is known."""


class Interpreter:
    """One warm interpreter. From any thread: one question at a time."""

    def __init__(self, process: "Popen[bytes]", plug: socket.socket) -> None:
        self.process = process
        self._plug = plug
        self._lock = threading.Lock()
        #: The first words of all modules that it has.
        self.modules: frozenset[str] = frozenset()
        self.asked: set[str] = set()
        self.rss_kb = 0

    def take_modules(self, names: list[str], *, network: bool, seconds: float) -> tuple[str, str] | None:
        """Let it import what it lacks; return the module that must not be inherited, with the reason.

        Raises:
            InterpreterGone: If it does not answer within `seconds`.
        """
        report, _ = self._ask(("import", names, network), seconds=seconds)
        self.modules = frozenset(report["names"])
        self.asked.update(names)
        self.rss_kb = report["rss_kb"]
        spoiled = report["spoiled"]
        return None if spoiled is None else (spoiled[0], spoiled[1])

    def fork(self, descriptors: tuple[int, ...]) -> tuple[int, list[int]]:
        """Give an order to a child; return its pid in there, and pidfds of it and of its cradle if any.

        Raises:
            InterpreterGone: If there is no child.
        """
        answer, pidfds = self._ask(("fork",), descriptors)
        if not isinstance(answer, tuple) or not pidfds:
            raise InterpreterGone(f"it cannot fork: {answer}")
        return answer[0], pidfds

    def reap(self, pid: int) -> tuple[int, float, int]:
        """Return wait status, CPU seconds and the largest resident size in KiB of a child that has ended.

        Raises:
            InterpreterGone: If nobody is there to tell.
        """
        (status, cpu, rss), _ = self._ask(("reap", pid))
        return status, cpu, rss

    def close(self) -> None:
        """Let it end, and see that it does. Safe to repeat."""
        with self._lock:
            self._plug.close()
        try:
            self.process.wait(2.0)
        except Exception:  # TimeoutExpired
            self.process.kill()
            self.process.wait()

    def kill(self) -> None:
        """End it at once. Its children live on, or die with their sandbox."""
        self.process.kill()

    def _ask(
        self, message: Any, descriptors: tuple[int, ...] = (), *, seconds: float = _ANSWER_SECONDS
    ) -> tuple[Any, list[int]]:
        with self._lock:
            try:
                self._plug.settimeout(seconds)
                socket.send_fds(self._plug, [marshal.dumps(message, 2)], descriptors)
                content, received, _, _ = socket.recv_fds(
                    self._plug, _MESSAGE_BYTES, _DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
                )
            except OSError as error:
                self.process.kill()
                raise InterpreterGone(f"it does not answer: {error}") from None
            if not content:
                raise InterpreterGone("it has ended")
            # From an interpreter that runs nothing but imports: children have no way to this socket.
            return marshal.loads(content), received  # noqa: S302


class WarmProcess:
    """A script that was forked; what `subprocess.Popen` is for one that was started."""

    def __init__(self, interpreter: Interpreter, number: int, pidfds: list[int]) -> None:
        """Take over the child that `Interpreter.fork` returned.

        Raises:
            InterpreterGone: If it is gone already.
        """
        self._interpreter, self._number, self._pidfds = interpreter, number, pidfds
        #: What the script prints; set by whoever holds the pipes.
        self.stdout: IO[bytes] | None = None
        self.stderr: IO[bytes] | None = None
        self.returncode: int | None = None
        #: Whether nobody could tell how it ended: its warm interpreter, or its sandbox, was gone before.
        self.is_lost = False
        #: Numbers of this process table, whatever they are in the script's own.
        self.pid = read_pid(pidfds[0])

    def open_exit(self) -> int:
        """Return a new descriptor that becomes readable when the process has ended."""
        return os.dup(self._pidfds[0])

    def has_exited(self) -> bool:
        """Tell whether it has ended; it is not waited for."""
        import select

        return bool(select.select([self._pidfds[0]], [], [], 0)[0])

    def wait_with_usage(self) -> tuple[float, float]:
        """Return CPU seconds and the largest resident size in MiB, once the process has ended."""
        import select

        select.select([self._pidfds[0]], [], [])
        try:
            status, cpu, rss = self._interpreter.reap(self._number)
        except InterpreterGone:
            status, cpu, rss = self._reap_alone()
        self.returncode = os.waitstatus_to_exitcode(status)
        self.end_sandbox()
        for descriptor in self._pidfds:
            os.close(descriptor)
        return cpu, rss / 1024

    def end_sandbox(self) -> None:
        """Kill all that is in the script's own sandbox, if it has one. Safe to repeat."""
        for descriptor in self._pidfds[1:]:
            with contextlib.suppress(OSError):
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)

    def wait(self) -> int:
        """Return the exit code, negative for a signal, once the process has ended."""
        if self.returncode is None:
            self.wait_with_usage()
        return self.returncode if self.returncode is not None else -signal.SIGKILL

    def _reap_alone(self) -> tuple[int, float, int]:
        try:
            # Orphaned, it became a child of this process.
            _, status, usage = os.wait4(self.pid, 0)
            return status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss
        except ChildProcessError:
            self.is_lost = True
            return signal.SIGKILL, 0.0, 0


def read_pid(pidfd: int) -> int:
    """Return the number that a process has here.

    Raises:
        InterpreterGone: If it has none any more.
    """
    with open(f"/proc/self/fdinfo/{pidfd}", "rb", buffering=0) as file:
        found = re.search(rb"^Pid:\s*(\d+)$", file.read(1024), re.MULTILINE)
    if found is not None and (pid := int(found[1])) > 0:
        return pid
    raise InterpreterGone("the process is gone")
