"""What follows from requests to deploy, roll back and stop services."""

import msgspec
from msgspec.structs import replace

from hq.core.decide.decided import Decided
from hq.core.decide.refused import Refused
from hq.core.decide.specs import check_spec
from hq.core.decide.waiting import check_alone
from hq.core.state import Service, State
from schemas.events import ServiceDeployed, ServiceRolledBack, ServiceStopped
from schemas.requests import DeployService, RollBackService, StopService
from schemas.specs import JobSpec, Serves, ServiceSpec

#: Its last versions are one document of the read models, and one event each.
MAX_SERVICE_BYTES = 64 * 1024
SERVICES_AT_MOST = 200


def decide_service(
    state: State, submitter: str, request: DeployService | RollBackService | StopService
) -> Decided:
    """Return the events and the answer of a request about a service.

    Raises:
        Refused: With a code and words for whoever asked.
    """
    match request:
        case DeployService(service=spec):
            return _deploy(state, submitter, spec)
        case RollBackService(service=name, version=version):
            return _roll_back(find_service(state, name), submitter, version)
        case StopService(service=name):
            if not find_service(state, name).is_running:
                raise Refused("already_stopped", f"service {name} is stopped already")
            return [ServiceStopped(name, submitter)], {"service": name}


def find_service(state: State, name: str) -> Service:
    """Return a service.

    Raises:
        Refused: If there is none.
    """
    service = state.services.get(name)
    if service is None:
        raise Refused("unknown_service", f"there is no service {name}: `idlehands services` lists all")
    return service


def _deploy(state: State, submitter: str, spec: ServiceSpec) -> Decided:
    _check(spec)
    known = state.services.get(spec.name)
    if known is None and len(state.services) >= SERVICES_AT_MOST:
        raise Refused("too_many", f"there are {SERVICES_AT_MOST} services already, stopped ones included")
    version = 1 if known is None else known.versions[-1].version + 1
    return [ServiceDeployed(spec.name, version, spec, submitter)], {"service": spec.name, "version": version}


def _check(spec: ServiceSpec) -> None:
    job = spec.job
    check_spec(job)
    check_alone(job, "a service's job")
    if job.within:
        raise Refused("bad_spec", "a service's job is within no limit: its workers only wait for calls")
    if job.params or job.expires or job.not_before or job.exclusive or job.artifacts or job.keep_stdout:
        raise Refused(
            "bad_spec",
            "a service's job has no params, artifacts, keep_stdout, exclusive, not_before or expires: "
            "parameters come with each call",
        )
    if job.needs.agent is not None and spec.min_warm > 1:
        raise Refused("bad_spec", f"on {job.needs.agent} alone there is one worker: min_warm must be 1")
    size = len(msgspec.json.encode(spec))
    if size > MAX_SERVICE_BYTES:
        raise Refused("too_big", f"the spec has {size} bytes, at most {MAX_SERVICE_BYTES}")


def _roll_back(service: Service, submitter: str, version: int | None) -> Decided:
    if version is None:
        earlier = [one.version for one in service.versions if one.version < service.version]
        if not earlier:
            raise Refused("unknown_version", f"version {service.version} of {service.name} is the first")
        version = earlier[-1]
    if service.find(version) is None:
        kept = ", ".join(str(one.version) for one in service.versions)
        raise Refused("unknown_version", f"{service.name} has no version {version}; there are {kept}")
    if version == service.version and service.is_running:
        raise Refused("already_there", f"version {version} of {service.name} takes the calls already")
    answer = {"service": service.name, "version": version}
    return [ServiceRolledBack(service.name, version, submitter)], answer


def build_worker(service: Service, agent: str) -> JobSpec:
    """Return the spec of a worker of the current version on a machine."""
    spec = service.spec
    return replace(
        spec.job,
        name=f"service {service.name} v{service.version}",
        needs=replace(spec.job.needs, agent=agent),
        priority=100,
        max_starts=200,
        serves=Serves(service.name, service.version, spec.function, spec.concurrency),
    )
