"""What HQ says of its services: versions, workers, calls."""

from typing import Any

import msgspec

from hq.core.bookkeeping import Bookkeeping
from hq.core.call_figures import Figures
from hq.core.calls import Calls
from hq.core.state import Service
from hq.core.workers import Workers
from schemas.requests import ReadServices

#: All of them must fit one message; of each, the spec is in its own answer.
_BYTES_AT_MOST = 200 * 1024


def read_services(
    request: ReadServices, books: Bookkeeping, calls: Calls, workers: Workers, now: float
) -> dict[str, Any]:
    """Return the services by name, or the one that was asked for; an unknown one is left out."""
    wanted = [
        service for name, service in sorted(books.state.services.items()) if request.service in (None, name)
    ]
    shown: list[dict[str, Any]] = []
    room = _BYTES_AT_MOST
    for service in wanted:
        view = _view(service, books, calls, workers, now)
        if request.service is not None:
            view["spec"] = msgspec.to_builtins(service.spec)
        room -= len(msgspec.json.encode(view))
        if room < 0:
            break
        shown.append(view)
    return {"services": shown, "more": len(shown) < len(wanted)}


def _view(service: Service, books: Bookkeeping, calls: Calls, workers: Workers, now: float) -> dict[str, Any]:
    name, spec = service.name, service.spec
    figures = calls.figures.get(name, Figures())
    ready = {key[0]: sighting.name for sighting, key, _ in calls.ready_workers(name)}
    jobs = [books.state.jobs[job] for job in sorted(books.serving.get(name, ()))]
    return {
        "service": name,
        "version": service.version,
        "is_running": service.is_running,
        "is_healthy": service.is_running and bool(ready),
        "why": workers.why(name),
        "function": spec.function,
        "script": spec.job.script.name or spec.job.script.entry,
        "min_warm": spec.min_warm,
        "concurrency": spec.concurrency,
        "queue": spec.queue,
        "deadline_seconds": spec.deadline_seconds,
        "log": spec.log,
        "changed_at": service.changed_at,
        "versions": [{"version": one.version, "by": one.by, "at": one.at} for one in service.versions],
        "workers": [
            {
                "job": job.id,
                "agent": job.spec.needs.agent,
                "version": job.spec.serves.version if job.spec.serves is not None else 0,
                "status": str(job.status),
                "is_ready": job.id in ready,
            }
            for job in jobs
        ],
        "running": calls.running(name),
        "waiting": calls.waiting(name),
        **figures.show(now),
    }
