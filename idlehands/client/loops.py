"""Searches whose trials a loop of the program's own runs: ask for a trial, tell what came of it.

    with idlehands.connect() as house:
        search = house.optimize({"lr": "log:1e-5..1e-1"}, {"loss": "min"}, trials=50)
        while trial := search.ask():
            search.tell(trial, train(**trial.params))
        print(search.best_trial.params)

Several programs may share one search: each opens it by its id, and asks for itself.
"""

import math
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from idlehands.client.errors import ClientError, RequestRefused
from schemas.asking import OWN_LOOP, TELL_SECONDS
from schemas.facts import MetricPoint
from schemas.objectives import Worth, objectives_of, pareto_front
from schemas.requests import AskTrial, ReportTrial, TellTrial, Told
from schemas.specs import Dimension, JobSpec, Limits, SweepSpec

if TYPE_CHECKING:
    from idlehands.client.client import Client

#: Until a trial is chosen. Some samplers take seconds.
ASK_SECONDS = 60.0
_FIRST_LOOK_SECONDS, _LOOK_SECONDS = 0.01, 0.5
#: Reports that are kept to be told with the end; every second one is left out when they are more.
MOST_POINTS = 1000


class NothingToAsk(ClientError, TimeoutError):
    """No trial was chosen in the time that was given. Asking again is safe."""


class Trial:
    """A trial that this program asked for. Tell what came of it: else it is lost, and asked for again."""

    def __init__(self, search: "Search", number: int, params: dict[str, Any], job: str, token: int) -> None:
        self.number, self.params = number, params
        self.job, self.token = job, token
        self._search = search
        self._count = 0
        self._points: list[MetricPoint] = []

    def __repr__(self) -> str:
        return f"<Trial {self.number} {self.params}>"

    @property
    def points(self) -> tuple[MetricPoint, ...]:
        """Return what was reported of it, thinned when it is too much."""
        return tuple(self._points)

    def report(self, value: float | None = None, step: int | None = None, **metrics: float) -> None:
        """Report what it has reached, for the pruner and for whoever looks. Raises as `Search.tell`.

        Args:
            value: Of the search's first objective.
            step: Such as the epoch. Without it reports are counted: the first is 1.
            metrics: More numbers, by name.
        """
        self._count += 1
        named = {self._search.metrics[0]: value, **metrics} if value is not None else metrics
        finite = {name: float(one) if math.isfinite(one) else None for name, one in named.items()}
        at = float(self._count if step is None else step)
        point = MetricPoint(self._count, time.time(), finite, at)
        self._points.append(point)
        if len(self._points) > MOST_POINTS:
            # What came last is the value of a trial that is ended early.
            self._points = [*self._points[:-1:2], point]
        self._search.send_report(self, point)

    def should_prune(self) -> bool:
        """Tell whether it is to end early, as far as that is decided: a report is judged within a moment.

        Raises as `Search.tell`.
        """
        return self._search.send_report(self, None)


class TrialRow(msgspec.Struct, frozen=True):
    """A trial of a search as HQ knows it."""

    number: int
    state: str
    params: dict[str, Any]
    #: One for each objective; none where it did not succeed.
    values: tuple[float, ...]
    job: str
    #: Who asked for it.
    by: str | None
    why: str
    violations: tuple[float, ...] = ()

    @property
    def value(self) -> float | None:
        """Return its value by the only objective, None when it has none."""
        return self.values[0] if len(self.values) == 1 else None


