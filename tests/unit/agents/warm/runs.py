"""Runs one script both ways in the same folder and says what came out, to the byte."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, NamedTuple

from agents.runner.isolation import Isolations
from agents.runner.sandbox import Sandbox
from agents.runner.workspace import INJECTED
from agents.warm.launcher import INSIDE, Request, WarmLauncher
from agents.warm.pool import PoolLimits
from tests.unit.agents.warm.scripts import Script


class Outcome(NamedTuple):
    """What a script left for others to see."""

    stdout: bytes
    stderr: bytes
    code: int


class Runs:
    """A warm launcher and plain subprocesses over the same folders."""

    def __init__(self, home: Path, isolations: Isolations, *, is_strict: bool = False) -> None:
        self.home, self.is_strict = home, is_strict
        self._count = 0
        self.launcher = WarmLauncher(
            home=home,
            interpreter=sys.executable,
            sandbox=Sandbox(isolations, sys.executable, [home], [INJECTED, INSIDE]),
            marker="marker",
            spawn=lambda start: start(),
            limits=PoolLimits(count=2),
        )

    def make(self, script: Script, entry: str = "script.py") -> Path:
        """Return a new folder with a script in it, as an attempt's."""
        self._count += 1
        folder = self.home / "attempts" / f"job.{self._count}"
        for name in ("tmp", "home"):
            (folder / ".idlehands" / name).mkdir(parents=True)
        (self.home / "checkpoints" / "job").mkdir(parents=True, exist_ok=True)
        (folder / entry).write_text(script.source)
        for name, content in script.beside:
            (folder / name).write_text(content)
        return folder

    def environment(self, folder: Path) -> dict[str, str]:
        """Return what an attempt has for an environment."""
        passed = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        return {
            **passed,
            "HOME": str(folder / ".idlehands" / "home" if self.is_strict else self.home),
            "TMPDIR": str(folder / ".idlehands" / "tmp"),
            "PYTHONUNBUFFERED": "1",
            "PYTHONIOENCODING": "utf-8",
            "PYTHONPATH": str(INJECTED),
            "OMP_NUM_THREADS": "2",
            "IDLEHANDS_JOB": "job",
        }

    def start(self, script: Script, folder: Path) -> Outcome:
        """Run `python script.py` as an attempt does: its input is a file."""
        source = folder / ".idlehands" / "stdin"
        source.write_bytes(script.stdin or b"")
        with open(source, "rb") as stdin:
            done = subprocess.run(
                [sys.executable, "script.py", *script.argv],
                stdin=stdin,
                capture_output=True,
                cwd=folder,
                env=self.environment(folder),
                start_new_session=True,
                timeout=120,
            )
        return Outcome(done.stdout, done.stderr, done.returncode)

    def fork(self, script: Script, folder: Path, environment: dict[str, str] | None = None) -> Outcome | None:
        """Run it from a warm interpreter; None when it is not fit for that."""
        source = folder / ".idlehands" / "stdin"
        source.write_bytes(script.stdin or b"")
        with open(source, "rb") as stdin:
            request = Request(
                bundle=str(folder),
                entry="script.py",
                folder=folder,
                argv=["script.py", *script.argv],
                environment=environment or self.environment(folder),
                stdin=stdin.fileno(),
                is_strict=self.is_strict,
                network=False,
                places=[str(folder), str(self.home / "checkpoints" / "job")],
                temporary=str(folder / ".idlehands" / "tmp"),
            )
            started = self.launcher.fork(request, lambda: False)
        if started is None:
            return None
        process = started.process
        found: dict[str, bytes] = {}

        def read(name: str, pipe: IO[bytes]) -> None:
            found[name] = b"".join(iter(lambda: pipe.read(65536), b""))
            pipe.close()

        assert process.stdout is not None
        assert process.stderr is not None
        threads = [
            threading.Thread(target=read, args=(name, pipe))
            for name, pipe in (("stdout", process.stdout), ("stderr", process.stderr))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
        code = process.wait()
        assert os.read(started.report, 100) == b"began\n", found
        os.close(started.report)
        started.lent.give_back()
        return Outcome(found["stdout"], found["stderr"], code)

    def close(self) -> None:
        """End the warm interpreters."""
        self.launcher.close()
