"""Scenes of the recorded house: the audit log, pipelines, models, services and schedules."""

from msgspec.structs import replace

from bus.topics import ANSWER, CALL, HEARTBEAT
from hq.core.decide.models import Source as ModelSource
from hq.core.outputs import LookUpModel
from schemas.audit import AuditNote
from schemas.facts import Artifact, AttemptResult, Failure, ModelUse
from schemas.messages import AttemptReport, Heartbeat, ServiceAnswer, ServiceAnswers
from schemas.pipelines import PipelineSpec, Step
from schemas.requests import (
    AddSchedule,
    Audit,
    CallService,
    Cancel,
    CancelPipeline,
    DeletePipeline,
    DeployService,
    PauseSchedule,
    PromoteModel,
    RemoveModel,
    RemoveSchedule,
    ResumeSchedule,
    RetryPipeline,
    RollBackService,
    RunSchedule,
    StageModel,
    StopService,
    SubmitPipeline,
)
from schemas.schedules import ScheduleSpec
from schemas.specs import FloatRange, JobSpec, Needs, ServiceSpec, Source, SweepSpec
from schemas.states import Outcome, Phase
from tests.golden.taking import SCRIPT, take
from tests.unit.hq.core.small_house import SmallHouse, instance_of


def play_audit(house: SmallHouse) -> None:
    note = AuditNote("5" * 32, house.wall, "login.refused", source="192.168.1.7", outcome="refused", count=40)
    house.request(Audit(note=note, key=note.id), "web")


def play_pipelines(house: SmallHouse) -> None:
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


def play_models(house: SmallHouse) -> None:
    spec = JobSpec(SCRIPT, {"depth": 3, "data": "data://wine"}, source=Source("ab" * 20, True, "78" * 32))
    (job,) = house.submit(spec)
    key = take(house, job)
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


def play_services(house: SmallHouse) -> None:
    spec = ServiceSpec("encode", JobSpec(SCRIPT, needs=Needs(agent="attic")), function="encode", queue=3)
    house.request(DeployService(service=spec, on_behalf_of="anna"), "web")
    house.request(DeployService(service=replace(spec, concurrency=4)))
    house.request(RollBackService(service="encode"))
    house.wait(1)
    workers = [house.job(job) for job in sorted(house.authority.books.serving["encode"])]
    worker = next(job.id for job in workers if job.spec.serves is not None and job.spec.serves.version == 1)
    key = take(house, worker)
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


def play_schedules(house: SmallHouse) -> None:
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
