"""Sandboxes for forked scripts in `strict`: namespaces made ahead, each with a process that only buries.

The warm interpreter sits in a sandbox of bubblewrap's that has no job's
files but shows the folder of all attempts, and keeps its capabilities there.
A cradle is an own table of processes, network, mounts, /proc, /dev/shm and
terminals inside of that. The script enters it, keeps of the attempts' folder
only its own, and gives up every right before its first line runs.
"""

import os
import signal
from _socket import socket
from typing import Any

from . import kernel, wire

_PLAIN = kernel.NOSUID | kernel.NODEV
_MADE = kernel.NEWNS | kernel.NEWIPC | kernel.NEWUTS | kernel.NEWCGROUP


def settle(has_own_users: bool) -> None:
    """Make the sandbox of the warm interpreter ready: a /proc that can be written, no more user namespaces.

    Raises:
        OSError: If the sandbox lacks the rights.
    """
    _bound()
    kernel.mount("proc", "/proc", _PLAIN | kernel.NOEXEC)
    if has_own_users:
        # Of this user namespace alone. Without an own one it would be the whole machine's.
        with open("/proc/sys/user/max_user_namespaces", "w") as file:
            file.write("0")


def _bound() -> None:
    """Set what `agents.runner.bounds` sets from outside: there a script's own children may be faster."""
    import resource

    for name, most in (("CORE", 0), ("NOFILE", 65_536), ("NPROC", 16_384)):
        which = getattr(resource, f"RLIMIT_{name}")
        soft, hard = (most if one < 0 else min(one, most) for one in resource.getrlimit(which))
        resource.setrlimit(which, (soft, hard))


def keep(plug: socket) -> None:
    """Make a cradle for each message, and answer with its first process; return when nobody asks any more."""
    # The kernel buries: whoever lives in a cradle is killed with its first process.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    while True:
        message, _ = wire.receive(plug)
        if message is None:
            return
        try:
            first = _make(plug, own, with_network=message)
        except OSError as error:
            wire.send(plug, str(error))
            continue
        wire.send(plug, "", (first,))
        os.close(first)


def _make(plug: socket, own: int, *, with_network: bool) -> int:
    """Return a pidfd of the first process of a new cradle."""
    reader, writer = os.pipe()
    kernel.unshare(kernel.NEWPID)
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reader)
            plug.close()
            os.close(own)
            _furnish(with_network)
            os.write(writer, b"made")
            os.close(writer)
        except BaseException as error:
            os.write(writer, str(error).encode("utf-8", "replace"))
            os._exit(1)
        while True:
            signal.pause()
    kernel.enter(own, kernel.NEWPID)
    os.close(writer)
    said = os.read(reader, 1000).decode("utf-8", "replace")
    os.close(reader)
    if said != "made":
        raise OSError(said)
    return os.pidfd_open(pid)


def _furnish(with_network: bool) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.setsid()
    kernel.unshare(_MADE | (0 if with_network else kernel.NEWNET))
    kernel.mount("proc", "/proc", _PLAIN | kernel.NOEXEC)
    kernel.make_read_only("/proc", _PLAIN | kernel.NOEXEC)
    kernel.mount("tmpfs", "/dev/shm", _PLAIN, "mode=1777")  # noqa: S108 - the cradle's own
    kernel.mount("devpts", "/dev/pts", kernel.NOSUID | kernel.NOEXEC, "newinstance,ptmxmode=0666,mode=620")
    if not with_network:
        kernel.raise_loopback()
    kernel.drop_rights()


def enter(first: int, *, with_network: bool) -> None:
    """Take this process, which is in the cradle's table of processes already, into the rest of it.

    Raises:
        OSError: If the cradle is gone.
    """
    kernel.enter(first, _MADE | (0 if with_network else kernel.NEWNET))


def move_in(order: "dict[str, Any]") -> None:
    """Show this process its own attempt's folders and no other's, then give up all rights.

    Raises:
        OSError: If a folder is not there.
    """
    places = order["places"]
    held = [(place, kernel.pick_up(place)) for place in places]
    temporary = [(place, kernel.pick_up(order["temporary"])) for place in ("/tmp", "/var/tmp")]  # noqa: S108
    # The outer before the inner: the agent's folder may lie below /tmp.
    for place, tree in temporary:
        kernel.put_down(tree, place)
    for covered in sorted({os.path.dirname(place) for place in places}):
        os.makedirs(covered, exist_ok=True)
        kernel.mount("tmpfs", covered, _PLAIN, "mode=755")
    for place, tree in held:
        os.mkdir(place, 0o700)
        kernel.put_down(tree, place)
    for covered in sorted({os.path.dirname(place) for place in places}):
        kernel.make_read_only(covered, _PLAIN)
    kernel.drop_rights()
