"""Starts the script of one attempt: its environment, its stdin, its secrets, and its sandbox in `strict`.

In `strict` the process that is started is bubblewrap, and the script runs
inside: how it ended, `inside.py` tells through a pipe.
"""

import os
import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from agents.environments.choosing import Chosen
from agents.runner.failures import name_failure
from agents.runner.process import FreshProcess, ScriptProcess
from agents.runner.sandbox import SECRETS
from agents.runner.site import Site
from agents.runner.tree import Tree
from agents.runner.watch import Ending, StopRequest
from agents.runner.workspace import Workspace
from schemas.facts import Failure
from schemas.isolation import Isolation
from schemas.messages import Grant

#: What libraries for arithmetic ask for the number of their threads: all cores are not one attempt's.
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

if TYPE_CHECKING:
    from agents.warm.launcher import Started


class SandboxBroken(Exception):
    """The sandbox could not be made, or was lost: that is not the script's fault. Says what failed."""


class Launch:
    """One start. Close it when the process is gone."""

    def __init__(
        self,
        grant: Grant,
        site: Site,
        workspace: Workspace,
        level: Isolation,
        secrets: dict[str, bytes],
        stop: StopRequest,
        chosen: Chosen,
    ) -> None:
        self._grant, self._site, self._workspace, self._stop = grant, site, workspace, stop
        self.is_sandboxed = level == "strict"
        self._chosen = chosen
        if chosen.folder is not None:
            workspace.shown[chosen.folder] = chosen.folder
        self._secrets = secrets
        self._report = -1
        self._warm: Started | None = None

    def start(self, words: list[str], stdin: bytes | None) -> ScriptProcess | Failure:
        """Start the script and return its process, or the failure that says why there is none."""
        # A file, not a pipe: a script that never reads its stdin blocks nobody.
        source = self._workspace.private / "stdin.json"
        try:
            if stdin is not None:
                source.write_bytes(stdin)
            with open(source if stdin is not None else "/dev/null", "rb") as opened:
                warm = self._fork(words, opened.fileno())
                return warm or self._site.spawn(self._prepare(words, opened.fileno()))
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            why = "its command line is longer than this system allows; send the parameters on stdin"
            known = isinstance(error, OSError) and error.errno == 7
            return name_failure("cannot_start", f"the script could not be started: {why if known else error}")

    def correct(self, ending: Ending) -> Ending:
        """Return how the script ended, from how its process ended.

        Raises:
            SandboxBroken: If it never began.
        """
        if self._warm is not None:
            return self._correct_warm(ending, self._warm)
        if not self.is_sandboxed:
            return ending
        lines = self._read_report()
        if not lines:
            raise SandboxBroken("bubblewrap could not make a sandbox")
        if len(lines) > 1:
            _, status, cpu, rss = lines[1].split()
            code = os.waitstatus_to_exitcode(int(status))
            return replace(ending, returncode=code, cpu_seconds=float(cpu), max_rss_mb=int(rss) / 1024)
        if ending.returncode > 128:
            # Nobody was left to tell: bubblewrap says a signal as shells do.
            return replace(ending, returncode=128 - ending.returncode)
        return ending

    def find_tree(self, process: ScriptProcess, marker: str) -> Tree:
        """Return the tree of what `start` returned."""
        if self._warm is not None:
            sandboxed = self._warm.process.end_sandbox if self.is_sandboxed else None
            return Tree(process.pid, marker, end_sandbox=sandboxed, has_orphans=self._site.has_orphans)
        return Tree(process.pid, marker, only_encloses=self.is_sandboxed, has_orphans=self._site.has_orphans)

    def close(self) -> None:
        """Give back what is open. Safe to repeat."""
        if self._report >= 0:
            os.close(self._report)
            self._report = -1
        if self._warm is not None:
            self._warm.lent.give_back()

    def _read_report(self) -> list[str]:
        try:
            return os.read(self._report, 4096).decode("ascii", "replace").splitlines()
        except BlockingIOError:
            return []

    def _correct_warm(self, ending: Ending, warm: "Started") -> Ending:
        if not self._read_report() or warm.process.is_lost:
            # Whatever it is, the next script does better without it.
            warm.lent.give_back(broken=True)
            raise SandboxBroken("the warm interpreter was lost")
        return ending

    def _fork(self, words: list[str], stdin: int) -> ScriptProcess | None:
        """Return the script's process, forked from a warm interpreter; None when it must be started."""
        warm = self._site.warm
        # Secrets never come near an interpreter that others share.
        if warm is None or self._grant.spec.secrets or not self._chosen.may_be_warm(self.is_sandboxed):
            return None
        if self.is_sandboxed and self._workspace.shown:
            # Its sandbox is made already, and shows no datasets.
            return None
        from agents.warm.launcher import Request

        places = [str(self._workspace.folder)]
        if self.is_sandboxed:
            self._workspace.make_checkpoints()
            places.append(str(self._workspace.checkpoints))
        script = self._grant.spec.script
        request = Request(
            bundle=script.bundle,
            entry=script.entry,
            folder=self._workspace.folder,
            argv=words[1:],
            environment=self._environment(),
            stdin=stdin,
            is_strict=self.is_sandboxed,
            network=self.is_sandboxed and self._grant.spec.needs.network,
            places=places,
            temporary=str(self._workspace.private / "tmp"),
            interpreter=self._chosen.python,
            built=self._chosen.made,
        )
        self._warm = warm.fork(request, self._stop.event.is_set)
        if self._warm is None:
            return None
        self._report = self._warm.report
        self._site.adopt(self._warm.process.pid)
        return self._warm.process

    def _environment(self) -> dict[str, str]:
        environment = self._chosen.variables(
            self._workspace.build_environment(
                self._site.passed, self._grant, self._site.marker, own_home=self.is_sandboxed
            )
        )
        if self._site.threads:
            for variable in _THREAD_VARIABLES:
                environment.setdefault(variable, str(self._site.threads))
        if self._grant.spec.secrets_as == "files":
            if self._secrets:
                folder = SECRETS if self.is_sandboxed else str(self._workspace.private / "secrets")
                environment["IDLEHANDS_SECRETS"] = folder
            return environment
        for name, value in self._secrets.items():
            if b"\0" in value:
                raise ValueError(
                    f"the secret {name} has a NUL byte, which no variable can hold: ask for files"
                )
        return environment | {name: os.fsdecode(value) for name, value in self._secrets.items()}

    def _prepare(self, words: list[str], stdin: int) -> Callable[[], FreshProcess]:
        """Return what starts the process; called again it would start another."""
        as_files = self._secrets if self._grant.spec.secrets_as == "files" else {}
        if not self.is_sandboxed:
            self._write_secrets(as_files)
            return lambda: self._popen(words, stdin, ())
        self._workspace.make_checkpoints()
        return lambda: self._popen_sandboxed(words, stdin, as_files)

    def _popen_sandboxed(self, words: list[str], stdin: int, as_files: dict[str, bytes]) -> FreshProcess:
        self._report, writer = os.pipe()
        os.set_blocking(self._report, False)
        passed = [writer]
        try:
            given: dict[str, int] = {}
            for name, value in as_files.items():
                # In memory only, and gone with the sandbox.
                given[name] = os.memfd_create("secret", os.MFD_CLOEXEC)
                passed.append(given[name])
                os.write(given[name], value)
                os.lseek(given[name], 0, os.SEEK_SET)
            enclosed = self._chosen.sandbox.enclose(
                words,
                folder=self._workspace.folder,
                private=self._workspace.private,
                writable=[self._workspace.checkpoints],
                shown=self._workspace.shown,
                network=self._grant.spec.needs.network,
                report=writer,
                secrets=given,
            )
            return self._popen(enclosed, stdin, passed)
        finally:
            for descriptor in passed:
                os.close(descriptor)

    def _popen(self, words: list[str], stdin: int, passed: "tuple[()] | list[int]") -> FreshProcess:
        return FreshProcess(
            words,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd=self._workspace.folder,
            env=self._environment(),
            start_new_session=True,
            pass_fds=passed,
        )

    def _write_secrets(self, secrets: dict[str, bytes]) -> None:
        if not secrets:
            return
        folder = self._workspace.private / "secrets"
        folder.mkdir(mode=0o700)
        for name, value in secrets.items():
            descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
            with os.fdopen(descriptor, "wb") as file:
                file.write(value)
