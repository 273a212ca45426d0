"""Plays a house in which every type of event happens, and writes its log down.

`python -m tests.golden.record 0002` adds the folder `tests/golden/0002`.
"""

import sys
from pathlib import Path

from msgspec.structs import replace

from bus.topics import ANSWER, CALL, HEARTBEAT
from hq.core.decide.models import Source as ModelSource
from hq.core.outputs import LookUpModel, LookUpSweep
from schemas.asking import OWN_LOOP
from schemas.audit import AuditNote
from schemas.early_stopping import Median, Patient, StopRules
from schemas.events import AnyEvent, Decision, SweepFinished, TrialProposed
from schemas.facts import (
    Artifact,
    AttemptResult,
    Checkpoint,
    Energy,
    Failure,
    MachineFacts,
    MetricPoint,
    ModelUse,
)
from schemas.messages import AttemptReport, Heartbeat, ServiceAnswer, ServiceAnswers, StandingClaim
from schemas.objectives import Constraint, Objective
from schemas.pipelines import PipelineSpec, Step
from schemas.requests import (
    AddSchedule,
    AddTrials,
    AskTrial,
    Audit,
    CallService,
    Cancel,
    CancelPipeline,
    CancelSweep,
    ChangeSweep,
    Delete,
    DeletePipeline,
    DeleteSweep,
    DeployService,
    FinishSweep,
    Hold,
    Label,
    PauseSchedule,
    PauseSweep,
    PromoteModel,
    Propose,
    Prune,
    Release,
    RemoveModel,
    RemoveSchedule,
    ResumeSchedule,
    ResumeSweep,
    RetryPipeline,
    RollBackService,
    RunSchedule,
    SetLimit,
    StageModel,
    StopService,
    Submit,
    SubmitPipeline,
    SubmitSweep,
    TellTrial,
)
from schemas.samplers import SamplerOptions
from schemas.schedules import ScheduleSpec
from schemas.specs import (
    Choice,
    Dimension,
    Fixed,
    FloatRange,
    IntRange,
    JobSpec,
    Limits,
    Needs,
    PastTrial,
    ScriptRef,
    ServiceSpec,
    Source,
    SweepSpec,
)
from schemas.states import Outcome, Phase
from schemas.trials import Descent
from tests.golden.folding import write
from tests.unit.hq.core.small_house import Key, SmallHouse, instance_of, success

SCRIPT = ScriptRef("ab" * 32, "src/train.py", "train")


def play() -> list[Decision]:
    """Return the log of a house in which every type of event happened."""
    house = SmallHouse()
    house.boot("attic", slots=4, facts=MachineFacts("Linux", "3.11.2", "i5", 4, 8000, 1, ("cuda",), "0.1.0"))
    house.boot("den", slots=2)
    _play_jobs(house)
    _play_sweeps(house)
    house.restart()
    house.heartbeat("attic")
    house.heartbeat("den")
    house.settle()
    _play_early_stopping(house)
    _play_asked(house)
    _play_population(house)
    _play_services(house)
    _play_models(house)
    _play_losses(house)
    _play_deletions(house)
    _play_audit(house)
    _play_dependencies(house)
    _play_pipelines(house)
    _play_limits(house)
    _play_claims_ahead(house)
    _play_schedules(house)
    missing = {kind.__name__ for kind in AnyEvent.__args__} - {type(event).__name__ for event in house.events}
    assert not missing, f"no {missing} in this log"
    return house.decisions


def _play_jobs(house: SmallHouse) -> None:
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
    key = _take(house, job)
    house.decline(key)
    key = _take(house, job)
    failed = AttemptResult(
        *key, Outcome.FAILED, 1, failure=Failure("exit", "no such column", "Traceback ...")
    )
    house.deliver(failed)
    key = _take(house, job)
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
    house.deliver(AttemptResult(*_take(house, failing), Outcome.FAILED, 3))
    house.settle()


