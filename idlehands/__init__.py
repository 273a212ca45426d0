"""What people import and type: the Python client and the command line.

    import idlehands
    with idlehands.connect() as house:
        print(house.submit(pow, 2, 8).result())

Importing it loads nothing; what is used is loaded when it is used first.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from idlehands.calls.calling import Wishes
    from idlehands.calls.opening import ResultBroken, ResultUntrusted
    from idlehands.calls.packing import NotPicklable
    from idlehands.client.errors import ClientError, HqUnreachable, RequestRefused
    from idlehands.client.following import LogUpdate, ProgressUpdate, StatusUpdate
    from idlehands.client.house import House, connect
    from idlehands.client.house_async import AsyncHouse, AsyncJob, connect_async
    from idlehands.client.jobs import Job, JobFailure, NobodyTrusts, StillRunning
    from idlehands.client.loops import NothingToAsk, Search, Trial
    from idlehands.client.pipelines import Pipeline, PipelineUpdate
    from idlehands.client.services import Service
    from idlehands.client.sweeps import Sweep, SweepUpdate
    from idlehands.executor import Executor
    from schemas.specs import Limits, Needs

_WHERE = {
    "AsyncHouse": "idlehands.client.house_async",
    "AsyncJob": "idlehands.client.house_async",
    "ClientError": "idlehands.client.errors",
    "Executor": "idlehands.executor",
    "House": "idlehands.client.house",
    "HqUnreachable": "idlehands.client.errors",
    "Job": "idlehands.client.jobs",
    "JobFailure": "idlehands.client.jobs",
    "Limits": "idlehands.client.house",
    "LogUpdate": "idlehands.client.following",
    "Needs": "idlehands.client.house",
    "NobodyTrusts": "idlehands.client.jobs",
    "NothingToAsk": "idlehands.client.loops",
    "NotPicklable": "idlehands.calls.packing",
    "Pipeline": "idlehands.client.pipelines",
    "PipelineUpdate": "idlehands.client.pipelines",
    "ProgressUpdate": "idlehands.client.following",
    "RequestRefused": "idlehands.client.errors",
    "ResultBroken": "idlehands.calls.opening",
    "ResultUntrusted": "idlehands.calls.opening",
    "Search": "idlehands.client.loops",
    "StatusUpdate": "idlehands.client.following",
    "StillRunning": "idlehands.client.jobs",
    "Trial": "idlehands.client.loops",
    "Service": "idlehands.client.services",
    "Sweep": "idlehands.client.sweeps",
    "SweepUpdate": "idlehands.client.sweeps",
    "Wishes": "idlehands.calls.calling",
    "connect": "idlehands.client.house",
    "connect_async": "idlehands.client.house_async",
}

__all__ = [
    "AsyncHouse",
    "AsyncJob",
    "ClientError",
    "Executor",
    "House",
    "HqUnreachable",
    "Job",
    "JobFailure",
    "Limits",
    "LogUpdate",
    "Needs",
    "NobodyTrusts",
    "NotPicklable",
    "NothingToAsk",
    "Pipeline",
    "PipelineUpdate",
    "ProgressUpdate",
    "RequestRefused",
    "ResultBroken",
    "ResultUntrusted",
    "Search",
    "Service",
    "StatusUpdate",
    "StillRunning",
    "Sweep",
    "SweepUpdate",
    "Trial",
    "Wishes",
    "connect",
    "connect_async",
    "register_joblib",
]


def register_joblib() -> None:
    """Make the backend `idlehands` known to joblib. Safe to repeat."""
    import idlehands.joblib  # noqa: F401 - which it does when it is imported


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'idlehands' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return __all__
