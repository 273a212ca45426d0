"""What attempts run in: interpreter, packages and machine, described once and named by hash.

Equal for all attempts until somebody installs a package: then the folders of
packages have another time, and it is described anew.
"""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from agents.blobs import Blobs, BlobUnavailable
from agents.facts import read_facts

_ASK = "import json, platform, sys; print(json.dumps([platform.python_version(), sys.version, sys.path]))"
_SECONDS = 30.0

Times = tuple[tuple[str, int], ...]


class Surroundings:
    """Those of one interpreter on this machine. Safe to use from several threads."""

    def __init__(
        self, interpreter: str, blobs: Blobs, folder: Path, packages: list[str] | None = None
    ) -> None:
        """Begin without asking.

        Args:
            interpreter: Is asked for its version; it must run nothing that a job brought.
            blobs: Where descriptions go.
            folder: Its own, for as long as one is on its way.
            packages: The folders of packages; None: those of the interpreter.
        """
        self._interpreter, self._blobs, self._folder, self._packages = interpreter, blobs, folder, packages
        self._lock = threading.Lock()
        self._asked: tuple[str, str, list[str]] | None = None
        self._known: tuple[Times, str] | None = None

    def name(self) -> str | None:
        """Return the sha256 of the blob that describes them; None when it cannot be stored now. Cheap."""
        with self._lock:
            try:
                python, built, folders = self._ask()
                times = tuple((one, os.stat(one).st_mtime_ns) for one in folders)
                if self._known is None or self._known[0] != times:
                    self._known = (times, self._store(python, built, folders))
                return self._known[1]
            except (BlobUnavailable, OSError, ValueError, subprocess.SubprocessError):
                return None

    def _store(self, python: str, built: str, folders: list[str]) -> str:
        content = json.dumps(describe(python, built, folders), indent=1, sort_keys=True).encode()
        sha256 = hashlib.sha256(content).hexdigest()
        file = self._folder / f"{sha256}.json"
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.write_bytes(content)
        try:
            # One try: the next attempt is another.
            self._blobs.upload(sha256, file, patience_seconds=0, wait=lambda _: False)
        finally:
            file.unlink()
            self._folder.rmdir()
        return sha256

    def _ask(self) -> tuple[str, str, list[str]]:
        if self._asked is None:
            if os.path.abspath(self._interpreter) == os.path.abspath(sys.executable):
                python, built, path = ".".join(map(str, sys.version_info[:3])), sys.version, sys.path
            else:
                command = [self._interpreter, "-I", "-c", _ASK]
                said = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=True)
                python, built, path = json.loads(said.stdout)
            folders = [one for one in path if os.path.basename(one) in ("site-packages", "dist-packages")]
            folders = folders if self._packages is None else self._packages
            self._asked = python, built, [one for one in dict.fromkeys(folders) if os.path.isdir(one)]
        return self._asked


def describe(python: str, built: str, folders: Iterable[str]) -> dict[str, Any]:
    """Return what there is: Python, packages with their versions, and the machine."""
    facts = read_facts(labels=(), gpus=0, version="")
    return {
        "python": python,
        "build": built,
        "packages": read_packages(folders),
        "machine": {
            "system": facts.system,
            "processor": facts.processor,
            "cores": facts.cores,
            "memory_mb": facts.memory_mb,
        },
    }


def read_packages(folders: Iterable[str]) -> dict[str, str]:
    """Return the installed packages by name, from the names of their folders alone; nothing is imported."""
    found: dict[str, str] = {}
    for folder in folders:
        for name in os.listdir(folder):
            if name.endswith((".dist-info", ".egg-info")):
                package, _, version = name.rpartition(".")[0].partition("-")
                found.setdefault(package.lower().replace("_", "-"), version.partition("-py")[0])
    return dict(sorted(found.items()))
