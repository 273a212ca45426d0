"""The warm interpreter's loop: imports what it is told to, forks children, waits for those that ended.

    ("import", names)  ->  {"names", "spoiled", "rss_kb"}
    ("fork",) + five descriptors  ->  (pid,) + pidfds of the child and of its cradle
    ("reap", pid)  ->  (status, cpu_seconds, max_rss_kb)

It never sees an order: the agent writes it to a file in memory, and only the
child reads it. So nothing of one job is in the memory of the next.
"""

import gc
import os
import signal
from _socket import AF_UNIX, SOCK_SEQPACKET, socket, socketpair
from typing import NoReturn

from . import cradle, ending, kernel, large_pages, wire
from .importing import Importer

#: A child forked ahead that nobody asked for ends after this time.
_SPARE_SECONDS = 10.0


class Child:
    """A child that was forked and waits for its order on a socket."""

    def __init__(self, pid: int, plug: socket, first: int) -> None:
        self.pid, self.plug, self.first = pid, plug, first
        self.pidfd = os.pidfd_open(pid)

    def close(self) -> None:
        """Close what belongs to it here; a child without an order ends by that."""
        self.plug.close()
        os.close(self.pidfd)
        if self.first >= 0:
            os.close(self.first)


class Order:
    """What a child needs to become a script: the descriptors it was sent, and what was imported."""

    def __init__(self, descriptors: "list[int]", importer: Importer, in_cradle: bool) -> None:
        self.descriptors, self.importer, self.in_cradle = descriptors, importer, in_cradle


class Server:
    """Serves one agent until it is gone."""

    def __init__(self, plug: socket, cradles: socket | None) -> None:
        self._plug, self._cradles = plug, cradles
        self._importer = Importer()
        self._spare: Child | None = None
        self._inherited: socket | None = None
        self._first = -1
        self._own_table = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        self._network = False

    def serve(self) -> Order:
        """Return an order, in a child; the warm interpreter itself ends in here."""
        while True:
            self._plug.settimeout(_SPARE_SECONDS if self._spare else None)
            try:
                message, descriptors = wire.receive(self._plug)
            except TimeoutError:
                self._drop_spare()
                continue
            if message is None:
                os._exit(0)
            if message[0] == "import":
                self._network = message[2]
                self._answer_import(message[1])
            elif message[0] == "reap":
                _, status, usage = os.wait4(message[1], 0)
                wire.send(self._plug, (status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss))
            elif not self._fork(descriptors):
                return self._await_order()

    def _answer_import(self, names: "list[str]") -> None:
        if names:
            self._drop_spare()
        report = self._importer.take(names)
        ending.note_modules()
        gc.collect()
        # What is here now is nobody's garbage: children need not look at it, which would copy it.
        gc.freeze()
        large_pages.gather()
        wire.send(self._plug, report)

    def _fork(self, descriptors: "list[int]") -> bool:
        """Give the order to a child and fork the next one ahead. False in a child."""
        try:
            child = self._spare or self._make()
            if child is None:
                return False
            self._spare = None
            pidfds = (child.pidfd,) if child.first < 0 else (child.pidfd, child.first)
            wire.send(child.plug, "", tuple(descriptors))
            wire.send(self._plug, (child.pid,), pidfds)
            child.close()
        except OSError as error:
            wire.send(self._plug, str(error))
            return True
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        try:
            self._spare = self._make()
        except OSError:
            # It will be tried, and told, with the next order.
            return True
        return self._inherited is None

    def _make(self) -> Child | None:
        """Return a new child, or None in it."""
        near, far = socketpair(AF_UNIX, SOCK_SEQPACKET)
        first = self._ask_cradle()
        if first >= 0:
            kernel.enter(first, kernel.NEWPID)
        try:
            pid = os.fork()
            if pid == 0:
                near.close()
                self._inherited, self._first = far, first
                return None
        finally:
            if first >= 0 and self._inherited is None:
                kernel.enter(self._own_table, kernel.NEWPID)
        far.close()
        return Child(pid, near, first)

    def _ask_cradle(self) -> int:
        if self._cradles is None:
            return -1
        wire.send(self._cradles, self._network)
        said, descriptors = wire.receive(self._cradles)
        if not descriptors:
            raise OSError(f"no sandbox could be made: {said}")
        return descriptors[0]

    def _drop_spare(self) -> None:
        if self._spare is not None:
            spare, self._spare = self._spare, None
            if spare.first >= 0:
                _kill(spare.first)
            spare.close()
            os.wait4(spare.pid, 0)

    def _await_order(self) -> Order:
        """Wait, in a child, for the order, holding nothing else of the warm interpreter's."""
        try:
            plug = self._inherited
            if plug is None:
                os._exit(70)
            if self._first >= 0:
                cradle.enter(self._first, with_network=self._network)
            self._close_but(plug.fileno())
            message, descriptors = wire.receive(plug)
            plug.close()
            if message is None or len(descriptors) != 5:
                os._exit(0)
            return Order(descriptors, self._importer, self._first >= 0)
        except BaseException as error:
            _give_up(error)

    def _close_but(self, number: int) -> None:
        last = 2
        for kept in sorted({number, *self._importer.descriptors}):
            os.closerange(last + 1, kept)
            last = kept
        os.closerange(last + 1, 1 << 20)


def _give_up(error: BaseException) -> NoReturn:
    os.write(2, f"the warm interpreter could not begin: {error!r}\n".encode("utf-8", "replace"))
    os._exit(70)


def _kill(pidfd: int) -> None:
    try:
        signal.pidfd_send_signal(pidfd, 9)
    except OSError:
        return
