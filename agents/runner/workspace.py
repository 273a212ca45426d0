"""Where one attempt lives on disk, what environment it gets, and whether its script can run at all.

    attempts/<job>.<token>/                the bundle's files; the working directory
    attempts/<job>.<token>/.idlehands/     stop flag, TMPDIR, files handed in by save()
    checkpoints/<job>/                     outlives an attempt, so that the next one here continues
    kept/                                  what could not be sent, for a person to fetch

Everything is 0700. Environment by allow-list: an agent's own secrets and
settings are nobody's business.
"""

import os
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
_INJECTED = Path(__file__).resolve().parent.parent / "injected"
_CHECKED_BYTES = 256 * 1024
_KEPT_SECONDS = 14 * 86_400


class Workspace:
    """The folders of one attempt."""

    def __init__(self, home: Path, grant: Grant) -> None:
        self.name = f"{grant.job}.{grant.token}"
        self.folder = home / "attempts" / self.name
        self.private = self.folder / ".idlehands"
        self.stop_file = self.private / "stop"
        self.saved = self.private / "saved"
        self.checkpoints = home / "checkpoints" / grant.job
        self.kept = home / "kept"

    def make(self) -> None:
        """Make the folders, empty.

        Raises:
            OSError: If the disk does not take it.
        """
        if self.folder.exists():
            _remove_tree(self.folder)
        self.folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder.mkdir(mode=0o700)
        (self.private / "tmp").mkdir(parents=True, mode=0o700)

    def remove(self, *, with_checkpoints: bool = False) -> None:
        """Remove the attempt's folder; what cannot be removed is left to the next start of the agent."""
        _remove_tree(self.folder)
        if with_checkpoints:
            _remove_tree(self.checkpoints)

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
        self, environ: Mapping[str, str], grant: Grant, agent_marker: str
    ) -> dict[str, str]:
        """Return the script's environment, from the agent's own by allow-list."""
        passed = {
            name: value
            for name, value in environ.items()
            if name in _PASSED or name.startswith(_PASSED_PREFIXES)
        }
        return {
            **passed,
            "TMPDIR": str(self.private / "tmp"),
            "PYTHONUNBUFFERED": "1",
            "PYTHONIOENCODING": "utf-8",
            "PYTHONPATH": str(_INJECTED),
            "IDLEHANDS_JOB": grant.job,
            "IDLEHANDS_TOKEN": str(grant.token),
            "IDLEHANDS_STOP_FILE": str(self.stop_file),
            "IDLEHANDS_CHECKPOINTS": str(self.checkpoints),
            "IDLEHANDS_SAVED": str(self.saved),
            AGENT_VARIABLE: agent_marker,
            ATTEMPT_VARIABLE: f"{agent_marker}.{self.name}",
        }

    def find_script(self, entry: str) -> Path | Failure:
        """Return the script's path, or the failure that says why there is none."""
        path = PurePosixPath(entry)
        if path.is_absolute() or ".." in path.parts or "\0" in entry:
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
    attempts = home / "attempts"
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
