"""One granted attempt, from fetching its bundle to reporting its end, in a thread of its own."""

import time
import traceback
from pathlib import Path

from msgspec.structs import replace

from agents.bundles import BundleMissing, BundleUnreachable
from agents.datasets import DatasetFailure
from agents.environments.failures import BuildStopped, EnvironmentFailure, EnvironmentMissing
from agents.instruments.capture import Capture
from agents.runner.arguments import build_stdin, build_words
from agents.runner.checkpoints import Checkpoints
from agents.runner.delivery import deliver_artifacts, fit
from agents.runner.failures import name_exit, name_failure, name_limit
from agents.runner.inputs import Inputs
from agents.runner.isolation import IsolationMissing
from agents.runner.launch import Launch, SandboxBroken
from agents.runner.masking import NO_MASK, Mask
from agents.runner.measured import MeasuredLimits
from agents.runner.port import RunEnded, RunLog, RunProgress, RunStarted, RunStopped
from agents.runner.process import ScriptProcess
from agents.runner.result_line import RESULT_BYTES_AT_MOST
from agents.runner.script_output import ResultTooLong, ScriptOutput
from agents.runner.serving import Serving
from agents.runner.site import Site
from agents.runner.stacks import Stacks
from agents.runner.tree import Process, Tree
from agents.runner.usage import Usage
from agents.runner.watch import Ending, StopRequest, Watch
from agents.runner.workspace import Workspace
from agents.sealed import SecretsUnopened
from agents.unpack import BundleBroken
from schemas.facts import AttemptResult, Failure
from schemas.isolation import Isolation, choose_level
from schemas.messages import Grant, ServiceCall
from schemas.resources import QUIET, describe_quiet
from schemas.stacks import STREAM
from schemas.states import Outcome


