"""Answers about services and their calls."""

from typing import Any

from msgspec import Struct

from schemas.names import JsonObject
from schemas.specs import ServiceSpec


class DeployedVersion(Struct, frozen=True):
    version: int
    by: str
    at: float


class ServiceWorker(Struct, frozen=True):
    job: str
    agent: str | None
    version: int
    status: str
    is_ready: bool


class ServiceRow(Struct, frozen=True, kw_only=True):
    service: str
    version: int
    is_running: bool
    is_healthy: bool
    #: Why no worker is ready.
    why: str
    function: str | None
    script: str
    min_warm: int
    concurrency: int
    queue: int
    deadline_seconds: float
    log: bool
    changed_at: float
    versions: tuple[DeployedVersion, ...]
    workers: tuple[ServiceWorker, ...]
    running: int
    waiting: int
    calls: int
    failures: int
    refused: int
    median_seconds: float | None
    p95_seconds: float | None
    #: How many calls were answered in each of the last minutes.
    minutes: tuple[int, ...]


class ServiceDetail(ServiceRow, frozen=True, kw_only=True):
    spec: ServiceSpec


class Services(Struct, frozen=True):
    services: tuple[ServiceRow, ...]
    #: There are more than fit one answer.
    more: bool


class ServiceHealth(Struct, frozen=True):
    service: str
    version: int
    #: How many workers.
    ready: int


class ServiceChanged(Struct, frozen=True, kw_only=True, omit_defaults=True):
    service: str
    position: int
    version: int | None = None


class Called(Struct, frozen=True, kw_only=True):
    """What a call was answered."""

    call: str
    agent: str
    #: In the worker.
    seconds: float
    result: Any


class CallTaken(Struct, frozen=True):
    """The result will be posted; this id comes with it."""

    callback: str


class Document(Struct, frozen=True):
    """An OpenAPI 3.1 document."""

    openapi: str
    info: JsonObject
    paths: JsonObject
