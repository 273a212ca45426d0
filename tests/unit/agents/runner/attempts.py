"""A runner with a home, scripts written in the test, and the reports it made."""

import hashlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agents.runner.port import Report, RunEnded, RunLog, RunProgress, RunStarted, RunStopped
from agents.runner.subprocess_runner import SubprocessRunner
from idlehands.bundle import build_bundle
from schemas.facts import AttemptResult
from schemas.messages import Grant
from schemas.specs import JobSpec, Limits, ScriptRef

JOB = "jaaaaaaaaaaaa"


def eventually(is_so: Callable[[], Any], what: str = "", seconds: float = 60.0) -> Any:
    """Return the first true answer; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        answer = is_so()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"not within {seconds} s: {what or is_so}"
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def store(home: Path, script: Path) -> ScriptRef:
    """Put a script's bundle where the agent's cache has it, as after a fetch."""
    bundle = build_bundle(script)
    place = home / "bundles" / bundle.sha256
    if not place.exists():
        place.mkdir(parents=True)
        for name in bundle.files:
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes((script.parent / name).read_bytes())
    return ScriptRef(bundle.sha256, bundle.entry)


def make_grant(spec: JobSpec, token: int = 1, job: str = JOB) -> Grant:
    """Return a grant as HQ would give it."""
    return Grant(job, token, "attic", 1, "0" * 32, 30.0, spec)


class Bench:
    """Runs scripts and keeps what was reported."""

    def __init__(self, folder: Path, rest_url: str = "", **settings: Any) -> None:
        self.home = folder / "home"
        self.scripts = folder / "scripts"
        self.scripts.mkdir(parents=True, exist_ok=True)
        self.reports: list[Report] = []
        self.rest_url = rest_url
        self._token = 0
        self.runner = SubprocessRunner(
            self.home, self.reports.append, rest_url=lambda: self.rest_url, token=lambda: "secret", **settings
        )

    def start(self, source: str | bytes, *, limits: Limits | None = None, **spec: Any) -> int:
        """Start a script; return its token."""
        content = source.encode() if isinstance(source, str) else source
        script = self.scripts / f"script_{hashlib.sha256(content).hexdigest()[:8]}.py"
        script.write_bytes(content)
        return self.start_spec(JobSpec(store(self.home, script), limits=limits or Limits(), **spec))

    def start_spec(self, spec: JobSpec) -> int:
        """Start a job; return its token."""
        self._token += 1
        self.runner.start(make_grant(spec, self._token))
        return self._token

    def run(self, source: str | bytes, *, seconds: float = 90.0, **spec: Any) -> AttemptResult:
        """Run a script to its end."""
        return self.wait_result(self.start(source, **spec), seconds)

    def wait_result(self, token: int, seconds: float = 90.0) -> AttemptResult:
        """Return the result once it was reported."""
        ended = eventually(lambda: self.find(RunEnded, token), "the attempt ended", seconds)
        assert len(ended) == 1
        return ended[0].result

    def wait_stopped(self, token: int) -> None:
        """Return once the attempt was reported as stopped, and only so."""
        eventually(lambda: self.find(RunStopped, token), "the attempt was stopped")
        assert not self.find(RunEnded, token)

    def wait_line(self, token: int, start: str) -> str:
        """Return the first log line with that beginning."""
        return eventually(
            lambda: next((line for line in self.lines(token) if line.startswith(start)), None),
            f"line {start!r}",
        )

    def lines(self, token: int, stream: str | None = None) -> list[str]:
        """Return the log so far."""
        logs = [report.log for report in self.find(RunLog, token)]
        return [line for log in logs for line in log.lines if stream in (None, log.stream)]

    def find(self, kind: type, token: int) -> list[Any]:
        """Return the reports of one kind of one attempt."""
        return [
            report for report in list(self.reports) if type(report) is kind and _token_of(report) == token
        ]

    def close(self) -> None:
        """Close the runner and see that nothing of it is left."""
        self.runner.close()
        # Another bench's may be about to end.
        eventually(lambda: not any(one.name.startswith("j") for one in threading.enumerate()), "threads end")
        left = self.home / "attempts"
        assert not left.exists() or not os.listdir(left)


def _token_of(report: Report) -> int:
    match report:
        case RunStarted() | RunStopped():
            return report.token
        case RunProgress():
            return report.progress.token
        case RunLog():
            return report.log.token
        case RunEnded():
            return report.result.token