class Search:
    """One search. Made by `House.optimize`, or by `House.open_search` in another program."""

    def __init__(self, client: "Client", sweep: str, spec: SweepSpec) -> None:
        self.id = sweep
        self.spec = spec
        self.metrics = [one.metric for one in objectives_of(spec)]
        self._client = client
        self._position = 0
        self._mine: set[int] = set()

    def __repr__(self) -> str:
        return f"<Search {self.id} {self.spec.name}>"

    # --- ask and tell -------------------------------------------------------------

    def ask(self, timeout: float = ASK_SECONDS) -> Trial | None:
        """Return the next trial, or None when there is none left: all were told, or the search has ended.

        Args:
            timeout: How many seconds one may take to be chosen, or to come free when others have them all.

        Raises:
            NothingToAsk: If none was.
            RequestRefused: If this program has as many trials out as the search's `parallel` allows.
            HqUnreachable: If HQ does not answer.
        """
        deadline, pause = time.monotonic() + timeout, _FIRST_LOOK_SECONDS
        while True:
            try:
                said = self._client.ask(AskTrial(sweep=self.id)).result
            except RequestRefused as error:
                if error.code == "unknown_sweep":
                    return None
                if error.code != "too_many_asked" or self._mine:
                    raise
                said = {"state": "wait", "why": "others have all that may be out"}
            if said["state"] == "taken":
                self._mine.add(said["trial"])
                return Trial(self, said["trial"], said["params"], said["job"], said["token"])
            if said["state"] == "none_left":
                return None
            if time.monotonic() >= deadline:
                why = said.get("why") or "`idlehands status` says whether the search process runs"
                raise NothingToAsk(f"No trial of {self.id} was chosen in {timeout:g} s: {why}")
            time.sleep(pause)
            pause = min(pause * 1.5, _LOOK_SECONDS)

    def tell(
        self,
        trial: Trial | int,
        values: float | Sequence[float] | None = None,
        *,
        state: Told | None = None,
        result: Mapping[str, Any] | None = None,
        why: str = "",
    ) -> None:
        """Tell what came of a trial, once.

        Args:
            trial: As it was asked for, or its number.
            values: Its value, or one for each objective; nothing if it failed or was ended early.
            state: `failed` or `pruned`; without it and with values it has succeeded.
            result: What else is to be in its result, such as the metrics of constraints.
            why: Why it failed or was ended early.

        Raises:
            ValueError: If there are no values, or one is no finite number.
            RequestRefused: If the trial is not out with this program, was told already, or the values
                do not fit the search. Nothing was changed.
            HqUnreachable: If HQ does not answer.
        """
        listed = _listed(values)
        if state is None and not listed:
            raise ValueError("tell needs a value; of a trial without one: state='failed' or state='pruned'")
        if not all(map(math.isfinite, listed)):
            raise ValueError(f"{values} is not finite: tell state='failed' instead")
        given = trial if isinstance(trial, Trial) else None
        number = trial.number if isinstance(trial, Trial) else trial
        request = TellTrial(
            sweep=self.id,
            trial=number,
            token=given.token if given is not None else None,
            state=state or "succeeded",
            values=listed,
            result=dict(result or {}),
            why=why[:8000],
            points=given.points if given is not None else (),
        )
        reply = self._client.ask(request)
        self._mine.discard(number)
        self._position = max(self._position, reply.position)

    def send_report(self, trial: Trial, point: MetricPoint | None) -> bool:
        """Report a point of a trial, or that it goes on, and tell whether it is to end. Raises as `tell`."""
        said = ReportTrial(sweep=self.id, trial=trial.number, token=trial.token, point=point)
        return bool(self._client.ask(said).result.get("prune"))

    # --- looking back ---------------------------------------------------------------

    @property
    def trials(self) -> list[TrialRow]:
        """Return all trials in order, those included that this program has told of last.

        Raises:
            RequestRefused: If the search was deleted.
            HqUnreachable: If REST does not answer.
        """
        rows = self._client.trials(self.id, at_least=self._position)
        return [
            TrialRow(
                number=row["trial"],
                state=row["status"],
                params=row["params"],
                values=tuple(row["values"]),
                job=row["job"],
                by=row["agent"],
                why=row["why"],
                violations=tuple(row["violations"]),
            )
            for row in rows
        ]

    @property
    def best_trials(self) -> list[TrialRow]:
        """Return those that none is better than: one and its equals, or the Pareto front. As `trials`."""
        rows = {row.number: row for row in self.trials}
        worths = {number: Worth(row.values, row.violations) for number, row in rows.items()}
        return [rows[number] for number in pareto_front(self.spec, worths)]

    @property
    def best_trial(self) -> TrialRow:
        """Return the best one.

        Raises:
            ValueError: If there are several objectives, or none has a value yet. Otherwise as `trials`.
        """
        if len(self.metrics) > 1:
            raise ValueError("there are several objectives, so there is no one best trial: see best_trials")
        best = self.best_trials
        if not best:
            raise ValueError(f"no trial of {self.id} has a value yet")
        return best[0]

    @property
    def best_params(self) -> dict[str, Any]:
        """Return the parameters of the best one. Raises as `best_trial`."""
        return self.best_trial.params

    @property
    def best_value(self) -> float:
        """Return the value of the best one. Raises as `best_trial`."""
        return self.best_trial.values[0]

    def trials_dataframe(self) -> Any:
        """Return all trials as a pandas DataFrame: number, state, objectives, `params.NAME` and who asked.

        Raises:
            ModuleNotFoundError: If pandas is not installed. Otherwise as `trials`.
        """
        import pandas

        return pandas.DataFrame(
            [
                {
                    "number": row.number,
                    "state": row.state,
                    **dict(zip(self.metrics, row.values or [None] * len(self.metrics), strict=True)),
                    **{f"params.{name}": value for name, value in row.params.items()},
                    "by": row.by,
                }
                for row in self.trials
            ]
        )


