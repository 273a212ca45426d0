"""Requests about the registry of models."""

from typing import Annotated

from msgspec import Meta

from schemas.names import ArtifactName, JobId, ModelName, SweepId
from schemas.registry import ModelVersion, Stage
from schemas.requests.base import Request


class PromoteModel(Request, tag="promote_model", kw_only=True, frozen=True):
    """Register what a job left behind, or the best trial of a sweep, as the next version of a model."""

    model: ModelName
    #: One of the two.
    job: JobId | None = None
    sweep: SweepId | None = None
    #: Names of its artifacts; none: all of them.
    artifacts: Annotated[tuple[ArtifactName, ...], Meta(max_length=200)] = ()
    stage: Stage = "none"
    note: Annotated[str, Meta(max_length=2000)] = ""


class StageModel(Request, tag="stage_model", kw_only=True, frozen=True):
    """Give a version of a model another stage."""

    model: ModelName
    version: ModelVersion
    stage: Stage


class RemoveModel(Request, tag="remove_model", kw_only=True, frozen=True):
    """Forget a version of a model, or all; none that is in production."""

    model: ModelName
    version: ModelVersion | None = None
