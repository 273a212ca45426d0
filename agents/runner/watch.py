"""Watches one process until it and its whole tree are gone: output, limits, stop requests.

One thread, one selector. It knows deadlines on the monotonic clock and
nothing of bundles or results.
"""

import math
import os
import selectors
import threading
import time
from collections.abc import Callable

from msgspec import Struct

from agents.runner.manners import Manners, apply_manners
from agents.runner.measured import MeasuredLimits
from agents.runner.output import LINE_BYTES
from agents.runner.process import ScriptProcess
from agents.runner.script_output import ScriptOutput
from agents.runner.tree import TERM, Process, Tree
from schemas.specs import Limits

_CHUNK = 8 * LINE_BYTES
_FLUSH_SECONDS = 0.2
#: A burst is one batch, not a single line and then the rest.
_GATHER_SECONDS = 0.02
_TERM_SECONDS = 5.0
#: Whoever knows of the stop flag looks at it before this; the others are sent TERM.
_NOTICE_SECONDS = 0.3
#: After that, for the last checkpoint and the result of one that ends itself.
_WIND_DOWN_SECONDS = 10.0
#: After the process has ended, for what its last children print.
_DRAIN_SECONDS = 2.0
#: Without pidfd, how often to ask whether the process has ended.
_ASK_SECONDS = 0.05
_FIRST_LOOK_SECONDS, _LAST_LOOK_SECONDS = 0.5, 10.0


class Ending(Struct, frozen=True):
    """How a process ended.

    `reason` is None when it ended by itself, else stop, vacate, wind_down, or the limit that it passed:
    wall_time, output_limit or one of `MeasuredLimits`.
    `seconds` are those in which it did not stand still.
    """

    returncode: int
    reason: str | None
    seconds: float
    cpu_seconds: float
    max_rss_mb: float