def start_search(
    client: "Client",
    space: Mapping[str, Dimension | str],
    objectives: Mapping[str, str],
    deadline: float,
    more: Mapping[str, Any],
) -> Search:
    """Submit a search: see `House.optimize`.

    Raises:
        ValueError: If it cannot be understood.
        RequestRefused: If HQ says no.
        HqUnreachable: If HQ does not answer.
    """
    spec = build_search(space, objectives, deadline, more)
    return Search(client, client.submit_sweep(spec).sweep, spec)


def open_search(client: "Client", sweep: str) -> Search:
    """Return a search that another program has made.

    Raises:
        RequestRefused: If there is none of that id.
        ValueError: If machines run its trials.
        HqUnreachable: If REST does not answer.
    """
    found = client.sweep(sweep, at_least=client.ping())
    spec = msgspec.convert(found["spec"], SweepSpec)
    if not spec.job.asked:
        raise ValueError(f"machines run the trials of {sweep}: there is nothing to ask for")
    return Search(client, sweep, spec)


def build_search(
    space: Mapping[str, Dimension | str],
    objectives: Mapping[str, str],
    deadline: float = TELL_SECONDS,
    more: Mapping[str, Any] | None = None,
) -> SweepSpec:
    """Return the spec of a search whose trials are asked for. Raises ValueError if it makes no sense."""
    from idlehands.cli.exits import Stop
    from idlehands.cli.search_words import complete_search
    from idlehands.cli.space_words import parse_dimension
    from idlehands.cli.words import parse_value

    given: dict[str, Any] = {"sampler": "tpe", "parallel": 1, "objectives": dict(objectives), **(more or {})}
    try:
        given["space"] = {
            name: parse_dimension(name, one, parse_value) if isinstance(one, str) else one
            for name, one in space.items()
        }
        complete_search(given)
        job = JobSpec(OWN_LOOP, asked=True, limits=Limits(wall_seconds=deadline))
        spec = msgspec.convert(msgspec.to_builtins({**given, "job": job}), SweepSpec)
    except (Stop, msgspec.ValidationError, TypeError) as error:
        raise ValueError(f"this is no search: {error}") from None
    if len(spec.objectives) == 1:
        # The short form is what pruners and stop rules look at.
        only = spec.objectives[0]
        spec = replace(spec, objectives=(), metric=only.metric, direction=only.direction)
    return spec


def _listed(values: float | Sequence[float] | None) -> tuple[float, ...]:
    if values is None:
        return ()
    try:
        listed = [float(one) for one in values]  # type: ignore[union-attr]
    except TypeError:
        listed = [float(values)]  # type: ignore[arg-type]
    return tuple(listed)
