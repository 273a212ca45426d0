"""Scenes of the recorded house: jobs, their losses, limits, dependencies and deletions."""

from hq.core.outputs import LookUpSweep
from schemas.events import SweepFinished, TrialProposed
from schemas.facts import Artifact, AttemptResult, Checkpoint, Failure, MachineFacts, MetricPoint
from schemas.messages import StandingClaim
from schemas.requests import (
    Cancel,
    Delete,
    DeleteSweep,
    FinishSweep,
    Hold,
    Label,
    Release,
    SetLimit,
    Submit,
    SubmitSweep,
)
from schemas.specs import FloatRange, JobSpec, Limits, Needs, Source, SweepSpec
from schemas.states import Outcome, Phase
from tests.golden.taking import SCRIPT, take
from tests.unit.hq.core.small_house import SmallHouse, success


def play_jobs(house: SmallHouse) -> None:
    spec = JobSpec(
        SCRIPT,
        {"learning_rate": 0.1, "$ref": 2, "a.b": [1, None, {"~x": True}], "n": 2**40},
        needs=Needs(memory_mb=100, labels=("cuda",)),
        limits=Limits(wall_seconds=60, artifacts_mb=5),
        artifacts=("out/*.png",),
        source=Source("ab" * 20, True, "78" * 32),
        priority=3,
        name="first",
        retry_on_failure=1,
        not_before=house.wall - 5,
    )
    (job,) = house.request(Submit(jobs=(spec,), key="first", on_behalf_of="anna"), "web").result["jobs"]
    house.request(Hold(jobs=(job,)))
    house.request(Release(jobs=(job,)))
    key = take(house, job)
    house.decline(key)
    key = take(house, job)
    failed = AttemptResult(
        *key, Outcome.FAILED, 1, failure=Failure("exit", "no such column", "Traceback ...")
    )
    house.deliver(failed)
    key = take(house, job)
    series = (MetricPoint(0, 1.5, {"loss": 0.5, "bad": None}, 1.0), MetricPoint(1, 2.5, {"loss": 0.25}))
    house.deliver(
        AttemptResult(
            *key,
            Outcome.SUCCEEDED,
            0,
            {"accuracy": 0.75, "$id": "x"},
            series=series,
            duration_seconds=2.5,
            artifacts=(Artifact("out/a.png", "12" * 32, 5),),
            environment="34" * 32,
            datasets={"wine.red": "56" * 32},
        )
    )
    house.settle()
    house.deliver(AttemptResult("j" + "q" * 12, 7, Outcome.SUCCEEDED, result_blob="cd" * 32))
    house.settle()
    (cancelled, failing) = house.submit(JobSpec(SCRIPT), JobSpec(SCRIPT, exclusive=True))
    house.request(Cancel(jobs=(cancelled,)))
    house.deliver(AttemptResult(*take(house, failing), Outcome.FAILED, 3))
    house.settle()


def play_losses(house: SmallHouse) -> None:
    (job,) = house.submit(JobSpec(SCRIPT, needs=Needs(agent="den"), max_starts=1))
    key = take(house, job, "den")
    house.wait(36)
    house.heartbeat("den", (key, Phase.RUNNING))
    house.settle()
    house.decline(key, "den", interrupted=True)
    house.settle()
    key = take(house, job, "den")
    house.heartbeat("den", (key, Phase.RUNNING), checkpoint=Checkpoint(key[1], "ef" * 32, 10_240))
    house.boot("den", boot=2, facts=MachineFacts(cores=2))
    house.submit(JobSpec(SCRIPT, name="still waiting", needs=Needs(gpus=8)))


def play_claims_ahead(house: SmallHouse) -> None:
    house.heartbeat("attic", slots=4, standing=StandingClaim(house.authority.state.epoch, "5" * 24, 9))
    one, other = house.submit(JobSpec(SCRIPT, name="claimed ahead"), JobSpec(SCRIPT, name="never heard of"))
    house.deliver(success((one, house.job(one).token)))
    house.settle()
    house.boot("attic", boot=2)
    assert house.job(other).starts == 0


def play_dependencies(house: SmallHouse) -> None:
    (first,) = house.submit(JobSpec(SCRIPT, {"rows": 5}))
    needs = {"rows": f"result://{first}/table/rows", "$ref": [f"artifact://{first}/a.csv"]}
    second, third = house.submit(
        JobSpec(SCRIPT, needs, needs=Needs(gpus=8)), JobSpec(SCRIPT, {"x": f"result://{first}/nothing"})
    )
    spec = SweepSpec(JobSpec(SCRIPT, after=(first,)), {"x": FloatRange(0, 1)}, metric="loss")
    sweep = house.request(SubmitSweep(sweep=spec)).result["sweep"]
    spec = SweepSpec(JobSpec(SCRIPT, after=(third,)), {"x": FloatRange(0, 1)}, metric="loss")
    house.request(SubmitSweep(sweep=spec))
    house.submit(JobSpec(SCRIPT, after=(second,), after_any=(sweep,), needs=Needs(gpus=8)))
    result = {"table": {"rows": 7}}
    files = (Artifact("a.csv", "12" * 32, 5),)
    house.deliver(AttemptResult(*take(house, first), Outcome.SUCCEEDED, 0, result, artifacts=files))
    house.settle()
    house.request(FinishSweep(sweep=sweep))
    assert house.job(second).spec.params == {"rows": 7, "$ref": [f"blob://{'12' * 32}/5"]}


def play_limits(house: SmallHouse) -> None:
    house.request(SetLimit(of="user", name="anna", at_most=3))
    house.request(SetLimit(of="named", name="licence", at_most=0))
    house.request(SetLimit(of="named", name="licence"))
    found_by = {"project": "Wine", "tags": ("baseline", "v2.1"), "note": "as before, but deeper"}
    (job,) = house.submit(JobSpec(SCRIPT, needs=Needs(gpus=8), **found_by))  # type: ignore[arg-type]
    assert house.job(job).tags == ("baseline", "v2.1")
    house.request(Label(ids=(job,), add_tags=("best",), note="the one to beat"))
    (ended,) = house.submit(JobSpec(SCRIPT, name="labelled afterwards"))
    house.request(Cancel(jobs=(ended,)))
    house.request(Label(ids=(ended,), project="Wine", remove_tags=("none",)))


def play_deletions(house: SmallHouse) -> None:
    (job,) = house.submit(JobSpec(SCRIPT, name="unwanted"))
    house.request(Cancel(jobs=(job,)))
    house.request(Delete(jobs=(job,)))
    house.deliver(AttemptResult(job, 9, Outcome.SUCCEEDED))
    house.settle()
    ended = next(event.sweep for event in house.of(SweepFinished))
    house.ask(DeleteSweep(sweep=ended))
    asked = next(one for one in house.outputs if isinstance(one, LookUpSweep))
    trials = tuple(event.job for event in house.of(TrialProposed) if event.sweep == ended)
    house.authority.found_sweep(asked.request, trials)
    house.settle()
