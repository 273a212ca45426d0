"""The warm worker of a service: imports once, then answers calls over the socket `.idlehands/calls`.

    python idlehands_serve.py ENTRY FUNCTION CONCURRENCY

With a FUNCTION, its module stays and each call is a call of it; at most
CONCURRENCY at a time, each in a thread. Without, ENTRY is a script: its imports
are made ahead, and each call is a fork of this process that runs it as
`python ENTRY words...` would. Only the standard library, and any Python 3.8 or later.
"""

import ast
import asyncio
import importlib
import importlib.util
import inspect
import json
import os
import queue
import runpy
import selectors
import signal
import socket
import sys
import threading
import time
import traceback
from typing import Any, Optional

_KEPT_BYTES = 1024 * 1024
_TAIL_BYTES = 64 * 1024
#: After its deadline, a function that cannot be stopped ends its worker.
_GRACE_SECONDS = 1.0


def main() -> None:
    """Serve until the socket is closed."""
    entry, function, concurrency = sys.argv[1], sys.argv[2], int(sys.argv[3])
    plug = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    plug.connect(os.path.join(".idlehands", "calls"))
    path = os.path.abspath(entry)
    sys.argv = [entry]
    sys.path[0] = os.path.dirname(path)
    if function:
        serve_function(plug, path, function, concurrency)
    else:
        serve_script(plug, entry, path, concurrency)


def _send(plug: socket.socket, said: "dict[str, Any]") -> None:
    plug.sendall(json.dumps(said).encode("utf-8", "replace") + b"\n")


# --- functions -----------------------------------------------------------------------------


def load_function(path: str, name: str) -> Any:
    """Return a function of the module in a file."""
    stem = os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[stem] = module
    spec.loader.exec_module(module)
    found = getattr(module, name, None)
    if not callable(found):
        sys.exit(f"{os.path.basename(path)} has no function {name!r}")
    return found


def serve_function(plug: socket.socket, path: str, name: str, concurrency: int) -> None:
    """Answer each call with what the function returns."""
    function = load_function(path, name)
    calls: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    lock = threading.Lock()
    signature = _signature(function)
    deadlines: dict[str, float] = {}

    def answer(call: "dict[str, Any]") -> None:
        begin = time.perf_counter()
        deadlines[call["id"]] = time.monotonic() + float(call["seconds"]) + _GRACE_SECONDS
        said: dict[str, Any] = {"id": call["id"]}
        try:
            try:
                _check(signature, name, call["params"], said)
                result = function(**call["params"])
                if inspect.isawaitable(result):
                    result = asyncio.run(_await(result))
                said["result"] = _plain(result)
                line = json.dumps(said)
            except SystemExit as error:
                raise RuntimeError(f"the function called sys.exit({error.code!r})") from error
        except BaseException as error:
            said.pop("result", None)
            said["error"] = [f"{type(error).__name__}: {error}", "".join(_format(error))]
            line = json.dumps(said)
        finally:
            deadlines.pop(call["id"], None)
        seconds = time.perf_counter() - begin
        with lock:
            plug.sendall(f'{line[:-1]}, "seconds": {seconds:.6f}}}\n'.encode("utf-8", "replace"))

    def work() -> None:
        while True:
            answer(calls.get())

    def watch() -> None:
        while True:
            time.sleep(0.25)
            now = time.monotonic()
            if any(end < now for end in list(deadlines.values())):
                sys.stderr.write(f"{name} went on after its deadline: its worker is started anew\n")
                sys.stderr.flush()
                os._exit(70)

    threading.Thread(target=watch, daemon=True).start()
    if concurrency > 1:
        for _ in range(concurrency):
            threading.Thread(target=work, daemon=True).start()
    _send(plug, {"ready": True})
    for call in _read(plug):
        if concurrency > 1:
            calls.put(call)
        else:
            answer(call)


def _signature(function: Any) -> Any:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        # Of some functions in C nothing is known.
        return None


def _check(signature: Any, name: str, params: "dict[str, Any]", said: "dict[str, Any]") -> None:
    """Note it, and raise, when these are not the function's parameters."""
    try:
        if signature is not None:
            signature.bind(**params)
    except TypeError as error:
        said["kind"] = "bad_params"
        raise TypeError(f"{name}(): {error}") from None


async def _await(awaitable: Any) -> Any:
    return await awaitable


def _read(plug: socket.socket) -> Any:
    rest = b""
    while True:
        chunk = plug.recv(256 * 1024)
        if not chunk:
            return
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield json.loads(line)


