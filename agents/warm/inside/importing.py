"""Imports modules ahead of scripts, and notices what must not be inherited: threads, CUDA, output, handlers.

A module that does more at import than define things would be another one in
a fork than in a fresh interpreter. It is told as the spoiler, and this
interpreter should then not be forked any more.
"""

import ctypes
import os
import signal
import sys
import time
import weakref
from importlib import import_module
from typing import Any

from . import kernel
from .first_uses import FirstUses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

#: Of jemalloc, which pyarrow brings and pandas imports where it is installed: its own handlers see to it
#: that a fork finds a whole heap, and the child does without the thread.
_HARMLESS_THREADS = frozenset({"jemalloc_bg_thd"})
_NAMING_SECONDS = 0.05

#: How libraries for arithmetic are told how many threads they may use.
_SETTERS = (
    ("openblas", ("scipy_openblas_set_num_threads64_", "scipy_openblas_set_num_threads")),
    ("openblas", ("openblas_set_num_threads64_", "openblas_set_num_threads")),
    ("libgomp", ("omp_set_num_threads",)),
    ("libiomp", ("omp_set_num_threads",)),
    ("libomp", ("omp_set_num_threads",)),
    ("libmkl_rt", ("MKL_Set_Num_Threads",)),
    ("libblis", ("bli_thread_set_num_threads",)),
)


#: Of numpy's own random numbers.
STATE_BYTES = 625 * 4


class Importer:
    """What this interpreter has imported for its scripts."""

    def __init__(self) -> None:
        #: Descriptors that modules opened at import; they belong to a script that imports them.
        self.descriptors: set[int] = set()
        #: Variables that modules set at import.
        self.variables: dict[bytes, bytes] = {}
        #: Functions that take a number of threads.
        self.setters: list[Any] = []
        #: Where numpy's own random numbers have their state, 0 where that is not known.
        self.state_of_numpy = 0
        self._uses = FirstUses()
        #: Where the command line and the environment of a script are seen.
        self.layout = _find_layout()

    def take(self, names: "list[str]") -> "dict[str, Any]":
        """Import modules and return the report for the agent."""
        before = _read_descriptors()
        spoiled = self._watch_all(names, import_module) or self._watch_all(self._uses.wait(), self._uses.use)
        self.descriptors |= _read_descriptors() - before
        self.setters = _find_setters()
        _keep_libraries()
        _forget_sources()
        self.state_of_numpy = _find_state_of_numpy() if "numpy.random" in sys.modules else 0
        return {
            "names": sorted({name.partition(".")[0] for name in sys.modules} - {"inside", "__main__"}),
            "spoiled": spoiled,
            "rss_kb": _read_resident(),
        }

    def _watch_all(self, names: "Iterable[str]", act: "Callable[[str], object]") -> "tuple[str, str] | None":
        for name in names:
            if why := self._watch(name, act):
                return name, why
        return None

    def _watch(self, name: str, act: "Callable[[str], object]") -> str:
        """Import a module, or use it first, and return why that must not be inherited, or ""."""
        variables, folder = dict(os.environ), os.getcwd()
        handlers = [signal.getsignal(number) for number in signal.valid_signals()]
        held = [os.dup(1), os.dup(2)]
        said = os.memfd_create("said", os.MFD_CLOEXEC)
        why = ""
        try:
            for descriptor in (1, 2):
                os.dup2(said, descriptor)
            act(name)
        except ModuleNotFoundError as error:
            # The script will be told the same.
            is_it = error.name in (name, name.partition(".")[0])
            why = "" if is_it else f"it lacks {error.name}"
        except BaseException as error:
            why = f"its import fails: {error!r}"
        finally:
            for descriptor, original in zip((1, 2), held, strict=True):
                os.dup2(original, descriptor)
                os.close(original)
            if os.fstat(said).st_size:
                why = why or "it prints at import"
            os.close(said)
        if [signal.getsignal(number) for number in signal.valid_signals()] != handlers:
            why = why or "it handles signals"
        if os.getcwd() != folder:
            why = why or "it changes the working directory"
        for variable, value in os.environ.items():
            if variables.get(variable) != value:
                self.variables[os.fsencode(variable)] = os.fsencode(value)
        if any(variable not in os.environ for variable in variables):
            why = why or "it removes variables of the environment"
        return why or _find_threads() or _find_cuda()


