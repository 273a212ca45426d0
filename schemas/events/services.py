"""Scripts that are called: deployed, called, stopped."""

from typing import Any

from schemas.events.base import Event, Version
from schemas.facts import Failure
from schemas.names import JsonObject, Name, Nonce, Seconds
from schemas.specs import ServiceSpec


class ServiceDeployed(Event, frozen=True):
    """A version of a service takes the calls from now on; workers follow as jobs."""

    service: Name
    version: Version
    spec: ServiceSpec
    by: Name


class ServiceRolledBack(Event, frozen=True):
    """An earlier version takes the calls again."""

    service: Name
    version: Version
    by: Name


class ServiceStopped(Event, frozen=True):
    """No call is taken any more; its versions are kept."""

    service: Name
    by: Name


class ServiceCalled(Event, frozen=True):
    """A call that was answered, recorded before the answer is out. Of nothing that HQ decides by."""

    service: Name
    version: Version
    call: Nonce
    by: Name
    agent: Name
    params: JsonObject
    ok: bool
    result: Any = None
    failure: Failure | None = None
    #: In the worker.
    seconds: Seconds = 0


ServiceEvent = ServiceDeployed | ServiceRolledBack | ServiceStopped
SERVICE_EVENTS: tuple[type[Event], ...] = ServiceEvent.__args__
