"""Forks an attempt's script from a warm interpreter, where that is the same as starting it, only faster.

Where it is not, it says so with None and the attempt gets a fresh interpreter.
"""

import io
import logging
import marshal
import os
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from agents.runner.sandbox import Sandbox
from agents.runner.tree import AGENT_VARIABLE
from agents.warm.imports import Imports, find_imports, names_beside
from agents.warm.interpreter import Interpreter, InterpreterGone, WarmProcess
from agents.warm.known import READ_AT_IMPORT
from agents.warm.pool import Lent, Pool, PoolLimits, Shape

log = logging.getLogger(__name__)

INSIDE = Path(__file__).with_name("inside")
#: A library that counts threads when it is imported takes one; the script's number is set after the fork.
THREAD_VARIABLES = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"),
    *("VECLIB_MAXIMUM_THREADS", "BLIS_NUM_THREADS"),
)
#: How long environment and command line of a script may be and still be seen whole by other processes.
_ROOM = 8192
#: What Linux takes for one argument, and a part of what it takes for all of them.
_ARGUMENT_BYTES, _ARGUMENTS_BYTES = 128 * 1024, 1024 * 1024
_SCRIPTS_AT_MOST = 64
_SOURCE_BYTES = 256 * 1024


class Request(Struct):
    """What is to be started: as `python argv...` in a folder, with an environment."""

    #: Name the script's content, for ever.
    bundle: str
    entry: str
    folder: Path
    #: The script's path as the interpreter is given it, and its arguments.
    argv: list[str]
    environment: dict[str, str]
    stdin: int
    is_strict: bool
    network: bool
    #: In `strict`, the folders that the script sees of the agent's, and the one it has as /tmp.
    places: list[str]
    temporary: str
    #: Another than the agent's own, of the same version; and which time it was built.
    interpreter: str = ""
    built: str = ""


class Started(Struct):
    """A script that was forked, and the pipe that says "began" when its own code is next."""

    process: WarmProcess
    lent: Lent
    report: int


class _Look(Struct):
    imports: Imports
    code: bytes | None
    #: Why it cannot be compiled would be said in other words than `python script.py` has for it.
    is_unreadable: bool


