"""What agents under test are given to do, and the traces that it leaves.

Jobs of `probe.py`, signed by the house's author as HQ signs them, and the
folder in which that script says that it began and as long as it lives.
"""

import io
import secrets
import tarfile
import time
from pathlib import Path
from typing import Any

import msgspec

from schemas.specs import JobSpec, Needs, ScriptRef, ScriptSignature
from trust.keys import load_signing_key
from trust.scripts import Statement, sign_script

ENTRY = "probe.py"
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
#: A living script writes twenty times a second; a busy machine may let it wait.
STILL_SECONDS = 1.0


class Task(msgspec.Struct):
    """A job that is offered, claimed, granted: what HQ knows of it."""

    job: str
    tag: str
    spec: JobSpec
    #: Of the offer that stands.
    token: int = 0
    nonce: str = ""
    #: When the claim was heard, on the suite's clock: the agent sent it before.
    claimed_at: float = 0.0


def build_bundle(extra: dict[str, bytes] | None = None) -> bytes:
    """Return a tar.gz with the probe, and whatever else."""
    files = {ENTRY: Path(__file__).with_name(ENTRY).read_bytes(), **(extra or {})}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o644
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def sign(bundle: str, key_file: Path) -> ScriptSignature:
    """Return an author's word for the probe in this bundle."""
    said = sign_script(load_signing_key(key_file), Statement(ENTRY, bundle, ENTRY, "house"))
    return ScriptSignature(said.key, said.statement, said.signature)


class Workshop:
    """Makes tasks, and reads their traces."""

    def __init__(self, traces: Path, bundle: str, author_key: Path) -> None:
        self._traces = traces
        self.script = ScriptRef(bundle, ENTRY, ENTRY, sign(bundle, author_key))

    def task(self, seconds: float = 0.0, ending: str = "well", **spec: Any) -> Task:
        """Return a job of the probe; `spec` is said besides, `argv` after the probe's own words."""
        job = "j" + "".join(secrets.choice(_ALPHABET) for _ in range(12))
        tag = f"t{secrets.token_hex(4)}"
        argv = (str(self._traces), tag, str(seconds), ending, *spec.pop("argv", ()))
        known: dict[str, Any] = {"script": self.script, "needs": Needs(isolation="none")}
        return Task(job, tag, JobSpec(**{**known, **spec}, argv=argv))

    def begun(self, task: Task) -> int:
        """Tell how often the script of a task began."""
        return len(self._files(task))

    def is_alive(self, task: Task) -> bool:
        """Tell whether the script of a task runs now. Takes up to `STILL_SECONDS`."""
        before = self.size(task)
        deadline = time.monotonic() + STILL_SECONDS
        while time.monotonic() < deadline:
            if self.size(task) != before:
                return True
            time.sleep(0.02)
        return False

    def size(self, task: Task) -> int:
        """Return how much the scripts of a task have written: it grows as long as one lives."""
        return sum(file.stat().st_size for file in self._files(task))

    def _files(self, task: Task) -> list[Path]:
        return [file for file in self._traces.iterdir() if file.name.startswith(f"{task.tag}.")]
