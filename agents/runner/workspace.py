"""Where one attempt lives on disk, what environment it gets, and whether its script can run at all.

    attempts/<job>.<token>/                the bundle's files; the working directory
    attempts/<job>.<token>/.idlehands/     stop flag, TMPDIR, files handed in by save()
    outgoing/<job>.<token>/                what the agent sends, where no script can reach it
    checkpoints/<job>/                     outlives an attempt, so that the next one here continues
    kept/                                  what could not be sent, for a person to fetch

Everything is 0700. Environment by allow-list: an agent's own secrets and
settings are nobody's business. The attempt's folder is the script's: the agent
never follows a link in there.
"""

import contextlib
import os
import re
import stat
import threading
import time
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from agents.runner.failures import name_failure, name_not_python
from agents.runner.tree import AGENT_VARIABLE, ATTEMPT_VARIABLE
from schemas.facts import Failure
from schemas.messages import Grant

_PASSED = frozenset({
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "VIRTUAL_ENV",
    "SYSTEMROOT", "COMSPEC", "PATHEXT", "USERPROFILE", "SSL_CERT_FILE", "SSL_CERT_DIR",
})  # fmt: skip
_PASSED_PREFIXES = ("LC_", "CUDA_", "NVIDIA_", "ROCR_", "HIP_", "HSA_", "OMP_", "MKL_", "OPENBLAS_")
#: What scripts may import.
INJECTED = Path(__file__).resolve().parent.parent / "injected"
_INJECTED = str(INJECTED)
#: So that instruments need no server, no login and no screen; what they write is found in the working
#: directory. The same for all attempts, for a warm interpreter is one for all.
_INSTRUMENTS = {
    "MPLBACKEND": "module://idlehands_figures",
    "MLFLOW_TRACKING_URI": "file:./mlruns",
    # Since 3.7 or so it refuses files otherwise, and would write a database of its own.
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "WANDB_MODE": "offline",
    "WANDB_SILENT": "true",
}
_CHECKED_BYTES = 256 * 1024
_KEPT_SECONDS = 14 * 86_400
_SAVED_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_HAS_FOLDER_DESCRIPTORS = os.open in os.supports_dir_fd
_AS_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)


