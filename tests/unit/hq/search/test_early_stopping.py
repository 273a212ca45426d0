"""Early stopping in the search process: what it reads, when it prunes, and what gets lost."""

from typing import Any

import msgspec

from hq.search.early_stopping import SILENT_SECONDS, EarlyStopping
from hq.search.loop import PATIENCE_SECONDS, SweepState
from schemas.early_stopping import Threshold
from schemas.events import JobCancelled
from schemas.facts import MetricPoint
from schemas.messages import JobNotice, JobProgress, Progress, Reply, RequestError
from schemas.requests import Prune, ReadSeries
from schemas.specs import FloatRange, JobSpec, ScriptRef, SweepSpec
from schemas.states import JobStatus

SWEEP = "saaaaaaaaaaaa"
JOBS = ("jaaaaaaaaaaaa", "jbbbbbbbbbbbb", "jcccccccccccc")
SPEC = SweepSpec(
    JobSpec(ScriptRef("0" * 64, "train.py")),
    {"x": FloatRange(0, 1)},
    metric="loss",
    direction="minimize",
    pruner=Threshold(upper=1.0),
)


def tell(early: EarlyStopping, proposed: int, *, spec: SweepSpec = SPEC, ended: bool = False) -> None:
    sweeps = () if ended else (SweepState(SWEEP, spec, proposed, proposed),)
    result = {"sweeps": msgspec.to_builtins(sweeps), "more": False}
    early.told_sweeps(Reply("r", True, 1, result), is_first=True)


def series(number: int, status: str = "running", token: int = 1, **more: Any) -> dict[str, Any]:
    return {"trial": number, "job": JOBS[number], "token": token, "status": status, **more}


def answer(early: EarlyStopping, asked: Any, *trials: dict[str, Any], now: float = 0.0) -> list[Any]:
    return list(early.answered(asked, Reply("r", True, 1, {"trials": trials, "more": False}), now))


def progress(number: int, *losses: float | None, token: int = 1, first: int = 1) -> JobProgress:
    points = tuple(
        MetricPoint(step, 0, {"loss": loss}, float(step)) for step, loss in enumerate(losses, start=first)
    )
    return JobProgress("attic", Progress(JOBS[number], token, points=points))


def knowing(proposed: int = 1, now: float = 0.0) -> EarlyStopping:
    """Return one who knows a sweep and its trials, which run."""
    early = EarlyStopping()
    tell(early, proposed)
    (asked,) = early.tick(now)
    assert asked == ReadSeries(sweep=SWEEP)
    assert answer(early, asked, *(series(number) for number in range(proposed)), now=now) == []
    assert early.tick(now) == []
    return early


def test_sweeps_without_a_pruner_are_none_of_its_business() -> None:
    early = EarlyStopping()
    tell(early, 1, spec=msgspec.structs.replace(SPEC, pruner=None))

    assert not early.wants_progress
    assert early.tick(0) == []


def test_a_trial_that_leaves_its_bounds_is_pruned_once() -> None:
    early = knowing()

    assert early.hear_progress(progress(0, 0.5), 0) == []
    (prune,) = early.hear_progress(progress(0, 2.5, first=2), 0)

    assert isinstance(prune, Prune)
    assert (prune.job, prune.token, prune.step) == (JOBS[0], 1, 2)
    assert "at step 2 its loss was 2.5" in prune.why
    assert early.hear_progress(progress(0, 9.0, first=3), 0) == []


def test_what_it_reported_before_anybody_listened_is_judged_too() -> None:
    early = EarlyStopping()
    tell(early, 1)
    (asked,) = early.tick(0)

    (prune,) = answer(early, asked, series(0, steps=[1, 2], values=[0.5, None]))

    assert isinstance(prune, Prune)
    assert prune.step == 2


def test_new_trials_are_read_from_where_they_are_not_known() -> None:
    early = knowing(2)
    tell(early, 3)

    assert early.tick(1) == [ReadSeries(sweep=SWEEP, after=1)]


def test_a_prune_that_is_not_answered_is_sent_again_until_it_is() -> None:
    early = knowing()
    (prune,) = early.hear_progress(progress(0, 2.0), 0)

    assert early.tick(PATIENCE_SECONDS - 0.1) == []
    assert early.tick(PATIENCE_SECONDS) == [prune]
    busy = Reply("r", False, 1, error=RequestError("unavailable", "no"))
    assert early.answered(prune, busy, PATIENCE_SECONDS) == []
    assert early.tick(3 * PATIENCE_SECONDS) == [prune]
    early.answered(prune, Reply("r", True, 1), 3 * PATIENCE_SECONDS)

    assert prune not in early.tick(9 * PATIENCE_SECONDS)


def test_a_stale_prune_is_let_go_and_the_next_attempt_is_judged_anew() -> None:
    early = knowing()
    (prune,) = early.hear_progress(progress(0, 2.0), 0)
    early.answered(prune, Reply("r", False, 1, error=RequestError("stale", "no")), 0)

    assert early.hear_progress(progress(0, 2.0, first=2), 0) == []
    (again,) = early.hear_progress(progress(0, 0.5, 0.5, 2.0, token=2), 0)

    assert isinstance(again, Prune)
    assert (again.token, again.step) == (2, 3)
    assert again.key != prune.key


def test_progress_of_an_attempt_that_was_given_up_is_not_looked_at() -> None:
    early = knowing()
    early.hear_progress(progress(0, 0.5, token=2), 0)

    assert early.hear_progress(progress(0, 5.0, first=2, token=1), 0) == []


def test_the_end_of_a_trial_is_read_and_nothing_follows_it() -> None:
    early = knowing(2)
    notice = JobNotice(1, 0, 4, JobStatus.CANCELLED, JobCancelled(JOBS[1], "cli"))

    early.hear_job(notice, 1.0)
    (asked,) = early.tick(1.0 + early.next_wake(1.0))
    answer(early, asked, series(1, "cancelled"), now=2.0)

    assert asked == ReadSeries(sweep=SWEEP, trials=(1,))
    assert early.hear_progress(progress(1, 5.0), 2.0) == []


def test_a_trial_of_which_nothing_is_heard_is_read_again() -> None:
    early = knowing(2)
    early.hear_progress(progress(0, 0.5), SILENT_SECONDS - 1)

    early.tick(SILENT_SECONDS)
    (asked,) = early.tick(SILENT_SECONDS + 1)

    assert asked == ReadSeries(sweep=SWEEP, trials=(1,))


def test_an_answer_that_never_comes_is_asked_for_again() -> None:
    early = EarlyStopping()
    tell(early, 1)
    asked = early.tick(0)

    assert early.tick(PATIENCE_SECONDS - 0.1) == []
    assert early.tick(PATIENCE_SECONDS) == asked


def test_a_sweep_that_ended_is_forgotten() -> None:
    early = knowing()

    tell(early, 1, ended=True)

    assert not early.wants_progress
    assert early.hear_progress(progress(0, 5.0), 0) == []