def _play_sweeps(house: SmallHouse) -> None:
    space = {"x": FloatRange(1e-3, 1, log=True), "n": IntRange(1, 9, 2), "kind": Choice(("a", None, 3))}
    spec = SweepSpec(JobSpec(SCRIPT, {"epochs": 2}), space, "grid", 2, "loss", "minimize", 42, 2, "widths")
    sweep = house.request(SubmitSweep(sweep=spec)).result["sweep"]
    trials = ({"x": 0.1, "n": 1, "kind": None}, {"x": 0.2, "n": 3, "kind": 3})
    jobs = house.request(Propose(sweep=sweep, first=0, trials=trials), "search").result["jobs"]
    for job in jobs:
        house.deliver(success(_take(house, job), 0.75))
        house.settle()
    other = house.request(SubmitSweep(sweep=spec)).result["sweep"]
    house.request(Propose(sweep=other, first=0, trials=trials[:1]), "search")
    house.request(CancelSweep(sweep=other))
    running = house.request(SubmitSweep(sweep=spec)).result["sweep"]
    house.request(Propose(sweep=running, first=0, trials=trials[:1]), "search")
    searched = house.request(SubmitSweep(sweep=_searched())).result["sweep"]
    house.request(Propose(sweep=searched, first=0, trials=(), why="cmaes is not installed"), "search")
    house.request(Propose(sweep=searched, first=0, trials=({"kind": "a", "y": 0.5},)), "search")
    house.request(Propose(sweep=searched, first=1, trials=(), why="something else is missing"), "search")


def _searched() -> SweepSpec:
    space: dict[str, Dimension] = {
        "kind": Choice(("a", "b")),
        "y": FloatRange(0, 1, step=0.25, when={"kind": ("a",)}),
        "n": IntRange(1, 64, log=True, when={"kind": ("b",)}),
        "fixed": Fixed(None, when={"kind": ("b",)}),
    }
    return SweepSpec(
        JobSpec(SCRIPT, needs=Needs(gpus=8)),
        space,
        "tpe",
        seed=0,
        objectives=(Objective("loss", "minimize"), Objective("accuracy")),
        constraints=(Constraint("mb", at_most=10), Constraint("recall", at_least=0.5)),
        options=SamplerOptions(n_startup_trials=5, multivariate=False),
        tries=({"kind": "b"},),
        past=(PastTrial({"kind": "a", "y": 0.25}, (1.5, 0.5)),),
    )


def _play_early_stopping(house: SmallHouse) -> None:
    pruner = Patient(patience=2, pruner=Median(startup_trials=1))
    rules = StopRules(target=0.99, live="wind_down")
    spec = SweepSpec(
        JobSpec(SCRIPT), {"x": FloatRange(0, 1)}, trials=3, metric="accuracy", pruner=pruner, stop=rules
    )
    sweep = house.request(SubmitSweep(sweep=spec)).result["sweep"]
    trials = ({"x": 0.1}, {"x": 0.2})
    jobs = house.request(Propose(sweep=sweep, first=0, trials=trials), "search").result["jobs"]
    key = _take(house, jobs[0])
    house.request(PauseSweep(sweep=sweep))
    house.request(ResumeSweep(sweep=sweep))
    house.request(ChangeSweep(sweep=sweep, trials=9, parallel=3, space={"x": FloatRange(0, 2)}))
    house.request(AddTrials(sweep=sweep, trials=({"x": 0.7},)))
    house.request(Prune(job=key[0], token=key[1], why="at step 4 it fell behind", step=4), "search")
    points = tuple(MetricPoint(n, n, {"accuracy": n / 10}, number=n) for n in range(1, 5))
    energy = Energy(0.01, "estimated")
    ended = AttemptResult(*key, Outcome.FAILED, 143, series=points, duration_seconds=9, energy=energy)
    house.deliver(ended)
    house.settle()
    house.request(FinishSweep(sweep=sweep))


def _play_asked(house: SmallHouse) -> None:
    job = JobSpec(OWN_LOOP, limits=Limits(wall_seconds=60), asked=True)
    space = {"x": FloatRange(0, 1)}
    spec = SweepSpec(job, space, "tpe", trials=6, metric="loss", direction="minimize", seed=3, parallel=6)
    sweep = house.request(SubmitSweep(sweep=spec)).result["sweep"]
    house.request(Propose(sweep=sweep, first=0, trials=tuple({"x": n / 8} for n in range(5))), "search")
    for number in range(5):
        house.request(AskTrial(sweep=sweep, key=f"ask {number}"))
    points = (MetricPoint(0, 0.5, {"loss": 0.75}), MetricPoint(1, 1.5, {"loss": 0.5}))
    for told in (
        TellTrial(sweep=sweep, trial=0, values=(0.5,), result={"note": "$x"}, points=points),
        TellTrial(sweep=sweep, trial=1, state="failed", why="diverged"),
        TellTrial(sweep=sweep, trial=2, state="pruned", why="no use", points=points),
    ):
        house.request(told)
    # Of the last two nobody says anything more: one is asked for again, and is told of too late as well.
    house.wait(61)
    house.request(AskTrial(sweep=sweep))
    house.request(TellTrial(sweep=sweep, trial=3, values=(0.25,)))
    house.request(TellTrial(sweep=sweep, trial=3, values=(0.125,)))