class _Finalizers(dict):  # type: ignore[type-arg]
    """The finalizers there are. Who lists them, at the end of a script, finds those of the script alone.

    To look at each of the others would copy the memory that they lie in.
    """

    older: "frozenset[Any]" = frozenset()

    def items(self) -> "Any":
        """Return what came after the imports, oldest first. It is at the end."""
        newer = []
        for finalizer in reversed(self):
            if finalizer in self.older:
                break
            newer.append((finalizer, self[finalizer]))
        return newer[::-1]


def _keep_libraries() -> None:
    """Let no child take apart, at its end, what was there before it: that takes long, and is not its own."""
    registry: Any = weakref.finalize._registry  # type: ignore[attr-defined]
    for finalizer in list(registry):
        finalizer.atexit = False
    kept = _Finalizers(registry)
    kept.older = frozenset(registry)
    weakref.finalize._registry = kept  # type: ignore[attr-defined]


def _forget_sources() -> None:
    """Forget the lines that libraries have read of their own code: children would, at a page a line."""
    linecache = sys.modules.get("linecache")
    if linecache is not None:
        linecache.clearcache()


def _find_state_of_numpy() -> int:
    """Return where numpy's own random numbers have their state, 0 where that is not known.

    It is 624 words and then how many of them are used up. `numpy.random.seed()` would run much code for the
    first time in each child, a millisecond and 120 pages of it.
    """
    random: Any = sys.modules.get("numpy.random")
    try:
        random.seed()
        generator = random.mtrand._rand._bit_generator
        state, address = generator.state["state"], int(generator.ctypes.state_address)
        shown = ctypes.string_at(address, STATE_BYTES)
        expected = state["key"].tobytes() + int(state["pos"]).to_bytes(4, sys.byteorder)
        return address if generator.state["bit_generator"] == "MT19937" and shown == expected else 0
    except Exception:
        return 0


def _find_threads() -> str:
    deadline = time.monotonic() + _NAMING_SECONDS
    while count := sum(name not in _HARMLESS_THREADS for name in _read_other_threads()):
        if time.monotonic() >= deadline:
            return f"it starts {count} threads at import"
        # A thread that has just begun has not given itself its name yet.
        time.sleep(0.002)
    return ""


def _read_other_threads() -> "Iterator[str]":
    own = str(os.getpid())
    for thread in os.listdir("/proc/self/task"):
        if thread != own:
            try:
                with open(f"/proc/self/task/{thread}/comm") as file:
                    yield file.read().strip()
            except OSError:
                continue


def _find_cuda() -> str:
    cuda = sys.modules.get("torch.cuda")
    return "it begins to use the GPU at import" if cuda is not None and cuda.is_initialized() else ""


def _read_descriptors() -> "set[int]":
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            os.fstat(int(name))
            found.add(int(name))
        except OSError:
            continue
    return found


def _read_resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def _find_setters() -> "list[Any]":
    with open("/proc/self/maps") as file:
        paths = {line.split(None, 5)[5].strip() for line in file if ".so" in line}
    found = []
    for path in sorted(paths):
        file_name = os.path.basename(path)
        for word, names in _SETTERS:
            if word in file_name:
                library = ctypes.CDLL(path)
                found += [getattr(library, name) for name in names if hasattr(library, name)]
    return found


def _find_layout() -> kernel.Layout:
    # The C library still points there, so its variables get another place first.
    for name, value in os.environ.items():
        os.putenv(name, value)
    return kernel.Layout()