class Attempt:
    """Runs once. `stop` may be asked from any thread at any time."""

    def __init__(self, grant: Grant, site: Site) -> None:
        self.grant = grant
        self.stop = StopRequest()
        self._site = site
        self._workspace = Workspace(site.home, grant)
        self._output = ScriptOutput(grant.job, grant.token, keep_stdout=grant.spec.keep_stdout)
        self._mask = NO_MASK
        self._began_at = time.time()
        self._started_at = time.monotonic()
        # A worker waits for calls, however long nobody calls: that is no hanging.
        self._usage = Usage() if grant.spec.serves is None else Usage(quiet_from=float("inf"))
        self._is_quiet = False
        self._tree: Tree | None = None
        self._stacks = Stacks(self.stop.wake)
        self._is_winding_down = False
        self._checkpoints = Checkpoints(grant, site, self._workspace, self.stop)
        self._inputs = Inputs(site, self._workspace, self.stop)
        self._chosen = site.environments.own
        bundle = site.bundles.place(grant.spec.script.bundle)
        self._serving: Serving | None = None
        self._capture = Capture(self._workspace.folder, bundle, self._workspace.outgoing)

    def wind_down(self) -> None:
        """Ask the script to end early, and to deliver what it has."""
        self._raise_flag()
        self.stop.ask_to_wind_down()

    def _raise_flag(self) -> None:
        """Raise the flag that `should_stop()` reads."""
        self._is_winding_down = True
        try:
            self._workspace.raise_stop()
        except OSError:
            # The folder is not there yet, and `_prepare` will do it; or no more, and it is over.
            return

    def vacate(self, grace_seconds: float) -> None:
        """Ask the script to leave in its own way, and end it after the grace."""
        self._raise_flag()
        self.stop.ask_to_leave(grace_seconds)

    def show(self) -> None:
        """Say in the log where the script is, soon. From any thread."""
        if self._tree is not None:
            self._stacks.ask(self._tree)

    def call(self, call: ServiceCall) -> None:
        """Give a call to a service's worker. From any thread."""
        if self._serving is not None:
            self._serving.call(call)

    def run(self) -> RunEnded | RunStopped:
        """Run the script and return the report that ends the attempt; never raises.

        Its folder is there until `remove`, for which nobody need wait.
        """
        why = ""
        try:
            result = self._run()
        except (BundleUnreachable, IsolationMissing, EnvironmentMissing) as error:
            result, why = self._fail(name_failure("not_here", str(error))), str(error)
        except Exception as error:
            result = self._fail(
                name_failure("runner_error", f"the agent itself failed: {error!r}", traceback.format_exc())
            )
        finally:
            stopped = self.stop.event.is_set()
            self.stop.close()
        # One that was asked to end and did so may not be done: its job may go on elsewhere.
        is_done = not stopped and result.outcome is Outcome.SUCCEEDED and not self._is_winding_down
        # A population's trials go on from those before them, from one that is done most of all.
        is_wanted = not is_done or self.grant.spec.lineage is not None
        self._checkpoints.finish(store=is_wanted and not self.stop.unwanted)
        notes = (*result.notes, *self._checkpoints.notes)
        surroundings = self._chosen.surroundings
        environment = None if stopped or why or surroundings is None else surroundings.name()
        used = self._inputs
        result = replace(
            result, notes=notes, datasets=used.versions, models=used.models, environment=environment
        )
        self._inputs.give_back()
        self._site.environments.give_back(self._chosen)
        if is_done:
            self._workspace.remove_checkpoints()
        if stopped or why:
            return RunStopped(self.grant.job, self.grant.token, "" if stopped else why[:1000])
        return RunEnded(result)

    def remove(self) -> None:
        """Remove the attempt's folder; once, after `run`."""
        self._workspace.remove()

    def _run(self) -> AttemptResult:
        level = self._choose_level()
        prepared = self._prepare(level)
        if isinstance(prepared, Failure):
            return self._fail(prepared)
        if self.stop.event.is_set():
            return self._fail(name_failure("stopped", "stopped before it began"))
        if self.stop.winds_down:
            return self._fail(name_failure("ended_early", "it was to end before it began"))
        try:
            secrets = self._site.open_secrets(self.grant)
        except SecretsUnopened as error:
            return self._fail(name_failure("secrets_missing", str(error)))
        if secrets:
            self._mask = Mask(secrets.values())
            keeps = self.grant.spec.keep_stdout
            self._output = ScriptOutput(
                self.grant.job, self.grant.token, self._mask, after=self._output, keep_stdout=keeps
            )
        launch = Launch(self.grant, self._site, self._workspace, level, secrets, self.stop, self._chosen)
        try:
            if self.grant.spec.serves is not None:
                self._serving = Serving(self.grant, self._workspace, self._site.report, self._mask)
                prepared = self._serving.make_words(prepared)
            return self._execute(launch, prepared)
        except OSError as error:
            if self._serving is not None:
                raise
            return self._fail(name_failure("cannot_start", f"no calls can be taken: {error}"))
        finally:
            if self._serving is not None:
                self._serving.close()
            launch.close()

    def _execute(self, launch: Launch, words: list[str]) -> AttemptResult:
        workspace = self._workspace
        measured = MeasuredLimits(self.grant.spec.limits, (workspace.folder, workspace.checkpoints))
        process = launch.start(words, build_stdin(self.grant.spec))
        if isinstance(process, Failure):
            return self._fail(process)
        self._began_at, self._started_at = time.time(), time.monotonic()
        try:
            self._site.report(RunStarted(self.grant.job, self.grant.token))
        finally:
            # Whatever the report does, a process that runs must be watched to its end.
            ending = self._watch(process, launch.find_tree(process, self._marker), measured)
        try:
            return self._conclude(launch.correct(ending))
        except SandboxBroken as error:
            self._output.finish(time.time())
            self._flush(final=True)
            if self.stop.event.is_set():
                return self._fail(name_failure("stopped", "stopped on request"))
            said = self._output.tails["stderr"].text().strip()[-500:]
            raise IsolationMissing(f"{error}: {said or 'it said nothing'}") from None

    def _choose_level(self) -> Isolation:
        # HQ looked too, some time ago: what it knew may be of the machine as it was before.
        wanted, offered = self.grant.spec.needs.isolation, self._site.isolations
        level = choose_level(wanted, offered.levels)
        if level is None:
            why = offered.why_not_strict or f"it runs jobs at {' and '.join(offered.levels)} only"
            raise IsolationMissing(f"this machine does not have isolation {wanted}: {why}")
        return level

    def _prepare(self, level: Isolation) -> list[str] | Failure:
        """Return the words of the command line once all files are in place."""
        script, workspace = self.grant.spec.script, self._workspace
        try:
            workspace.make(own_home=level == "strict")
            if self._is_winding_down:
                workspace.raise_stop()
            self._site.bundles.copy(script.bundle, workspace.folder, self.stop.event.wait)
            self._checkpoints.restore()
            found = workspace.find_script(script.entry)
            if isinstance(found, Failure):
                return found
            source = found.read_bytes()
            needs = self.grant.spec.needs
            self._chosen = self._site.environments.choose(needs, found, level, self.stop, self._tell)
            if self._chosen.is_same_python:
                failure = self._site.check(script.bundle, script.entry, source)
                if failure is not None:
                    return failure
            spec = self._inputs.place(self.grant.spec, is_sandboxed=level == "strict")
            self.grant = replace(self.grant, spec=spec)
            words = build_words(self.grant.spec, source.decode("utf-8", "replace"))
        except BundleUnreachable:
            raise
        except BundleMissing as error:
            return name_failure("bundle_missing", str(error))
        except BundleBroken as error:
            return name_failure("bundle_broken", str(error))
        except DatasetFailure as error:
            return name_failure(error.kind, str(error))
        except EnvironmentFailure as error:
            return name_failure(error.kind, str(error), error.said)
        except BuildStopped:
            return name_failure("stopped", "stopped before it began")
        except (OSError, ValueError) as error:
            return name_failure("cannot_start", f"the attempt could not be prepared: {error}")
        # "-c.py" as a first word would be an option of the interpreter.
        entry = f"./{script.entry}" if script.entry.startswith("-") else script.entry
        return [self._chosen.python, entry, *words]

    @property
    def _marker(self) -> str:
        return f"{self._site.marker}.{self._workspace.name}"

    def _watch(self, process: ScriptProcess, tree: Tree, measured: MeasuredLimits) -> Ending:
        self._tree = tree
        limits, flush, look = self.grant.spec.limits, self._flush, self._look
        watch = Watch(process, tree, limits, measured, self._output, self.stop, flush, look, self._glance)
        try:
            return watch.run()
        except BaseException:
            tree.kill()
            raise
        finally:
            if process.returncode is None:
                process.wait()
            self._site.forget(process.pid)

    def _look(self, found: list[Process]) -> None:
        self._site.reap()
        self._checkpoints.glance()
        reading = self._usage.sample(
            (one.pid for one in found),
            time.monotonic() - self._started_at,
            self._output.bytes_seen,
            is_held=self.stop.still,
        )
        if reading is not None:
            quiet = reading.metrics.get(QUIET)
            if quiet and not self._is_quiet:
                self._output.add_line("agent", describe_quiet(quiet, self.grant.job))
            self._is_quiet = bool(quiet)
            self._output.note_usage(reading, time.time())
            self._flush()

    def _glance(self) -> float:
        pause = self._capture.glance()
        self._measure()
        if self._output.has_pending:
            self._flush()
        return pause

    def _measure(self) -> None:
        for reading, at in self._capture.take():
            self._output.measure(reading, at)

    def _tell(self, line: str) -> None:
        self._output.note(f"idlehands: {line}")
        self._flush()

    def _flush(self, *, final: bool = False) -> None:
        for line in self._stacks.take():
            self._output.add_line(STREAM, line)
        for log in self._output.take_logs():
            self._site.report(RunLog(log))
        for progress in self._output.take_progress(time.time(), final=final):
            self._site.report(RunProgress(progress))

    def _conclude(self, ending: Ending) -> AttemptResult:
        self._output.finish(time.time())
        if self.stop.event.is_set():
            self._flush(final=True)
            return self._fail(name_failure("stopped", "stopped on request"))
        failure = self._name_ending(ending)
        content, notes = None, tuple[str, ...]()
        try:
            content, notes = self._output.take_result()
        except ResultTooLong:
            limit = RESULT_BYTES_AT_MOST // (1024 * 1024)
            message = (
                f"the script's last JSON line has over {limit} MiB, the limit of a result, and was not kept. "
                "Print less, or hand in a file with idlehands.save()"
            )
            failure = failure or name_failure("result_too_big", message)
        self._capture.finish()
        self._measure()
        if content is None and failure is None:
            content = self._capture.make_result()
        self._flush(final=True)
        series = self._output.series.all()
        if self._output.series.was_thinned:
            notes = (*notes, "the metric series was thinned evenly to fit the limits of a result")
        saved, artifacts = deliver_artifacts(
            self._workspace, self._site, self.stop, self.grant.spec, self._capture
        )
        result = AttemptResult(
            self.grant.job,
            self.grant.token,
            Outcome.FAILED if failure else Outcome.SUCCEEDED,
            exit_code=ending.returncode if ending.returncode >= 0 else 128 - ending.returncode,
            result=content,
            failure=failure,
            series=series,
            started_at=self._began_at,
            ended_at=time.time(),
            duration_seconds=ending.seconds,
            cpu_seconds=ending.cpu_seconds,
            max_rss_mb=ending.max_rss_mb,
            output_bytes=self._output.bytes_seen,
            notes=tuple(note[:8000] for note in (*notes, *self._capture.notes, *saved)),
            artifacts=artifacts,
            seed=self._workspace.seed,
        )
        # Before it may become a file or a blob.
        result = self._mask.cover_result(result)
        if (kept := self._output.kept) is not None:
            # It was covered as it came.
            result = replace(result, stdout=kept.text(), stdout_lost=kept.lost)
        return fit(result, self._workspace, self._site, self.stop)

    def _name_ending(self, ending: Ending) -> Failure | None:
        tails = self._output.tails
        passed = name_limit(ending.reason, self.grant.spec.limits)
        if passed is not None:
            return passed
        if ending.returncode == 0:
            return None
        if ending.reason == "wind_down":
            return name_failure("ended_early", "the script was asked to end early, and was ended")
        entry = Path(self.grant.spec.script.entry).name
        return name_exit(ending.returncode, entry, tails["stderr"].text(), tails["stdout"].text())

    def _fail(self, failure: Failure) -> AttemptResult:
        result = AttemptResult(self.grant.job, self.grant.token, Outcome.FAILED, failure=failure)
        return replace(result, started_at=self._began_at, ended_at=time.time())