def _play_population(house: SmallHouse) -> None:
    options = SamplerOptions(population_size=2, quantile=0.5, resample_prob=0)
    space = {"x": FloatRange(0, 1)}
    spec = SweepSpec(
        JobSpec(SCRIPT), space, "pbt", 6, "score", seed=5, parallel=2, options=options, name="members"
    )
    sweep = house.request(SubmitSweep(sweep=spec)).result["sweep"]
    known: list[str] = []

    def train(*descents: Descent, scores: tuple[float | None, ...]) -> None:
        trials = tuple({"x": (len(known) + n) / 8} for n in range(len(descents)))
        wanted = Propose(sweep=sweep, first=len(known), trials=trials, descents=descents)
        jobs = house.request(wanted, "search").result["jobs"]
        known.extend(jobs)
        for job, score in zip(jobs, scores, strict=True):
            key = _take(house, job)
            left = Checkpoint(key[1], f"{len(known):02x}" * 32, 10_240)
            house.heartbeat("attic", (key, Phase.RUNNING), checkpoint=left)
            house.settle()
            if score is None:
                house.deliver(AttemptResult(*key, Outcome.FAILED, 1, checkpoint=left))
            else:
                house.deliver(AttemptResult(*key, Outcome.SUCCEEDED, 0, {"score": score}, checkpoint=left))
            house.settle()

    train(Descent(0), Descent(1), scores=(0.25, 0.5))
    train(Descent(0, 1), Descent(1, 1), scores=(None, 0.75))
    # One trains on, the other has come from nobody yet when the log ends.
    house.request(Propose(sweep=sweep, first=4, trials=({"x": 1.0},), descents=(Descent(0, 3),)), "search")


def _play_losses(house: SmallHouse) -> None:
    (job,) = house.submit(JobSpec(SCRIPT, needs=Needs(agent="den"), max_starts=1))
    key = _take(house, job, "den")
    house.wait(36)
    house.heartbeat("den", (key, Phase.RUNNING))
    house.settle()
    house.decline(key, "den", interrupted=True)
    house.settle()
    key = _take(house, job, "den")
    house.heartbeat("den", (key, Phase.RUNNING), checkpoint=Checkpoint(key[1], "ef" * 32, 10_240))
    house.boot("den", boot=2, facts=MachineFacts(cores=2))
    house.submit(JobSpec(SCRIPT, name="still waiting", needs=Needs(gpus=8)))


def _play_audit(house: SmallHouse) -> None:
    note = AuditNote("5" * 32, house.wall, "login.refused", source="192.168.1.7", outcome="refused", count=40)
    house.request(Audit(note=note, key=note.id), "web")


def _play_claims_ahead(house: SmallHouse) -> None:
    house.heartbeat("attic", slots=4, standing=StandingClaim(house.authority.state.epoch, "5" * 24, 9))
    one, other = house.submit(JobSpec(SCRIPT, name="claimed ahead"), JobSpec(SCRIPT, name="never heard of"))
    house.deliver(success((one, house.job(one).token)))
    house.settle()
    house.boot("attic", boot=2)
    assert house.job(other).starts == 0


def _play_dependencies(house: SmallHouse) -> None:
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
    house.deliver(AttemptResult(*_take(house, first), Outcome.SUCCEEDED, 0, result, artifacts=files))
    house.settle()
    house.request(FinishSweep(sweep=sweep))
    assert house.job(second).spec.params == {"rows": 7, "$ref": [f"blob://{'12' * 32}/5"]}


def _play_pipelines(house: SmallHouse) -> None:
    search = SweepSpec(
        JobSpec(SCRIPT, {"rows": "result://prepare/rows"}), {"x": FloatRange(0, 1)}, metric="loss"
    )
    steps = (
        Step("report", JobSpec(SCRIPT, {"x": "result://search/params/x"}), after=("prepare",)),
        Step("search", sweep=search),
        Step("prepare", JobSpec(SCRIPT)),
    )
    wanted = SubmitPipeline(pipeline=PipelineSpec(steps, "classic"))
    answer = house.request(wanted).result
    house.request(Cancel(jobs=(answer["steps"]["prepare"],)))
    again = house.request(RetryPipeline(pipeline=answer["pipeline"])).result
    house.request(CancelPipeline(pipeline=again["pipeline"]))
    house.request(DeletePipeline(pipeline=again["pipeline"]))


def _play_limits(house: SmallHouse) -> None:
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


def _play_deletions(house: SmallHouse) -> None:
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


