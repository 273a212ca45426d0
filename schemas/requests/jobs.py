"""Requests about jobs: submit them, steer them, forget them, ask about them."""

from typing import Annotated

from msgspec import Meta

from schemas.names import Count, JobId, Text, Token
from schemas.requests.base import Request
from schemas.specs import JobSpec

JobIds = Annotated[tuple[JobId, ...], Meta(min_length=1, max_length=5000)]


class Submit(Request, tag="submit", kw_only=True, frozen=True):
    jobs: Annotated[tuple[JobSpec, ...], Meta(min_length=1, max_length=5000)]


class Cancel(Request, tag="cancel", kw_only=True, frozen=True):
    jobs: JobIds


class Hold(Request, tag="hold", kw_only=True, frozen=True):
    jobs: JobIds


class Release(Request, tag="release", kw_only=True, frozen=True):
    jobs: JobIds


class Retry(Request, tag="retry", kw_only=True, frozen=True):
    """Make new jobs with the same specs and `retry_of`."""

    jobs: JobIds


class Delete(Request, tag="delete", kw_only=True, frozen=True):
    """Forget jobs that have ended, with results, progress and logs: all of them or, when one cannot, none."""

    jobs: JobIds


class Prune(Request, tag="prune", kw_only=True, frozen=True):
    """From the search process: let a running trial end early."""

    job: JobId
    #: Of the attempt that reported the values.
    token: Token
    why: Text
    step: Count | None = None


class Explain(Request, tag="explain", kw_only=True, frozen=True):
    """Why is it not running?"""

    job: JobId


class ShowStacks(Request, tag="show_stacks", kw_only=True, frozen=True):
    """Let a running job say where it is; lines of its log of the stream `stacks` answer. Changes nothing."""

    job: JobId