class Workspace:
    """The folders of one attempt."""

    def __init__(self, home: Path, grant: Grant) -> None:
        self.name = f"{grant.job}.{grant.token}"
        #: For the script's random numbers, if it asks.
        self.seed = int.from_bytes(os.urandom(4)) if grant.spec.seed is None else grant.spec.seed
        self.folder = home / "attempts" / self.name
        self.private = self.folder / ".idlehands"
        self.stop_file = self.private / "stop"
        self.saved = self.private / "saved"
        self.outgoing = home / "outgoing" / self.name
        self.checkpoints = home / "checkpoints" / grant.job
        #: Of the last attempt that had that folder on this machine. Where no script in `strict` reaches it.
        self.checkpoint_token = home / "checkpoints" / f"{grant.job}.token"
        self.kept = home / "kept"
        #: What is shown to a script in `strict`, read-only: where it sees it, and where it lies.
        self.shown: dict[Path, Path] = {}
        self._lock = threading.Lock()
        #: The folder `.idlehands` itself, whatever the script puts in its place; None while there is none.
        self._private: int | None = None

    def make(self, *, own_home: bool = False) -> None:
        """Make the folders, empty, with one to be the script's home if it gets its own.

        Raises:
            OSError: If the disk does not take it.
        """
        if self.folder.exists():
            _remove_tree(self.folder)
        try:
            self.folder.mkdir(mode=0o700)
        except FileNotFoundError:
            self.folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.folder.mkdir(mode=0o700)
        self.private.mkdir(mode=0o700)
        for name in ("tmp", "home") if own_home else ("tmp",):
            (self.private / name).mkdir(mode=0o700)
        if _HAS_FOLDER_DESCRIPTORS:
            with self._lock:
                self._private = os.open(self.private, _AS_FOLDER)

    def make_checkpoints(self) -> None:
        """Make the folder for checkpoints, if there is none: a sandbox can show only what exists.

        Raises:
            OSError: If the disk does not take it.
        """
        if self.checkpoints.is_symlink():
            # Left by a script in less isolation: it would lead this one out of its sandbox.
            self.checkpoints.unlink()
        self.checkpoints.mkdir(parents=True, exist_ok=True, mode=0o700)

    def raise_stop(self) -> None:
        """Raise the flag that `should_stop()` reads, if its folder is there. From any thread, safe to repeat.

        Raises:
            OSError: If the disk does not take it.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        with self._lock, contextlib.suppress(FileExistsError):
            if self._private is not None:
                os.close(os.open("stop", flags, 0o600, dir_fd=self._private))
            elif not _HAS_FOLDER_DESCRIPTORS:
                os.close(os.open(self.stop_file, flags, 0o600))

    def take_saved(self) -> dict[str, Path | str]:
        """Move what the script handed in to `outgoing`: each name with its file, or with why it is left out.

        Call it when the script's tree is gone.

        Raises:
            OSError: If the disk does not take it.
        """
        taken: dict[str, Path | str] = {}
        with self._lock, contextlib.ExitStack() as closing:
            folder: int | None = None
            try:
                if self._private is not None:
                    folder = os.open("saved", _AS_FOLDER, dir_fd=self._private)
                    closing.callback(os.close, folder)
                names = sorted(os.listdir(self.saved if folder is None else folder))
            except OSError:
                return {}
            for name in names:
                if name.endswith(".partial"):
                    continue
                if not _SAVED_NAME.fullmatch(name):
                    taken[name] = (
                        "a name has only letters, digits, dots, hyphens and underscores, at most 128"
                    )
                    continue
                self.outgoing.mkdir(parents=True, exist_ok=True, mode=0o700)
                source = self.saved / name if folder is None else name
                # A link moves as a link. Nobody can exchange it any more where it comes to lie.
                os.rename(source, self.outgoing / name, src_dir_fd=folder)
                mode = (self.outgoing / name).lstat().st_mode
                taken[name] = self.outgoing / name if stat.S_ISREG(mode) else "it is no plain file"
        return taken

    def remove_checkpoints(self) -> None:
        """Remove what the job's script wrote to go on from, if there is any: the job is done."""
        if self.checkpoints.exists():
            _remove_tree(self.checkpoints)
            self.checkpoint_token.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the attempt's folder; what cannot be removed is left to the next start of the agent."""
        with self._lock:
            if self._private is not None:
                os.close(self._private)
                self._private = None
        _remove_tree(self.folder)
        # Most attempts have none.
        if self.outgoing.exists():
            _remove_tree(self.outgoing)

    def keep(self, name: str, content: Path) -> Path:
        """Move a file to where a person finds it, and return that place.

        Raises:
            OSError: If the disk does not take it.
        """
        self.kept.mkdir(parents=True, exist_ok=True, mode=0o700)
        place = self.kept / f"{self.name}.{name}"
        os.replace(content, place)
        return place

    def build_environment(
        self, passed: Mapping[str, str], grant: Grant, agent_marker: str, *, own_home: bool = False
    ) -> dict[str, str]:
        """Return the script's environment.

        Args:
            passed: Of the agent's own, what `choose_passed` lets through.
            grant: Of the attempt.
            agent_marker: By which the agent's scripts are known.
            own_home: Whether the script gets a home of its own, as the agent's is not there for it.
        """
        return {
            **passed,
            **self._instruments(grant),
            **({"HOME": f"{self.private}{os.sep}home"} if own_home else {}),
            "TMPDIR": f"{self.private}{os.sep}tmp",
            "PYTHONUNBUFFERED": "1",
            "PYTHONIOENCODING": "utf-8",
            "PYTHONPATH": _INJECTED,
            "IDLEHANDS_JOB": grant.job,
            "IDLEHANDS_TOKEN": str(grant.token),
            "IDLEHANDS_STOP_FILE": str(self.stop_file),
            "IDLEHANDS_CHECKPOINTS": str(self.checkpoints),
            "IDLEHANDS_SAVED": str(self.saved),
            "IDLEHANDS_SEED": str(self.seed),
            **self._descent(grant),
            AGENT_VARIABLE: agent_marker,
            ATTEMPT_VARIABLE: f"{agent_marker}.{self.name}",
        }

    def _descent(self, grant: Grant) -> dict[str, str]:
        lineage = grant.spec.lineage
        return {} if lineage is None else {"IDLEHANDS_GENERATION": str(lineage.generation)}

    def _instruments(self, grant: Grant) -> dict[str, str]:
        """Return the variables for instruments, without those that the submitter decides himself."""
        left = set()
        if (self.folder / "matplotlibrc").exists():
            left.add("MPLBACKEND")
        if "WANDB_API_KEY" in grant.spec.secrets:
            left |= {"WANDB_MODE", "WANDB_SILENT"}
        return {name: value for name, value in _INSTRUMENTS.items() if name not in left}

    def find_script(self, entry: str) -> Path | Failure:
        """Return the script's path, or the failure that says why there is none."""
        path = PurePosixPath(entry)
        # On Windows a backslash parts folders too, and a colon names a drive.
        if path.is_absolute() or ".." in path.parts or set("\\:\0") & set(entry):
            return name_failure("script_missing", f"the entry {entry!r} would lie outside the bundle")
        script = self.folder.joinpath(*path.parts)
        if script.is_file():
            return script
        if script.is_dir():
            return name_failure(
                "script_missing", f"the entry {entry!r} is a folder of the bundle, not a script"
            )
        inside = sorted(name for name in os.listdir(self.folder) if name != ".idlehands")
        return name_failure(
            "script_missing", f"the bundle has no {entry!r}; it has: {', '.join(inside[:20]) or 'nothing'}"
        )


