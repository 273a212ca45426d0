"""Requests about services, calls of them included."""

from typing import Annotated

from msgspec import Meta, field

from schemas.names import JsonObject, Name
from schemas.requests.base import Request
from schemas.specs import ServiceSpec


class DeployService(Request, tag="deploy_service", kw_only=True, frozen=True):
    """Let a service be there, or a new version of it."""

    service: ServiceSpec


class RollBackService(Request, tag="roll_back_service", kw_only=True, frozen=True):
    """Let an earlier version of a service take the calls again."""

    service: Name
    #: None: the one deployed before the current one.
    version: Annotated[int, Meta(ge=1, le=2**31)] | None = None


class StopService(Request, tag="stop_service", kw_only=True, frozen=True):
    service: Name


class CallService(Request, tag="call", kw_only=True, frozen=True):
    """Call a service; the answer comes when the call has ended. Repeated with one id it is one call."""

    service: Name
    params: JsonObject = field(default_factory=dict)
    #: None: what the service was deployed with.
    deadline_seconds: Annotated[float, Meta(gt=0, le=3600)] | None = None


class ReadServices(Request, tag="read_services", kw_only=True, frozen=True):
    """The services, with their workers and how many calls run and wait."""

    #: Only this one.
    service: Name | None = None
