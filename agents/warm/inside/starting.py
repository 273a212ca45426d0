"""From a bare interpreter to a warm one: which process does what, and on which stack scripts run.

    python main.py          makes the cradles of a sandbox (`strict`), or just waits
      thread, forks  ->     the warm interpreter: serves the agent
        forks  ->           a script, once for each attempt

The warm interpreter is forked from a thread: the thread is then the main one,
and its stack begins with `_live`, whose frame nobody sees, and not with the
module that the interpreter was started with.
"""

import _thread
import os
from _socket import AF_UNIX, SOCK_SEQPACKET, socket, socketpair
from typing import Any

from . import child, cradle, ending, streams
from .hiding import Depth, hide
from .serving import Server

_STACK_BYTES = 64 * 1024 * 1024
#: The frames of `Depth.read`, `start` and the `main` that called it.
_OWN_FRAMES = 3


def start(control: int, is_strict: bool, has_own_users: bool) -> None:
    """Serve the agent; never returns."""
    plug = socket(AF_UNIX, SOCK_SEQPACKET, 0, control)
    os.set_inheritable(control, False)
    near = far = None
    if is_strict:
        cradle.settle(has_own_users)
        near, far = socketpair(AF_UNIX, SOCK_SEQPACKET)
    streams.make()
    usual_depth = Depth().read() - _OWN_FRAMES
    told: list[int] = []
    lock = _thread.allocate_lock()
    lock.acquire()
    _thread.stack_size(_STACK_BYTES)
    _thread.start_new_thread(hide(_live), (plug, near, usual_depth, told, lock))
    lock.acquire()
    os.close(control)
    if near is not None and far is not None:
        near.close()
        cradle.keep(far)
    else:
        os.waitpid(told[0], 0)
    os._exit(0)


def _live(plug: socket, cradles: socket | None, usual_depth: int, told: "list[int]", lock: Any) -> None:
    pid = os.fork()
    if pid:
        told.append(pid)
        lock.release()
        return
    _thread.stack_size(0)
    depth = Depth()
    found: dict[str, Any] = {"depth": depth}
    exec("found = depth.read() - 1", found)  # noqa: S102 - how deep a script would be
    order = Server(plug, cradles).serve()
    # Only a child comes here: it becomes the script.
    code, namespace, failed = child.become(order)
    depth.shift(found["found"] - usual_depth)
    if not failed:
        try:
            exec(code, namespace)  # noqa: S102 - what all of this is for
        except BaseException as error:
            failed.append(error)
    del code, namespace, order
    ending.finish(failed)