class WarmLauncher:
    """The way from an attempt to a warm interpreter; every method from any thread."""

    def __init__(
        self,
        *,
        home: Path,
        interpreter: str,
        sandbox: Sandbox,
        marker: str,
        spawn: Callable[[Callable[[], "subprocess.Popen[bytes]"]], "subprocess.Popen[bytes]"],
        limits: PoolLimits | None = None,
    ) -> None:
        self._home, self._interpreter, self._sandbox = home, interpreter, sandbox
        self._marker, self._spawn = marker, spawn
        self.pool = Pool(self._start, limits)
        self._lock = threading.Lock()
        self._looks: dict[tuple[str, str], _Look] = {}

    def fork(self, request: Request, is_stopped: Callable[[], bool]) -> Started | None:
        """Return the forked script, or None when it must be started afresh."""
        script = request.folder / request.entry
        if not _is_plain(request) or script.is_symlink():
            return None
        if request.is_strict and not self._sandbox.can_be_warm:
            return None
        beside = names_beside(script.parent)
        look = self._look_at(request, script)
        if look.is_unreadable or any(
            (script.parent / file).exists()
            for name in look.imports.heavy
            for file in READ_AT_IMPORT.get(name, ())
        ):
            return None
        shape = Shape(
            *(request.interpreter or self._interpreter, request.is_strict, request.network),
            tuple(sorted(_shared(request.environment, request.is_strict).items())),
            request.built,
        )
        for _ in range(2):
            lent = self.pool.lend(shape, look.imports, is_stopped)
            if lent is None:
                return None
            if beside & lent.interpreter.modules:
                # Here the script's own module of that name is not the one that it would get.
                lent.give_back()
                return None
            try:
                return self._order(request, script, look, lent)
            except InterpreterGone as error:
                log.warning("a warm interpreter was lost, the script gets another: %s", error)
                lent.give_back(broken=True)
        return None

    def close(self) -> None:
        """End all warm interpreters."""
        self.pool.close()

    def _order(self, request: Request, script: Path, look: _Look, lent: Lent) -> Started:
        threads = request.environment.get("OMP_NUM_THREADS", "").partition(",")[0]
        order = {
            "environment": os.fsencode(
                "".join([f"{name}={value}\0" for name, value in request.environment.items()])
            ),
            "folder": str(request.folder),
            "argv": request.argv,
            "path": str(script.parent),
            "script": str(script),
            "code": look.code,
            "threads": int(threads) if threads.isdigit() else len(os.sched_getaffinity(0)),
            "places": request.places,
            "temporary": request.temporary,
        }
        opened: list[int] = []
        given: list[int] = []
        try:
            given.append(os.memfd_create("order", os.MFD_CLOEXEC))
            os.write(given[0], marshal.dumps(order, 2))
            pipes = [os.pipe() for _ in range(3)]
            opened += [reader for reader, _ in pipes]
            given += [writer for _, writer in pipes]
            os.set_blocking(opened[2], False)
            source, out, error, report = given
            number, pidfds = lent.interpreter.fork((source, request.stdin, out, error, report))
            process = WarmProcess(lent.interpreter, number, pidfds)
            process.stdout, process.stderr = os.fdopen(opened[0], "rb", 0), os.fdopen(opened[1], "rb", 0)
            return Started(process, lent, opened[2])
        except BaseException:
            for descriptor in opened:
                os.close(descriptor)
            raise
        finally:
            for descriptor in given:
                os.close(descriptor)

    def _look_at(self, request: Request, script: Path) -> _Look:
        key = (request.bundle, request.entry)
        with self._lock:
            found = self._looks.get(key)
            if found is not None:
                return found
            source = script.read_bytes()
            imports = find_imports(source, script.parent)
            look = self._looks[key] = _Look(
                imports, self._compile(source, str(script)), _is_unreadable(source)
            )
            if len(self._looks) > _SCRIPTS_AT_MOST:
                del self._looks[next(iter(self._looks))]
            return look

    def _compile(self, source: bytes, path: str) -> bytes | None:
        """Return the compiled code; None where compiling says something that belongs into the output."""
        is_own = os.path.abspath(self._interpreter) == os.path.abspath(sys.executable)
        if not is_own or len(source) > _SOURCE_BYTES:
            return None
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                code = compile(source, path, "exec", dont_inherit=True)
            except Exception:
                return None
        return None if caught else marshal.dumps(code)

    def _start(self, shape: Shape) -> Interpreter:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        said = os.memfd_create("said", os.MFD_CLOEXEC)
        try:
            words = self._words(shape, theirs.fileno())
            environment = {AGENT_VARIABLE: self._marker, **dict(shape.environment)}
            environment.update(dict.fromkeys(THREAD_VARIABLES, "1"))
            if shape.is_strict:
                environment["HOME"] = "/tmp"  # noqa: S108 - the sandbox's own
            environment["IDLEHANDS_ROOM"] = "x" * _ROOM
            process = self._spawn(
                lambda: subprocess.Popen(
                    words,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=said,
                    cwd="/",
                    env=environment,
                    start_new_session=True,
                    pass_fds=[theirs.fileno()],
                )
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
            os.close(said)
        return Interpreter(process, ours)

    def _words(self, shape: Shape, control: int) -> list[str]:
        begin = [shape.interpreter, str(INSIDE / "main.py"), str(control)]
        # Where the command lines of scripts will be seen.
        room = " " * _ROOM
        if not shape.is_strict:
            return [*begin, "basic", "0", room]
        folders = [self._home / "attempts", self._home / "checkpoints"]
        for folder in folders:
            folder.mkdir(mode=0o700, exist_ok=True)
        has_own_users = "1" if self._sandbox.has_own_users else "0"
        return self._sandbox.enclose_warm(
            [*begin, "strict", has_own_users, room], folders=folders, network=shape.network
        )


def _is_unreadable(source: bytes) -> bool:
    """Tell whether it has zero bytes, or names an encoding that there is not."""
    import tokenize

    try:
        tokenize.detect_encoding(io.BytesIO(source).readline)
    except SyntaxError:
        return True
    return b"\0" in source


def _is_plain(request: Request) -> bool:
    """Tell whether the script is one that Python would compile and run from its folder."""
    parts = request.entry.split("/")
    sizes = [len(os.fsencode(word)) + 1 for word in request.argv]
    return (
        request.argv[0] == request.entry
        # Nobody else could start it, and says so.
        and max(sizes) < _ARGUMENT_BYTES
        and sum(sizes) < _ARGUMENTS_BYTES
        and request.entry.endswith(".py")
        and not any(part in ("", ".", "..") for part in parts)
    )


def _shared(environment: dict[str, str], is_strict: bool) -> dict[str, str]:
    """Return what is the same for all attempts."""
    own = {"TMPDIR", "HOME"} if is_strict else {"TMPDIR"}
    return {
        name: value
        for name, value in environment.items()
        if name not in own and not name.startswith("IDLEHANDS_")
    }