def _play_models(house: SmallHouse) -> None:
    spec = JobSpec(SCRIPT, {"depth": 3, "data": "data://wine"}, source=Source("ab" * 20, True, "78" * 32))
    (job,) = house.submit(spec)
    key = _take(house, job)
    house.deliver(
        AttemptResult(
            *key,
            Outcome.SUCCEEDED,
            0,
            {"accuracy": 0.875, "$id": "x"},
            artifacts=(Artifact("model.pt", "12" * 32, 5), Artifact("labels.txt", "13" * 32, 7)),
            environment="34" * 32,
            datasets={"wine": "56" * 32},
            models=(ModelUse("teacher", 2, "57" * 32),),
        )
    )
    house.settle()
    stored = frozenset({"12" * 32, "13" * 32})
    for request in (
        PromoteModel(model="wine", job=job, stage="production", note="the first"),
        PromoteModel(model="wine", job=job, artifacts=("model.pt",), stage="production"),
        PromoteModel(model="wine", job=job, artifacts=("labels.txt",)),
        PromoteModel(model="other", job=job),
    ):
        house.ask(request)
        asked = [one for one in house.outputs if isinstance(one, LookUpModel)][-1]
        source = ModelSource(*house.stored(job), stored=stored)
        house.authority.found_model(asked.request, source)
        house.settle()
    house.request(StageModel(model="wine", version=3, stage="staging"))
    house.request(RemoveModel(model="wine", version=1))
    house.request(RemoveModel(model="other"))


def _play_services(house: SmallHouse) -> None:
    spec = ServiceSpec("encode", JobSpec(SCRIPT, needs=Needs(agent="attic")), function="encode", queue=3)
    house.request(DeployService(service=spec, on_behalf_of="anna"), "web")
    house.request(DeployService(service=replace(spec, concurrency=4)))
    house.request(RollBackService(service="encode"))
    house.wait(1)
    workers = [house.job(job) for job in sorted(house.authority.books.serving["encode"])]
    worker = next(job.id for job in workers if job.spec.serves is not None and job.spec.serves.version == 1)
    key = _take(house, worker)
    seq = house.authority.books.sightings["attic"].seq + 1
    report = AttemptReport(*key, Phase.RUNNING, ready=True)
    house.send(HEARTBEAT, Heartbeat(1, instance_of(1), seq, 4, 4, (report,)))
    house._seqs["attic", 1] = seq
    house.ask(CallService(service="encode", params={"text": "hi", "$ref": 1}))
    call = house.published(CALL)[-1].calls[-1]
    house.send(
        ANSWER, ServiceAnswers(1, (ServiceAnswer(call.call, *key, True, {"x": [1.5, None]}, seconds=0.25),))
    )
    house.settle()
    house.ask(CallService(service="encode"))
    call = house.published(CALL)[-1].calls[-1]
    failed = Failure("call", "ValueError: no", "Traceback ...")
    house.send(ANSWER, ServiceAnswers(1, (ServiceAnswer(call.call, *key, False, failure=failed),)))
    house.settle()
    house.request(StopService(service="encode"))
    house.wait(1)


def _play_schedules(house: SmallHouse) -> None:
    job = JobSpec(SCRIPT, {"$ref": 1}, needs=Needs(gpus=8))
    house.request(AddSchedule(schedule=ScheduleSpec("nightly", "*/5 * * * *", job)))
    sweep = SweepSpec(JobSpec(SCRIPT), {"x": FloatRange(0, 1)}, trials=2)
    spec = ScheduleSpec("search", "30 2 * * MON", sweep=sweep, zone="Europe/Berlin", missed="skip")
    house.request(AddSchedule(schedule=spec, on_behalf_of="anna"), "web")
    steps = PipelineSpec((Step("only", job),))
    house.request(AddSchedule(schedule=ScheduleSpec("steps", "*/5 * * * *", pipeline=steps)))
    house.wait(302)
    house.wait(302)
    house.request(RunSchedule(schedule="search"))
    house.request(PauseSchedule(schedule="nightly"))
    house.request(PauseSchedule(schedule="search"))
    house.request(ResumeSchedule(schedule="search"))
    house.request(AddSchedule(schedule=ScheduleSpec("gone", "0 0 1 1 *", job, overlap="allow")))
    house.request(RemoveSchedule(schedule="gone"))


def _take(house: SmallHouse, job: str, agent: str = "attic") -> Key:
    for _ in range(100):
        house.heartbeat(agent)
        house.settle()
        offer = house.authority.books.scheduler.offered.get(job)
        if offer is not None and offer[0] == agent:
            return house.take(job, agent)
        house.wait(1)
    raise AssertionError(f"{job} was never offered to {agent}")


if __name__ == "__main__":
    write(Path(__file__).parent / sys.argv[1], play())
