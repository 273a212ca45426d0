"""Implements `Runner` with a fresh interpreter per attempt and one thread that watches it."""

import os
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from agents.environments.offered import remove_unfinished
from agents.runner.isolation import Isolations
from agents.runner.manners import Manners
from agents.runner.port import ReportTo, RunEnded, RunStopped
from agents.runner.workspace import clean_home
from schemas.facts import AttemptResult, Failure
from schemas.messages import Grant, ServiceCall
from schemas.names import JobId, Token
from schemas.states import Outcome

if TYPE_CHECKING:
    from agents.energy.metering import Metering
    from agents.environments.limits import EnvironmentLimits
    from agents.runner.attempt import Attempt
    from agents.runner.site import Site
    from agents.sealed import SecretsOpener


class SubprocessRunner:
    """Runs scripts as subprocesses below an agent's home."""

    def __init__(
        self,
        home: Path,
        report: ReportTo,
        *,
        rest_url: Callable[[], str],
        token: Callable[[], str],
        cafile: Path | None = None,
        interpreter: str | None = None,
        upload_patience_seconds: float = 60.0,
        isolations: Isolations | None = None,
        hidden: Iterable[Path] = (),
        secrets_opener: "SecretsOpener | None" = None,
        checkpoint_seconds: float | None = None,
        dataset_bytes: int = 0,
        tells_environment: bool = False,
        is_warm: bool = False,
        threads: int = 0,
        environment_limits: "EnvironmentLimits | None" = None,
        build_metering: "Callable[[], Metering] | None" = None,
    ) -> None:
        """Clean the home of what earlier attempts left; start nothing yet.

        Construct it under the home's lock and after `tree.kill_orphans(home)`.

        Args:
            home: The agent's folder; made if missing.
            report: Called from the attempts' threads; must not block for long.
            rest_url: Tells REST's base URL now, "" while it is unknown.
            token: Tells the bearer token for REST now.
            cafile: The house's CA, for an https URL.
            interpreter: The Python for scripts; the agent's own by default.
            upload_patience_seconds: How long a result waits for REST before it is kept here.
            isolations: The levels that scripts are run at; `basic` alone by default.
            hidden: Folders that no script in `strict` may see, besides the home.
            secrets_opener: Opens the secrets that come with grants.
            is_warm: Whether scripts may be forked from warm interpreters, where this system can.
            threads: How many a library for arithmetic may use in one attempt; 0 leaves it alone.
            checkpoint_seconds: How often checkpoints of running scripts are stored at most; 30 by default.
            dataset_bytes: How much of datasets is kept; 0 for the default.
            tells_environment: Whether results name a blob with interpreter, packages and machine.
            environment_limits: How long environments may be built, and how much of them is kept.
            build_metering: Makes, before the first attempt, what tells the energy that each has used.
        """
        self._home = Path(os.path.realpath(home))
        self._report = report
        self._rest_url, self._token, self._cafile = rest_url, token, cafile
        self._interpreter = interpreter or sys.executable
        self._upload_patience_seconds = upload_patience_seconds
        self._isolations = isolations or Isolations()
        self._hidden = tuple(hidden)
        self._secrets_opener = secrets_opener
        self._checkpoint_seconds = checkpoint_seconds
        self._dataset_bytes, self._tells_environment = dataset_bytes, tells_environment
        self._environment_limits = environment_limits
        self._is_warm, self._threads = is_warm and sys.platform.startswith("linux"), threads
        self._site: Site | None = None
        self._build_metering = build_metering
        self._metering: Metering | None = None
        self._lock = threading.Lock()
        self._attempts: dict[tuple[JobId, Token], tuple[Attempt, threading.Thread]] = {}
        self._manners = Manners()
        self._is_closed = False
        self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
        clean_home(self._home)
        remove_unfinished(self._home)

    def start(self, grant: Grant) -> None:
        """Begin an attempt in a thread of its own; see `Runner.start`."""
        key = (grant.job, grant.token)
        try:
            # Late: an idle agent needs none of it.
            from agents.runner.attempt import Attempt

            with self._lock:
                if self._is_closed:
                    raise RuntimeError("the agent is closing")
                if key in self._attempts:
                    return
                attempt = Attempt(grant, self._ready_site())
                attempt.stop.behave(self._manners)
                thread = threading.Thread(target=self._run, args=(attempt,), name=f"{grant.job}", daemon=True)
                self._attempts[key] = (attempt, thread)
                try:
                    thread.start()
                except RuntimeError:
                    del self._attempts[key]
                    attempt.stop.close()
                    raise
        except Exception as error:
            failure = Failure("cannot_start", f"the agent could not begin the attempt: {error}"[:4000])
            self._report(RunEnded(AttemptResult(grant.job, grant.token, Outcome.FAILED, failure=failure)))

    def wind_down(self, job: JobId, token: Token) -> None:
        """Let the script end early; see `Runner.wind_down`."""
        found = self._attempts.get((job, token))
        if found is not None:
            found[0].wind_down()

    def stop(self, job: JobId, token: Token, *, at_once: bool = False, unwanted: bool = False) -> None:
        """Ask the attempt's thread to end it; see `Runner.stop`."""
        found = self._attempts.get((job, token))
        if found is not None:
            found[0].stop.ask(at_once=at_once, unwanted=unwanted)

    def vacate(self, job: JobId, token: Token, grace_seconds: float) -> None:
        """Let an attempt make room for the machine's owner; see `Runner.vacate`."""
        found = self._attempts.get((job, token))
        if found is not None:
            found[0].vacate(grace_seconds)

    def freeze(self, job: JobId, token: Token, *, still: bool) -> None:
        """Let an attempt stand still or go on; see `Runner.freeze`."""
        found = self._attempts.get((job, token))
        if found is not None:
            found[0].stop.stand(still=still)

    def show(self, job: JobId, token: Token) -> None:
        """Let the attempt say where its script is; see `Runner.show`."""
        found = self._attempts.get((job, token))
        if found is not None:
            found[0].show()

    def call(self, call: ServiceCall) -> None:
        """Give a call to the worker of a service; see `Runner.call`."""
        found = self._attempts.get((call.job, call.token))
        if found is not None:
            found[0].call(call)

    def behave(self, *, half_cores: bool, lowest_priority: bool) -> None:
        """Let all attempts use what the owner leaves them; see `Runner.behave`."""
        with self._lock:
            self._manners = Manners(half_cores, lowest_priority)
            running = list(self._attempts.values())
        for attempt, _ in running:
            attempt.stop.behave(self._manners)

    def cool(self) -> None:
        """Let warm interpreters go; see `Runner.cool`."""
        if self._site is not None and self._site.warm is not None:
            self._site.warm.pool.cool()

    def close(self) -> None:
        """Stop every attempt at once, wait for their ends, and let the warden go."""
        with self._lock:
            self._is_closed = True
            running = list(self._attempts.values())
        for attempt, _ in running:
            attempt.stop.ask(at_once=True)
        for _, thread in running:
            thread.join()
        if self._site is not None:
            self._site.close()

    def _run(self, attempt: "Attempt") -> None:
        self._report(self._run_metered(attempt))
        # After the report, which frees the slot: where a database commits to the same disk, three folders
        # take 4 ms.
        attempt.remove()
        with self._lock:
            self._attempts.pop((attempt.grant.job, attempt.grant.token), None)

    def _run_metered(self, attempt: "Attempt") -> RunEnded | RunStopped:
        metering, gpus = self._metering, attempt.grant.spec.needs.gpus
        if metering is None:
            return attempt.run()
        before = metering.begin(gpus=gpus)
        report = attempt.run()
        result = metering.end(before, gpus=gpus, result=getattr(report, "result", None))
        return report if result is None else RunEnded(result)

    def _ready_site(self) -> "Site":
        if self._metering is None and self._build_metering is not None:
            self._metering = self._build_metering()
        if self._site is None:
            from agents.blobs import Blobs
            from agents.runner.site import CHECKPOINT_SECONDS, Site

            blobs = Blobs(self._rest_url, self._token, self._cafile)
            self._site = Site(
                self._home,
                self._report,
                blobs,
                self._interpreter,
                self._upload_patience_seconds,
                isolations=self._isolations,
                hidden=self._hidden,
                secrets_opener=self._secrets_opener,
                checkpoint_seconds=self._checkpoint_seconds or CHECKPOINT_SECONDS,
                dataset_bytes=self._dataset_bytes,
                tells_environment=self._tells_environment,
                is_warm=self._is_warm,
                threads=self._threads,
                environment_limits=self._environment_limits,
            )
        return self._site
