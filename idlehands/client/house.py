"""The house for Python programs and notebooks: functions and scripts in, values and tables out.

    with idlehands.connect() as house:
        job = house.submit(train, depth=3)
        print(job.result())

One connection, kept open. Synchronous and safe to use from several threads.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from idlehands.calls.calling import Caller, Wishes
from idlehands.calls.packing import pack_function
from idlehands.calls.trusting import Trusted
from idlehands.client.client import CONNECT_SECONDS, Client
from idlehands.client.client import connect as connect_client
from idlehands.client.endings import Endings, LineListener
from idlehands.client.jobs import Job
from idlehands.client.notebook import Jobs
from idlehands.finding import Found, find_house
from schemas.asking import TELL_SECONDS
from schemas.registry import Stage
from schemas.specs import Dimension, JobSpec, Limits, Needs, ScriptRef

if TYPE_CHECKING:
    from idlehands.client.loops import Search
    from idlehands.client.pipelines import Pipeline
    from idlehands.client.services import Service
    from idlehands.client.sweeps import Sweep

__all__ = ["House", "Limits", "Needs", "connect", "is_call"]

_P = ParamSpec("_P")
_T = TypeVar("_T")


def connect(
    broker: str | None = None,
    certificate: Path | str | None = None,
    *,
    author_key: Path | str | None = None,
    trust: Iterable[str] = (),
    timeout: float = CONNECT_SECONDS,
) -> "House":
    """Return the house: this machine's own, the one that it joined, or the one that is named.

    Args:
        broker: HOST:PORT, with `certificate`; otherwise as `idlehands` itself finds it.
        certificate: The directory that `idlehands cert issue` wrote.
        author_key: The key that calls are signed with. Otherwise the one that IDLEHANDS_AUTHOR_KEY names,
            on the HQ host the house's own, elsewhere `author.key` beside the certificate, made if missing.
        trust: Machines whose results may hold anything, besides those of `idlehands trust agent`.
        timeout: How many seconds broker and HQ may take to appear.

    Raises:
        HqUnreachable: If they do not appear.
        HouseError: If there is no house here and none was named.
        ClientError: If the certificate cannot be used.
    """
    found = find_house(broker, certificate)
    client = connect_client(found.settings, timeout_seconds=timeout, https_only=found.is_https)
    key = None if author_key is None else Path(author_key).expanduser()
    return House(client, found, author_key=key, trust=trust)


class House:
    """A connected house. Close it, or use it in a `with` statement."""

    def __init__(
        self, client: Client, found: Found, *, author_key: Path | None = None, trust: Iterable[str] = ()
    ) -> None:
        self.client = client
        self._found = found
        self._author_key = author_key or found.author_key
        self._trusted = Trusted(found.settings.certificate, found.own_agents | frozenset(trust))
        self.caller = Caller(lambda: client.rest, lambda: self._author_key, client.name)
        self._lock = threading.Lock()
        self._endings: Endings | None = None
        self._line_listeners: list[LineListener] = []
        self._closing: list[Callable[[], None]] = []
        self.is_closed = False

    # --- life -------------------------------------------------------------------

    def close(self) -> None:
        """Disconnect. Jobs go on. Safe to repeat."""
        self.is_closed = True
        while self._closing:
            self._closing.pop()()
        if self._endings is not None:
            self._endings.close()
        self.client.close()

    def __enter__(self) -> "House":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<House at {self._found.settings.address} as {self.client.name}>"

    # --- submitting ---------------------------------------------------------------

    @overload
    def submit(self, what: Path | str, /, *args: Any, **kwargs: Any) -> Job[Any]: ...

    @overload
    def submit(self, what: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Job[_T]: ...

    def submit(self, what: Callable[..., Any] | Path | str, /, *args: Any, **kwargs: Any) -> Job[Any]:
        """Let a function be called, or a script be run, on a machine of the house, and return the job.

        Args:
            what: A function, or the path of a Python file.
            args: The function's arguments; for a script, words of its command line.
            kwargs: The function's keyword arguments; for a script, its parameters as flags.

        Raises:
            BundleError: If there is no such script.
            NotPicklable: If the function or an argument cannot be pickled.
            AuthorKeyUnusable: If it cannot be signed.
            RequestRefused: If HQ says no.
            HqUnreachable: If HQ does not answer.
        """
        if callable(what):
            return self.submit_call(what, args, kwargs)
        return self.submit_script(what, kwargs, words=args)

    def submit_script(
        self,
        script: Path | str,
        params: dict[str, Any] | None = None,
        wishes: Wishes | None = None,
        *,
        words: Iterable[Any] = (),
        include: Iterable[Path | str] = (),
    ) -> Job[Any]:
        """Run a Python file with what it imports from its folder, and return the job. Raises as `submit`.

        Args:
            script: The file.
            params: Its parameters, given as flags.
            wishes: What it asks for besides.
            words: Words of its command line, before those.
            include: Files or folders beside it that it needs, too.
        """
        from idlehands.bundle import build_bundle

        file = Path(script).expanduser()
        bundle = build_bundle(file, [Path(one) for one in include])
        self.client.put_blob(bundle.content)
        asked = wishes or Wishes()
        spec = JobSpec(
            ScriptRef(bundle.sha256, bundle.entry, file.stem[:200]),
            params or {},
            argv=tuple(str(word) for word in words),
            name=asked.name,
            needs=asked.needs,
            limits=asked.limits,
            priority=asked.priority,
            retry_on_failure=asked.retry_on_failure,
            max_starts=asked.max_starts,
            seed=asked.seed,
            secrets=asked.secrets,
            project=asked.project,
            tags=asked.tags,
            note=asked.note,
            after=asked.after,
            after_any=asked.after_any,
            not_before=asked.not_before,
            expires=asked.expires,
        )
        return self.submit_specs([spec])[0]

    def submit_call(
        self,
        function: Callable[..., _T],
        args: Iterable[Any] = (),
        kwargs: dict[str, Any] | None = None,
        wishes: Wishes | None = None,
    ) -> Job[_T]:
        """Do what `submit` does, with wishes: what the machine must have, limits, retries, secrets."""
        spec = self.caller.build_job(function, args, kwargs, wishes)
        return self.submit_specs([spec])[0]

    def submit_specs(self, specs: Iterable[JobSpec]) -> list[Job[Any]]:
        """Submit jobs that are spelled out, and return them in their order. Raises as `submit`."""
        wanted = list(specs)
        endings = self.endings
        del endings  # before the jobs: what happens to them at once must be heard
        ids = self.client.submit(wanted).jobs
        return [
            Job(self, job, is_call=is_call(spec), name=spec.name or spec.script.name)
            for job, spec in zip(ids, wanted, strict=True)
        ]

    def map(self, function: Callable[..., _T], *iterables: Iterable[Any]) -> Iterator[_T]:
        """Call a function with the elements of the iterables, and yield what each call returns, in order.

        All are submitted before the first is returned. Raises as `submit` and `Job.result`.
        """
        return (job.result() for job in self.submit_all(function, *iterables))

    def submit_all(self, function: Callable[..., _T], *iterables: Iterable[Any]) -> Jobs[_T]:
        """Let a function be called with the elements of the iterables, and return the jobs. As `submit`."""
        packed = pack_function(function)
        return Jobs(
            self.submit_specs(self.caller.build_job(packed, args) for args in zip(*iterables, strict=False))
        )

    def results(self, **query: Any) -> Any:
        """Return results as a pandas DataFrame, one row each: job, parameters, numbers and how it ended.

        Args:
            query: `sweep`, `job`, `sort` and so on, as REST's `/results` takes them.

        Raises:
            ModuleNotFoundError: If pandas is not installed.
            RequestRefused: If REST says no.
            HqUnreachable: If REST does not answer.
        """
        from idlehands.client.notebook import frame_of

        return frame_of(self.client.results(**query))

    def add_dataset(self, name: str, path: Path | str) -> dict[str, Any]:
        """Store a file or folder as the newest version of a dataset, and return which. Raises as `submit`."""
        from idlehands.client.datasets import add_dataset

        return add_dataset(self.client.rest, name, Path(path).expanduser())

    def sweep(
        self,
        script: Path | str,
        space: Mapping[str, Dimension | str],
        objectives: Mapping[str, str],
        *,
        params: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> "Sweep":
        """Let machines search for the best parameters of a script, and return the sweep.

        Args:
            script: The file; it prints what is searched for in its last line, as JSON.
            space: What to vary, written as for `--space`: `{"lr": "log:1e-5..1e-1", "layers": "1..4"}`.
            objectives: What to look for: `{"accuracy": "max"}`, or several for a Pareto front.
            params: Parameters that are the same in all trials.
            more: As in a sweep's file: `trials`, `sampler` (tpe), `options`, `seed`, `parallel`, `pruner`,
                `stop`, `constraints`, `tries`, `past`, `name`.

        Raises:
            ValueError: If it cannot be understood.
            BundleError: If there is no such script.
            RequestRefused: If HQ says no.
            HqUnreachable: If HQ does not answer.
        """
        from idlehands.client.sweeps import start_sweep

        return start_sweep(self, script, space, objectives, params or {}, more)

    def pipeline(
        self, pipeline: Path | str | Mapping[str, Any], *, folder: Path | str = ".", force: bool = False
    ) -> "Pipeline":
        """Submit the steps of a pipeline, all or none, and return it.

        Args:
            pipeline: A file in YAML or JSON, or the same as a dictionary:
                `{"steps": [{"name": "prepare", "job": {"script": "prepare.py"}}, ...]}`.
            folder: Of a dictionary: where its scripts lie. In a file, paths are beside it.
            force: Submit it also when a script does not seem to take what it is given.

        Raises:
            ValueError: If it cannot be understood, or a script would not take what it is given.
            BundleError: If there is no such script.
            RequestRefused: If HQ says no: a circle, a step that is not there, a reference that cannot be.
            HqUnreachable: If HQ does not answer.
        """
        from idlehands.client.pipelines import start_pipeline

        return start_pipeline(self, pipeline, folder, force=force)

    def service(self, name: str, *, deadline: float | None = None) -> "Service":
        """Return a service, to be called as a function is: `house.service("encode")(text="hi")`.

        Args:
            name: Of the service. Whether there is one shows at the first call.
            deadline: Of each call, in seconds; else what the service was deployed with.
        """
        from idlehands.client.services import Service

        return Service(self.client, name, deadline=deadline)

    def optimize(
        self,
        space: Mapping[str, Dimension | str],
        objectives: Mapping[str, str],
        *,
        deadline: float = TELL_SECONDS,
        **more: Any,
    ) -> "Search":
        """Start a search whose trials this program runs: ask for each, and tell what came of it.

        Args:
            space: What to vary, written as for `--space`: `{"lr": "log:1e-5..1e-1", "layers": "1..4"}`.
            objectives: What to look for: `{"loss": "min"}`, or several for a Pareto front.
            deadline: How many seconds nothing may be told or reported of a trial; then it is asked for again.
            more: As in a sweep's file: `trials`, `sampler` (tpe), `options`, `seed`, `parallel` (1: how many
                may be asked for and not told), `pruner`, `stop`, `constraints`, `tries`, `past`, `name`.

        Raises:
            ValueError: If it cannot be understood.
            RequestRefused: If HQ says no.
            HqUnreachable: If HQ does not answer.
        """
        from idlehands.client.loops import start_search

        return start_search(self.client, space, objectives, deadline, more)

    def open_search(self, sweep: str) -> "Search":
        """Return a search that another program has made, to ask for trials of it too.

        Raises:
            RequestRefused: If there is none of that id.
            ValueError: If machines run its trials.
            HqUnreachable: If REST does not answer.
        """
        from idlehands.client.loops import open_search

        return open_search(self.client, sweep)

    def promote(
        self,
        source: Job[Any] | str,
        model: str,
        *,
        stage: Stage = "none",
        artifacts: Iterable[str] = (),
        note: str = "",
    ) -> str:
        """Register what a job, or a sweep's best trial, left behind as a model's next version.

        Args:
            source: A job, or the id of a job or sweep.
            model: The model's name.
            stage: Its stage; which had that before is archived.
            artifacts: Names of files that the job kept; none: all of them.
            note: What should be known about it.

        Returns:
            Its reference, such as `model://wine@3`. Raises as `submit`.
        """
        ident = source if isinstance(source, str) else source.id
        which = {"sweep" if ident.startswith("s") else "job": ident}
        made = self.client.promote(model, **which, artifacts=tuple(artifacts), stage=stage, note=note)
        return f"model://{made['model']}@{made['version']}"

    def models(self) -> list[dict[str, Any]]:
        """Return the registered models by name. Raises as `submit`."""
        return list(self.client.models())

    def get_model(self, reference: str, folder: Path | str | None = None) -> list[Path]:
        """Bring the files of `wine@production` or `model://wine@3` into a folder, by default `./wine`.

        Raises:
            ValueError: If the reference cannot be understood.
            RequestRefused: If there is none.
            HqUnreachable: If REST does not answer.
        """
        from idlehands.client.outputs import fetch_model
        from schemas.registry import parse_reference

        asked = parse_reference(reference)
        version = self.client.model(reference, at_least=self.client.ping())
        return fetch_model(self.client.rest, version, Path(folder or asked.name), only=asked.path)

    # --- what others need -----------------------------------------------------------

    @property
    def endings(self) -> Endings:
        """Return what tells when jobs begin and end, listening from the first use on."""
        with self._lock:
            if self._endings is None:
                self._endings = Endings(self.client, self._tell_lines)
            return self._endings

    @property
    def public_key(self) -> str:
        """Return the public half of the key that calls are signed with."""
        from idlehands.client.authoring import make_author_key

        return make_author_key(self._author_key)

    def trusts(self, agent: str) -> bool:
        """Tell whether results of this machine may hold anything, code included."""
        return self._trusted.trusts(agent)

    def on_lines(self, listener: LineListener) -> None:
        """Let a listener have what jobs print. It is called on another thread, and must be quick."""
        self._line_listeners.append(listener)

    def on_close(self, listener: Callable[[], None]) -> None:
        """Let a listener know when the house is closed here."""
        self._closing.append(listener)

    def not_on_close(self, listener: Callable[[], None]) -> None:
        """Let a listener know no more. Safe to repeat."""
        if listener in self._closing:
            self._closing.remove(listener)

    def no_lines(self, listener: LineListener) -> None:
        """Let a listener have nothing more. Safe to repeat."""
        if listener in self._line_listeners:
            self._line_listeners.remove(listener)

    def _tell_lines(self, job: str, stream: str, lines: tuple[str, ...]) -> None:
        for listener in tuple(self._line_listeners):
            listener(job, stream, lines)


def is_call(spec: JobSpec) -> bool:
    """Tell whether a job makes a pickled call."""
    from schemas.calls import CALL_ENTRY

    return spec.script.entry == CALL_ENTRY