def _format(error: BaseException) -> "list[str]":
    # The frames of this file say nothing about the function.
    trace = error.__traceback__
    own = trace.tb_next if trace is not None and trace.tb_next is not None else trace
    return traceback.format_exception(type(error), error, own)


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: arrays and numbers of numpy and torch too."""
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(inner) for inner in value]
    for method in ("tolist", "isoformat", "_asdict"):
        if hasattr(value, method):
            return _plain(getattr(value, method)())
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    raise TypeError(
        f"a {type(value).__name__} is nothing that JSON has: return numbers, texts, lists or dicts"
    )


# --- scripts -------------------------------------------------------------------------------


def import_ahead(path: str) -> None:
    """Import what a script imports at its top; what cannot be imported it says itself later."""
    try:
        with open(path, "rb") as file:
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return
    for node in tree.body:
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
        for name in names:
            try:
                importlib.import_module(name)
            except BaseException:  # noqa: S112 - the script's own import says it
                continue


class Run:
    """One call of a script: a forked process and what it printed."""

    def __init__(self, call: "dict[str, Any]", entry: str, path: str) -> None:
        self.id = call["id"]
        self.begin = time.perf_counter()
        self.ends_at = time.monotonic() + float(call["seconds"])
        out, err = os.pipe(), os.pipe()
        self.printed: dict[int, bytearray] = {out[0]: bytearray(), err[0]: bytearray()}
        self.out, self.err = out[0], err[0]
        self.opened = [out[0], err[0]]
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.setsid()
                os.dup2(out[1], 1)
                os.dup2(err[1], 2)
                _give_stdin(call.get("stdin"))
                os.closerange(3, 1 << 16)
                _run(entry, path, call["words"])
            finally:
                os._exit(70)
        os.close(out[1])
        os.close(err[1])
        for descriptor in self.opened:
            os.set_blocking(descriptor, False)

    def take(self, descriptor: int) -> bool:
        """Take in what was printed; False at its end."""
        try:
            chunk = os.read(descriptor, 65536)
        except BlockingIOError:
            return True
        kept = self.printed[descriptor]
        kept += chunk
        if descriptor == self.err:
            del kept[:-_TAIL_BYTES]
        else:
            del kept[_KEPT_BYTES:]
        return bool(chunk)

    def has_ended(self) -> Optional[int]:  # noqa: UP045 - for Python 3.8
        """Return the exit code, negative for a signal, once it has ended."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if not pid:
            return None
        return os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)

    def kill(self) -> None:
        """End it and all that it started."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except OSError:
            return


def _give_stdin(text: Any) -> None:
    if text is None:
        descriptor = os.open(os.devnull, os.O_RDONLY)
    else:
        with open(os.path.join(".idlehands", "tmp", f"stdin-{os.getpid()}"), "wb+") as file:
            file.write(text.encode())
            file.flush()
            file.seek(0)
            os.unlink(file.name)
            descriptor = os.dup(file.fileno())
    os.dup2(descriptor, 0)


def _run(entry: str, path: str, words: "list[str]") -> None:
    """Run the script in this process, which ends with it."""
    sys.argv = [entry, *words]
    sys.stdin = os.fdopen(0, "r", encoding="utf-8")
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", errors="backslashreplace")
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1)
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()
    if "torch" in sys.modules:
        sys.modules["torch"].seed()
    code = 0
    try:
        runpy.run_path(path, run_name="__main__")
    except SystemExit as error:
        if error.code is not None and not isinstance(error.code, int):
            sys.stderr.write(f"{error.code}\n")
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException as error:
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename != path:
            trace = trace.tb_next
        traceback.print_exception(type(error), error, trace)
        code = 1
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                code = code or 120
    os._exit(code & 0xFF)


def serve_script(plug: socket.socket, entry: str, path: str, concurrency: int) -> None:
    """Answer each call with how a fork ended that ran the script, and with what it printed."""
    import_ahead(path)
    _send(plug, {"ready": True})
    waiting: list[dict[str, Any]] = []
    runs: dict[int, Run] = {}
    rest = b""
    selector = selectors.DefaultSelector()
    selector.register(plug, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select(0.005 if runs else None):
            if key.fileobj is plug:
                chunk = plug.recv(256 * 1024)
                if not chunk:
                    for run in runs.values():
                        run.kill()
                    return
                *lines, rest = (rest + chunk).split(b"\n")
                waiting += map(json.loads, lines)
            elif not key.data.take(key.fd):
                selector.unregister(key.fd)
                os.close(key.fd)
                key.data.opened.remove(key.fd)
        for run in list(runs.values()):
            if time.monotonic() > run.ends_at:
                run.kill()
            code = run.has_ended()
            if code is None:
                continue
            for descriptor in list(run.opened):
                # What its own children still hold open is not waited for.
                while run.take(descriptor) and _has_more(descriptor):
                    pass
                selector.unregister(descriptor)
                os.close(descriptor)
            run.kill()
            del runs[run.pid]
            _send(
                plug,
                {
                    "id": run.id,
                    "code": code,
                    "stdout": run.printed[run.out].decode("utf-8", "replace"),
                    "stderr": run.printed[run.err].decode("utf-8", "replace"),
                    "seconds": time.perf_counter() - run.begin,
                },
            )
        while waiting and len(runs) < concurrency:
            run = Run(waiting.pop(0), entry, path)
            runs[run.pid] = run
            for descriptor in run.opened:
                selector.register(descriptor, selectors.EVENT_READ, run)


def _has_more(descriptor: int) -> bool:
    import select

    return bool(select.select([descriptor], [], [], 0)[0])


if __name__ == "__main__":
    main()
