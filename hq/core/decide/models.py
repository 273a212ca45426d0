"""What follows from requests to promote, stage and remove versions of models."""

import msgspec
from msgspec import Struct

from hq.core.decide.decided import Decided
from hq.core.decide.refused import Refused
from hq.core.state import Job, Model, State, Sweep
from schemas.events import ModelRegistered, ModelRemoved, ModelStaged
from schemas.facts import Artifact, AttemptResult
from schemas.registry import Provenance, Stage, hash_files, plain_numbers
from schemas.requests import PromoteModel, RemoveModel, StageModel
from schemas.states import JobStatus

MODELS_AT_MOST = 500
VERSIONS_AT_MOST = 200
#: Of all versions of a model, which are one document of the read models: BSON may take six times as much.
MAX_MODEL_BYTES = 1024 * 1024
MAX_SPEC_BYTES = 64 * 1024
MAX_METRICS_BYTES = 16 * 1024


class Source(Struct, frozen=True):
    """What was found of the job that is promoted. None: there is no such thing."""

    job: Job | None = None
    result: AttemptResult | None = None
    #: Who ran it.
    agent: str = ""
    sweep: Sweep | None = None
    #: Of the result's artifacts, those whose content is stored.
    stored: frozenset[str] = frozenset()


def decide_model(
    state: State, submitter: str, request: PromoteModel | StageModel | RemoveModel, source: Source | None
) -> Decided:
    """Return the events and the answer of a request about a model.

    Raises:
        Refused: With a code and words for whoever asked.
    """
    match request:
        case PromoteModel():
            return _promote(state, submitter, request, source or Source())
        case StageModel(model=name, version=version, stage=stage):
            return _stage(_find(state, name), submitter, version, stage)
        case RemoveModel(model=name, version=version):
            return _remove(_find(state, name), submitter, version)


def _find(state: State, name: str) -> Model:
    model = state.models.get(name)
    if model is None or not model.versions:
        raise Refused("unknown_model", f"there is no model {name}: `idlehands models list` shows all")
    return model


def _promote(state: State, by: str, request: PromoteModel, source: Source) -> Decided:
    job, result = _check_source(request, source)
    files = _choose_files(request, result, source.stored)
    model = state.models.get(request.model)
    if model is None and sum(bool(one.versions) for one in state.models.values()) >= MODELS_AT_MOST:
        raise Refused("too_many", f"there are {MODELS_AT_MOST} models already: remove some")
    if model is not None and len(model.versions) >= VERSIONS_AT_MOST:
        raise Refused("too_many", f"{request.model} has {VERSIONS_AT_MOST} versions already: remove old ones")
    event = ModelRegistered(
        model=request.model,
        version=1 if model is None else model.latest + 1,
        files=files,
        sha256=hash_files(files),
        lineage=_describe(job, result, source),
        by=by,
        stage=request.stage,
        note=request.note,
    )
    _check_size(event, model)
    answer = {
        "model": event.model,
        "version": event.version,
        "stage": event.stage,
        "sha256": event.sha256,
        "job": job.id,
        "files": [file.name for file in files],
    }
    return [event], answer


def _check_source(request: PromoteModel, source: Source) -> tuple[Job, AttemptResult]:
    if (request.job is None) == (request.sweep is None):
        raise Refused("bad_data", "a model comes from a job or from a sweep: name one of the two")
    job = source.job
    if request.sweep is not None and job is None:
        if source.sweep is None:
            raise Refused("unknown_sweep", f"no sweep {request.sweep}: it never existed or was deleted")
        why = (
            "it has several objectives, so no one trial is best"
            if len(source.sweep.spec.objectives) > 1
            else "no trial of it has succeeded with a value"
        )
        raise Refused("no_best", f"sweep {request.sweep} has no best trial: {why}. Name a trial's job")
    if job is None:
        raise Refused("unknown_job", f"no job {request.job}: it never existed or was deleted")
    if source.result is None or job.status not in (JobStatus.SUCCEEDED, JobStatus.PRUNED):
        raise Refused(
            "not_succeeded", f"job {job.id} is {job.status}: only what has succeeded can be a model"
        )
    return job, source.result


