"""What the trials of a sweep have reported: whole of those that ended, as it came of those that run."""

import queue
from typing import Any

from pymongo.database import Database

from hq.core.evolve import apply
from hq.core.state import State
from hq.read_models.recorder import Recorder
from hq.read_models.writer import Changes, ReadModelWriter, read_checkpoint
from hq.series import ANSWER_BYTES, SeriesAsked, read_series
from schemas.events import AnyEvent, Decision, JobClaimed, JobFailed, JobSubmitted, JobSucceeded
from schemas.facts import AttemptResult, Failure, MetricPoint
from schemas.messages import JobProgress, Progress
from schemas.specs import JobSpec, ScriptRef
from schemas.states import Outcome

SWEEP = "saaaaaaaaaaaa"


class Trials:
    """Writes trials as HQ would."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._database, self._state, self._position = database, State(), 0
        self._writer = ReadModelWriter(database, read_checkpoint(database)[1])

    def begin(self, trial: int) -> str:
        job = "j" + chr(ord("a") + trial // 26) + chr(ord("a") + trial % 26) + "a" * 10
        spec = JobSpec(ScriptRef("0" * 64, "train.py"), sweep=SWEEP, trial=trial)
        self._decide(JobSubmitted(job, spec, "cli"), JobClaimed(job, 7, "attic", 1, "0" * 32))
        return job

    def end(self, job: str, series: tuple[MetricPoint, ...], failure: Failure | None = None) -> None:
        outcome = Outcome.FAILED if failure else Outcome.SUCCEEDED
        result = AttemptResult(job, 7, outcome, result={"loss": 0.25}, series=series, failure=failure)
        self._decide(JobFailed(job, failure.message, 7, result) if failure else JobSucceeded(job, 7, result))

    def report(self, job: str, *points: MetricPoint) -> None:
        recorder = Recorder(self._database, epoch=1, on_fatal=queue.SimpleQueue[Exception]().put)
        recorder.submit(JobProgress("attic", Progress(job, 7, 50.0, points)))
        recorder.start()
        assert recorder.stop(15)

    def _decide(self, *events: AnyEvent) -> None:
        self._position += 1
        decision = Decision(self._position, 1, f"op-{self._position}", 1e9 + self._position, events)
        changes = Changes()
        changes.add(self._position, apply(self._state, decision))
        self._writer.write(changes)


def points(*values: float) -> tuple[MetricPoint, ...]:
    return tuple(MetricPoint(seq, 1.5, {"loss": value}, step=seq) for seq, value in enumerate(values))


def test_of_one_that_ended_it_is_the_whole_series_of_its_result(database: Database[dict[str, Any]]) -> None:
    trials = Trials(database)
    job = trials.begin(0)
    trials.report(job, *points(9.0))
    trials.end(job, points(0.75, 0.5, 0.25))

    (told,) = read_series(database, SeriesAsked(SWEEP, "loss"))["trials"]

    assert told == {
        "trial": 0,
        "job": job,
        "token": 7,
        "status": "succeeded",
        "value": 0.25,
        "steps": [0, 1, 2],
        "values": [0.75, 0.5, 0.25],
    }


def test_of_one_that_runs_it_is_what_came_as_progress(database: Database[dict[str, Any]]) -> None:
    trials = Trials(database)
    trials.report(trials.begin(0), *points(0.75, 0.5))

    (told,) = read_series(database, SeriesAsked(SWEEP, "loss"))["trials"]

    assert (told["status"], told["values"], told["value"]) == ("running", [0.75, 0.5], None)


def test_another_metric_another_sweep_and_a_failed_trial_without_a_series_have_none(
    database: Database[dict[str, Any]],
) -> None:
    trials = Trials(database)
    trials.report(trials.begin(0), *points(0.75))
    trials.end(trials.begin(1), (), Failure("script_failed", "it broke"))

    told = read_series(database, SeriesAsked(SWEEP, "accuracy"))["trials"]

    assert [(one["trial"], one["values"]) for one in told] == [(0, []), (1, [])]
    assert read_series(database, SeriesAsked("sbbbbbbbbbbbb", "loss")) == {"trials": [], "more": False}


def test_only_those_asked_for_come_in_their_order(database: Database[dict[str, Any]]) -> None:
    trials = Trials(database)
    for trial in range(5):
        trials.begin(trial)

    def numbers(asked: SeriesAsked) -> list[int]:
        return [one["trial"] for one in read_series(database, asked)["trials"]]

    assert numbers(SeriesAsked(SWEEP, "loss", trials=(3, 1))) == [1, 3]
    assert numbers(SeriesAsked(SWEEP, "loss", after=2)) == [3, 4]


def test_an_answer_fits_a_message_and_says_that_there_is_more(database: Database[dict[str, Any]]) -> None:
    trials = Trials(database)
    long = points(*(0.1 + seq / 7 for seq in range(4000)))
    for trial in range(4):
        trials.end(trials.begin(trial), long)

    first = read_series(database, SeriesAsked(SWEEP, "loss"))

    assert first["more"]
    assert 0 < len(first["trials"]) < 4
    assert sum(len(str(one)) for one in first["trials"][1:]) < ANSWER_BYTES
    rest = read_series(database, SeriesAsked(SWEEP, "loss", after=first["trials"][-1]["trial"]))
    assert rest["trials"][0]["trial"] == first["trials"][-1]["trial"] + 1
