"""Requests about pipelines as a whole."""

from schemas.names import PipelineId
from schemas.pipelines import PipelineSpec
from schemas.requests.base import Request


class SubmitPipeline(Request, tag="submit_pipeline", kw_only=True, frozen=True):
    """Submit all steps of a pipeline or, when one of them is refused, none."""

    pipeline: PipelineSpec


class RetryPipeline(Request, tag="retry_pipeline", kw_only=True, frozen=True):
    """Submit again, as a new pipeline, what of one that has ended did not succeed and what follows that."""

    pipeline: PipelineId


class CancelPipeline(Request, tag="cancel_pipeline", kw_only=True, frozen=True):
    """Cancel all steps of a pipeline that have not ended."""

    pipeline: PipelineId


class DeletePipeline(Request, tag="delete_pipeline", kw_only=True, frozen=True):
    """Forget a pipeline that has ended, with its own steps and all that they left."""

    pipeline: PipelineId