def _choose_files(
    request: PromoteModel, result: AttemptResult, stored: frozenset[str]
) -> tuple[Artifact, ...]:
    there = {file.name: file for file in result.artifacts}
    names = tuple(dict.fromkeys(request.artifacts)) or tuple(there)
    if not names:
        raise Refused(
            "no_artifacts",
            f"job {result.job} kept no files: idlehands.save(...) in the script, or `--artifact 'GLOB'`, "
            "keeps some",
        )
    missing = [name for name in names if name not in there]
    if missing:
        has = ", ".join(sorted(there)[:10]) or "none"
        raise Refused("unknown_artifact", f"job {result.job} has no file {missing[0][:100]!r}; it has: {has}")
    lost = [name for name in names if there[name].sha256 not in stored]
    if lost:
        raise Refused("no_content", f"the content of {lost[0]!r} is not stored any more")
    return tuple(there[name] for name in names)


def _describe(job: Job, result: AttemptResult, source: Source) -> Provenance:
    size = len(msgspec.json.encode(job.spec))
    if size > MAX_SPEC_BYTES:
        raise Refused(
            "too_big",
            f"the spec of job {job.id} has {size} bytes, and a model's lineage at most {MAX_SPEC_BYTES}",
        )
    metrics = result.result
    if metrics is not None and len(msgspec.json.encode(metrics)) > MAX_METRICS_BYTES:
        metrics = plain_numbers(metrics)
        if len(msgspec.json.encode(metrics)) > MAX_METRICS_BYTES:
            metrics = None
    return Provenance(
        job=job.id,
        spec=job.spec,
        submitter=job.submitter,
        agent=source.agent,
        metrics=metrics,
        result_blob=result.result_blob,
        environment=result.environment,
        datasets=result.datasets,
        sweep=job.spec.sweep,
        sweep_name="" if source.sweep is None else source.sweep.spec.name,
        submitted_at=job.submitted_at,
        ended_at=job.ended_at or 0,
    )


def _check_size(event: ModelRegistered, model: Model | None) -> None:
    size = len(msgspec.json.encode((event, model)))
    if size > MAX_MODEL_BYTES:
        raise Refused(
            "too_big",
            f"all versions of {event.model} would have {size} bytes of lineage, at most {MAX_MODEL_BYTES}: "
            "remove old ones",
        )


def _stage(model: Model, by: str, version: int, stage: Stage) -> Decided:
    found = model.find(version)
    if found is None:
        raise _unknown_version(model, version)
    if found.stage == stage:
        where = "in no stage" if stage == "none" else stage if stage == "archived" else f"in {stage}"
        raise Refused("already_there", f"version {version} of {model.name} is {where} already")
    event = ModelStaged(model.name, version, stage, by)
    stepped = [one.version for one in model.versions if one.stage == stage and stage != "none"]
    return [event], {
        "model": model.name,
        "version": version,
        "stage": stage,
        # Which stepped back for it.
        "archived": [] if stage == "archived" else stepped,
    }


def _remove(model: Model, by: str, version: int | None) -> Decided:
    gone = [one for one in model.versions if version in (None, one.version)]
    if not gone:
        raise _unknown_version(model, version or 0)
    held = [one.version for one in gone if one.stage == "production"]
    if held:
        raise Refused(
            "in_production",
            f"version {held[0]} of {model.name} is in production: "
            f"`idlehands models stage {model.name}@{held[0]} archived` takes it out, then it can be removed",
        )
    numbers = tuple(one.version for one in gone)
    return [ModelRemoved(model.name, numbers, by)], {"model": model.name, "removed": list(numbers)}


def _unknown_version(model: Model, version: int) -> Refused:
    there = ", ".join(str(one.version) for one in model.versions[-20:])
    return Refused("unknown_version", f"model {model.name} has no version {version}; there are {there}")
