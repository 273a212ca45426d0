"""Fold one event into one service. Deploying again after a stop goes on counting versions."""

from msgspec.structs import replace

from hq.core.moment import InvalidTransition, Moment
from hq.core.state import VERSIONS_KEPT, Service, ServiceVersion
from schemas.events import ServiceDeployed, ServiceEvent, ServiceRolledBack


def evolve_service(service: Service | None, event: ServiceEvent, moment: Moment) -> Service:
    """Return the service as it stands after `event`.

    One that reflects the event already, as a read model may at a start, stays as it is.

    Raises:
        InvalidTransition: If the event cannot follow.
    """
    if service is not None and service.position >= moment.position:
        return service
    if isinstance(event, ServiceDeployed):
        made = ServiceVersion(version=event.version, spec=event.spec, by=event.by, at=moment.at)
        before = () if service is None else service.versions
        return Service(
            name=event.service,
            version=event.version,
            is_running=True,
            versions=(*before, made)[-VERSIONS_KEPT:],
            position=moment.position,
            changed_at=moment.at,
        )
    if service is None:
        raise InvalidTransition(
            f"{type(event).__name__} for service {event.service}, which was never deployed"
        )
    changed = replace(service, position=moment.position, changed_at=moment.at)
    if not isinstance(event, ServiceRolledBack):
        return replace(changed, is_running=False)
    if service.find(event.version) is None:
        raise InvalidTransition(f"service {event.service} has no version {event.version} to roll back to")
    return replace(changed, version=event.version, is_running=True)
