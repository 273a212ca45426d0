"""Every process of the house in one foreground tree, each started again when it ends.

    (absent) --start--> starting --is_ready--> ready
        ^                   |                    |
        +---- back-off -----+------- ended ------+

Crash-only: no process is asked how it is; it runs, or it is started again. The
first start is the exception: what ends three times without ever being ready is
a mistake that a restart does not mend, so the house says so and stops.
"""

import contextlib
import os
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from types import FrameType

from idlehands.house.child import Child
from idlehands.house.components import FOUNDATION, Component
from idlehands.house.home import Home, HouseError
from idlehands.house.leash import Leash
from idlehands.house.login import login_link, nobody_logged_in_yet
from idlehands.house.logs import bound_log
from idlehands.house.status import HouseStatus, write_status

_TICK_SECONDS = 1.0
_SLOW_START_SECONDS = 30.0
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Supervisor:
    """Keeps components running.

    One thread decides; for each start a short-lived one looks for readiness and
    writes nothing but that child's `ready`, `was_ready` and `fault`.
    """

    def __init__(
        self, home: Home, components: list[Component], leash: Leash, mongodb: str, say: Callable[[str], None]
    ) -> None:
        self._home, self._leash, self._mongodb, self._say = home, leash, mongodb, say
        self._children = [
            Child(part, home.logs / f"{part.name}.log")
            for part in sorted(components, key=lambda part: part.stage)
        ]
        self._signals = 0
        self._announced = False
        self._published: HouseStatus | None = None
        self._wake_end, self._sleep_end = socket.socketpair()
        for end in (self._wake_end, self._sleep_end):
            end.setblocking(False)

    def run(self) -> None:
        """Start all, keep all running until SIGTERM, SIGINT or SIGHUP, then stop all.

        A second signal kills what has not stopped yet. Call it in the main thread.

        Raises:
            HouseError: If the house cannot come up; everything is stopped before.
        """
        # nohup ignores SIGHUP for us, and then a closed terminal shall not stop the house.
        ending = [n for n in _ENDING if n != signal.SIGHUP or signal.getsignal(n) != signal.SIG_IGN]
        earlier = {number: signal.signal(number, self._note_signal) for number in ending}
        # Any handler will do: what counts is that the end of a child interrupts the sleep.
        earlier[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_end.fileno(), warn_on_full_buffer=False)
        try:
            while not self._signals:
                self._tick()
                self._sleep(self._until_next_start())
            self._say("Stopping ...")
        finally:
            self._stop()
            signal.set_wakeup_fd(-1)
            for number, handler in earlier.items():
                signal.signal(number, handler)

    def _tick(self) -> None:
        self._leash.check()
        founded = all(child.was_ready for child in self._children if child.component.stage < FOUNDATION)
        for child in self._children:
            if child.fault is not None:
                raise child.fault
            happened = child.reap(self._leash)
            if happened:
                self._say(happened)
            may_start = founded or child.component.stage < FOUNDATION
            if may_start and child.process is None and time.monotonic() >= child.next_start:
                self._start(child)
            bound_log(child.log)
        bound_log(self._home.mongodb / "mongod.log")
        self._publish()
        if not self._announced and all(child.ready for child in self._children):
            self._announced = True
            self._say(f"The house is up: {self._home.page_url} (Ctrl-C stops it)")
            if nobody_logged_in_yet(self._home):
                link = login_link(self._home)
                self._say(f"Log in to the page with this link; it works once, within the hour:\n  {link}")

    def _start(self, child: Child) -> None:
        environment = os.environ | {"IDLEHANDS_HOME": str(self._home.path), "PYTHONUNBUFFERED": "1"}
        child.start(self._leash, self._home.path, environment)
        threading.Thread(
            target=self._await_ready,
            args=(child, child.process),
            name=f"ready-{child.component.name}",
            daemon=True,
        ).start()

    def _await_ready(self, child: Child, process: subprocess.Popen[bytes]) -> None:
        """Look until `process` is ready or over."""

        def is_over() -> bool:
            return child.process is not process or self._signals > 0

        began, slow, pause = time.monotonic(), False, 0.02
        while not is_over():
            try:
                if child.component.is_ready(is_over) and not is_over():
                    child.ready = child.was_ready = True
                    break
            except HouseError as error:
                child.fault = error
                break
            if not slow and time.monotonic() - began > _SLOW_START_SECONDS:
                slow = True
                self._say(f"{child.component.name} is not ready yet; its output is in {child.log}")
            time.sleep(pause)
            pause = min(pause * 1.5, 0.5)
        self._wake()

    def _stop(self) -> None:
        """Stop all, the last stage first and each stage together."""
        for stage in sorted({child.component.stage for child in self._children}, reverse=True):
            members = [child for child in self._children if child.component.stage == stage]
            for child in members:
                child.terminate()
            deadline = time.monotonic() + max(child.component.stop_seconds for child in members)
            while any(child.is_running() for child in members):
                if self._signals > 1 or time.monotonic() > deadline:
                    for child in members:
                        child.kill()
                self._sleep(0.1)
            for child in members:
                if child.process is not None:
                    self._leash.forget(child.process.pid)
                    child.process = None
        (self._home.run / "status.json").unlink(missing_ok=True)

    def _publish(self) -> None:
        home = self._home
        status = HouseStatus(
            up=True,
            ready=all(child.ready for child in self._children),
            home=str(home.path),
            page=home.page_url,
            rest=home.rest_url,
            broker=home.broker_url,
            mongodb=self._mongodb,
            pid=os.getpid(),
            components=tuple(child.status for child in self._children),
        )
        if status != self._published:
            write_status(home, status)
            self._published = status

    def _note_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._signals += 1

    def _wake(self) -> None:
        # Full means that it is awake already.
        with contextlib.suppress(OSError):
            self._wake_end.send(b"\0")

    def _until_next_start(self) -> float:
        """Return for how long there is nothing to do unless something happens."""
        now = time.monotonic()
        waiting = [
            child.next_start - now for child in self._children if not child.process and child.next_start
        ]
        return max(0.0, min([_TICK_SECONDS, *waiting]))

    def _sleep(self, seconds: float) -> None:
        if select.select([self._sleep_end], [], [], seconds)[0]:
            with contextlib.suppress(BlockingIOError):
                self._sleep_end.recv(4096)