class StopRequest:
    """Asked from any thread, seen by the watcher's selector. Open until `close`."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.at_once = False
        #: `ask` was called, not `ask_to_leave` alone.
        self.is_plain = False
        self.leave_seconds: float | None = None
        #: It is to end early and to deliver what it has.
        self.winds_down = False
        self.still = False
        self.manners = Manners()
        #: Nobody goes on from where it stands.
        self.unwanted = False
        self._lock = threading.Lock()
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)

    def ask(self, *, at_once: bool, unwanted: bool = False) -> None:
        """Ask for the end. Safe to repeat; `at_once` and `unwanted` stick."""
        with self._lock:
            self.at_once = self.at_once or at_once
            self.unwanted = self.unwanted or unwanted
            self.is_plain = True
            self.event.set()
            self._wake()

    def ask_to_wind_down(self) -> None:
        """Ask for an early end with a result. Safe to repeat."""
        with self._lock:
            self.winds_down = True
            self._wake()

    def ask_to_leave(self, seconds: float) -> None:
        """Ask for the end within some time. Safe to repeat; the first time counts."""
        with self._lock:
            if self.leave_seconds is None:
                self.leave_seconds = seconds
            self.event.set()
            self._wake()

    def stand(self, *, still: bool) -> None:
        """Let it stand still, or go on. Safe to repeat."""
        with self._lock:
            self.still = still
            self._wake()

    def behave(self, manners: Manners) -> None:
        """Let it use what it is left. Safe to repeat."""
        with self._lock:
            if manners != self.manners:
                self.manners = manners
                self._wake()

    def wake(self) -> None:
        """Let the watcher flush what there is. Safe to repeat."""
        with self._lock:
            self._wake()

    def _wake(self) -> None:
        if self._writer >= 0:
            try:
                os.write(self._writer, b"s")
            except BlockingIOError:
                return

    def fileno(self) -> int:
        """Return what becomes readable with every request."""
        return self._reader

    def take(self) -> None:
        """Forget what made it readable."""
        os.read(self._reader, 64)

    def close(self) -> None:
        """Close the pipe; later requests change nothing."""
        with self._lock:
            if self._writer >= 0:
                os.close(self._writer)
                os.close(self._reader)
                self._writer = self._reader = -1


class Watch:
    """One process from its start to the end of its tree. Call `run` once."""

    def __init__(
        self,
        process: ScriptProcess,
        tree: Tree,
        limits: Limits,
        measured: MeasuredLimits,
        output: ScriptOutput,
        stop: StopRequest,
        flush: Callable[[], None],
        look: Callable[[list[Process]], None],
        glance: Callable[[], float],
    ) -> None:
        self._process, self._tree, self._limits, self._measured = process, tree, limits, measured
        self._output, self._stop, self._flush, self._look = output, stop, flush, look
        self._glance = glance
        self._selector = selectors.DefaultSelector()
        self._pipes = 0
        self._began = time.monotonic()
        self._flushed_at = 0.0
        self._flush_at: float | None = None
        self._reason: str | None = None
        self._still_since: float | None = None
        self._still_seconds = 0.0
        self._manners = Manners()
        self._kill_at: float | None = None
        self._wind_down_at: float | None = None
        self._drain_until: float | None = None
        self._look_seconds = _FIRST_LOOK_SECONDS
        self._look_at = self._began + _FIRST_LOOK_SECONDS
        self._glance_at = self._look_at
        self._measure_at = self._began if measured else math.inf
        self._pidfd = -1

    def run(self) -> Ending:
        """Return when the process and its tree are gone and its output is read."""
        try:
            self._open()
            while not self._is_over():
                self._turn()
            ended_after = self._spent(time.monotonic())
            # Before the leader is waited for: until then its session's number is its own.
            self._tree.kill()
            return self._wait(ended_after)
        finally:
            self._close()

    def _open(self) -> None:
        for name, pipe in (("stdout", self._process.stdout), ("stderr", self._process.stderr)):
            if pipe is not None:
                self._selector.register(pipe.fileno(), selectors.EVENT_READ, name)
                self._pipes += 1
        self._selector.register(self._stop.fileno(), selectors.EVENT_READ, "stop")
        try:
            self._pidfd = self._process.open_exit()
            self._selector.register(self._pidfd, selectors.EVENT_READ, "exit")
        except (AttributeError, OSError):
            self._pidfd = -1

    def _is_over(self) -> bool:
        if self._drain_until is None:
            return False
        return not self._pipes or time.monotonic() >= self._drain_until

    def _turn(self) -> None:
        for key, _ in self._selector.select(self._timeout()):
            if key.data == "stop":
                self._stop.take()
                self._flush_at = 0.0
            elif key.data == "exit":
                self._selector.unregister(key.fd)
                self._note_exit()
            else:
                self._read(key.fd, key.data)
        now = time.monotonic()
        if self._pidfd < 0 and self._drain_until is None and self._process.has_exited():
            self._note_exit()
        self._check_stop(now)
        self._check_stand(now)
        self._check_limits(now)
        if self._flush_at is not None and now >= self._flush_at:
            self._flushed_at, self._flush_at = now, None
            self._flush()
            if self._output.has_pending:
                self._flush_at = now + _FLUSH_SECONDS
        if now >= self._look_at:
            # Seen once, a process is known for good, whatever it does to hide.
            found = self._tree.find()
            if self._manners != Manners():
                # Threads and children that came since.
                apply_manners(self._manners, [process.pid for process in found])
            self._look(found)
            self._look_seconds = min(2 * self._look_seconds, _LAST_LOOK_SECONDS)
            self._look_at = now + self._look_seconds
        if now >= self._glance_at:
            # At what the script's instruments write: it says when to look again.
            self._glance_at = now + self._glance()

    def _timeout(self) -> float:
        moments = [self._look_at, self._glance_at]
        if self._reason is None and self._drain_until is None and self._still_since is None:
            moments.append(self._measure_at)
        due = [self._flush_at, self._kill_at, self._drain_until]
        if self._reason is None and self._drain_until is None:
            due.append(self._wind_down_at)
        moments.extend(at for at in due if at is not None)
        if self._limits.wall_seconds and self._reason is None and self._still_since is None:
            moments.append(self._began + self._still_seconds + self._limits.wall_seconds)
        if self._pidfd < 0:
            moments.append(time.monotonic() + _ASK_SECONDS)
        return max(0.0, min(moments) - time.monotonic())

    def _read(self, descriptor: int, name: str) -> None:
        chunk = os.read(descriptor, _CHUNK)
        if not chunk:
            self._selector.unregister(descriptor)
            self._pipes -= 1
            return
        self._output.feed(name, chunk, time.time())
        if self._flush_at is None:
            now = time.monotonic()
            self._flush_at = max(now + _GATHER_SECONDS, self._flushed_at + _FLUSH_SECONDS)

    def _check_stop(self, now: float) -> None:
        if self._stop.is_plain and (self._reason != "stop" or self._stop.at_once):
            self._end("stop", now, at_once=self._stop.at_once)
        elif self._stop.leave_seconds is not None and self._reason is None:
            self._end("vacate", now, at_once=False, patience=self._stop.leave_seconds)
        elif self._stop.winds_down and self._reason is None:
            if self._wind_down_at is None:
                self._wind_down_at = now + _NOTICE_SECONDS
            elif now >= self._wind_down_at:
                self._end("wind_down", now, at_once=False, patience=_WIND_DOWN_SECONDS)

    def _check_stand(self, now: float) -> None:
        """Do what the owner of the machine wants. Whoever is asked to end goes on, to be able to."""
        if self._stop.manners != self._manners:
            self._manners = self._stop.manners
            apply_manners(self._manners, [process.pid for process in self._tree.find()])
        wanted = self._stop.still and self._reason is None and self._drain_until is None
        if wanted and self._still_since is None:
            self._tree.freeze()
            self._still_since = now
        elif not wanted and self._still_since is not None:
            self._still_seconds += now - self._still_since
            self._still_since = None
            self._tree.thaw()

    def _spent(self, now: float) -> float:
        """Return how long it ran and did not stand still: only that counts for its limit."""
        still = 0.0 if self._still_since is None else now - self._still_since
        return now - self._began - self._still_seconds - still

    def _check_limits(self, now: float) -> None:
        if self._drain_until is not None:
            return
        if self._reason is None:
            if self._output.bytes_seen > self._limits.output_mb * 1024 * 1024:
                # It floods: no time for a polite end.
                self._end("output_limit", now, at_once=True)
            elif self._limits.wall_seconds and self._spent(now) >= self._limits.wall_seconds:
                self._end("wall_time", now, at_once=False)
            elif now >= self._measure_at and self._still_since is None:
                passed, again_after = self._measured.look(self._tree.find_scripts)
                self._measure_at = time.monotonic() + again_after
                if passed is not None:
                    # It takes what others need: no time for a polite end either.
                    self._end(passed, now, at_once=True)
        if self._kill_at is not None and now >= self._kill_at:
            self._tree.kill()
            self._kill_at = now + _TERM_SECONDS

    def _end(self, reason: str, now: float, *, at_once: bool, patience: float = _TERM_SECONDS) -> None:
        already_asked = self._reason is not None
        self._reason = "stop" if "stop" in (reason, self._reason) else reason
        if self._drain_until is not None:
            self._drain_until = now
        elif at_once:
            self._kill_at = now
        elif not already_asked:
            self._tree.send(TERM)
            self._kill_at = now + patience
        elif self._kill_at is not None:
            self._kill_at = min(self._kill_at, now + _TERM_SECONDS)

    def _note_exit(self) -> None:
        # Asked to end, nobody waits for what its children still print.
        patience = _DRAIN_SECONDS if self._reason is None else 0.1
        self._drain_until = time.monotonic() + patience
        self._kill_at = None

    def _wait(self, seconds: float) -> Ending:
        cpu, rss = self._process.wait_with_usage()
        code = self._process.wait()
        return Ending(code, self._reason, seconds, cpu, rss)

    def _close(self) -> None:
        self._selector.close()
        if self._pidfd >= 0:
            os.close(self._pidfd)
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()