def choose_passed(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what scripts get of the agent's environment, by allow-list."""
    return {
        name: value for name, value in environ.items() if name in _PASSED or name.startswith(_PASSED_PREFIXES)
    }


def check_source(source: bytes, entry: str) -> Failure | None:
    """Return the failure for a source that cannot be compiled, or None.

    Never runs it. A source over 256 KiB is not looked at: the interpreter
    that runs it will say the same a moment later, out of its own memory.
    """
    if len(source) > _CHECKED_BYTES:
        return None
    try:
        compile(source, entry, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        line = f" (line {error.lineno})" if isinstance(error, SyntaxError) and error.lineno else ""
        why = error.msg if isinstance(error, SyntaxError) else str(error)
        text = (error.text or "").rstrip() if isinstance(error, SyntaxError) else ""
        return name_not_python(entry, f"{type(error).__name__}: {why}{line}", text)
    except (RecursionError, MemoryError):
        return name_not_python(entry, "it is nested too deep to compile")
    return None


def clean_home(home: Path) -> None:
    """Remove what earlier runs of the agent left: attempts at once, the rest after two weeks."""
    for attempts in (home / "attempts", home / "outgoing"):
        if attempts.is_dir():
            for left in os.scandir(attempts):
                _remove_tree(attempts / left.name)
    oldest = time.time() - _KEPT_SECONDS
    for folder in (home / "checkpoints", home / "kept"):
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        for entry in entries:
            try:
                if entry.stat(follow_symlinks=False).st_mtime > oldest:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    _remove_tree(folder / entry.name)
                else:
                    os.unlink(entry.path)
            except OSError:
                continue


def _remove_tree(folder: Path) -> None:
    # Late: an idle agent needs no shutil, which brings three compressors with it.
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
