"""What a client reads over REST: jobs, logs, sweeps, results, machines, blobs."""

from collections.abc import Iterator
from typing import Any

from idlehands.client.errors import RequestRefused
from idlehands.client.rest import Rest
from schemas.registry import parse_reference


class Reading:
    """The reading half of a client. All of it raises `RequestRefused` and `HqUnreachable`."""

    @property
    def rest(self) -> Rest:
        """REST of the house."""
        raise NotImplementedError

    @property
    def changed_at(self) -> int:
        """The log position of the newest change that was made through this client; 0 before the first."""
        return 0

    def jobs(self, **query: Any) -> Iterator[dict[str, Any]]:
        """Yield jobs, newest first; filter by status, sweep, submitter, agent."""
        return self.rest.pages("/jobs", "jobs", **query)

    def job(self, job: str, *, at_least: int | None = None) -> dict[str, Any]:
        """Return one job with its attempts and results, reflecting at least that log position."""
        return self._one(f"/jobs/{job}", at_least)

    def logs(self, job: str) -> Iterator[dict[str, Any]]:
        """Yield the stored pieces of a job's log, oldest first."""
        return self.rest.pages(f"/jobs/{job}/logs", "logs", limit=1000)

    def log_page(self, job: str, *, after: str | None = None) -> dict[str, Any]:
        """Return a piece of a job's log: `{"logs": [...], "next": cursor}`; ask on with `next`."""
        return dict(self.rest.get(f"/jobs/{job}/logs", after=after, limit=1000))

    def progress(self, job: str, *, after: int | None = None) -> dict[str, Any]:
        """Return the metric points of a job's latest attempt."""
        return dict(self.rest.get(f"/jobs/{job}/progress", after=after))

    def usage(self, job: str) -> list[dict[str, Any]]:
        """Return what a job's latest attempt used of its machine: points of `system/cpu` and the like."""
        return list(self.rest.get(f"/jobs/{job}/progress", resources="true")["points"])

    def sweep(self, sweep: str, *, at_least: int | None = None) -> dict[str, Any]:
        """Return one sweep, reflecting at least that log position."""
        return self._one(f"/sweeps/{sweep}", at_least)

    def sweeps(self, **query: Any) -> Iterator[dict[str, Any]]:
        """Yield sweeps, newest first; filter by status, project, tag, words (`q`)."""
        return self.rest.pages("/sweeps", "sweeps", **query)

    def trials(self, sweep: str, *, at_least: int | None = None) -> Iterator[dict[str, Any]]:
        """Yield a sweep's trials in order, with parameters, status and result."""
        return self.rest.pages(f"/sweeps/{sweep}/trials", "trials", at_least=at_least)

    def results(self, **query: Any) -> Iterator[dict[str, Any]]:
        """Yield results, best first for a sweep with a metric; filter by sweep, sort by any number."""
        return self.rest.pages("/results", "results", **query)

    def pipelines(self) -> Iterator[dict[str, Any]]:
        """Yield pipelines, newest first, each with how it stands."""
        return self.rest.pages("/pipelines", "pipelines")

    def pipeline(self, pipeline: str, *, at_least: int | None = None) -> dict[str, Any]:
        """Return one pipeline with its steps, how each stands, and why."""
        return dict(self.rest.get(f"/pipelines/{pipeline}", at_least=at_least))

    def models(self) -> Iterator[dict[str, Any]]:
        """Yield the registered models by name."""
        return self.rest.pages("/models", "models")

    def model(self, reference: str, *, at_least: int | None = None) -> dict[str, Any]:
        """Return one version of a model, with files and lineage: `wine`, `wine@3`, `wine@production`.

        Raises:
            ValueError: If the reference cannot be understood.
        """
        asked = parse_reference(reference)
        path = f"/models/{asked.name}/versions/{asked.version or 'default'}"
        return dict(self.rest.get(path, at_least=at_least))

    def agents(self) -> list[dict[str, Any]]:
        """Return every machine: what it is and what it said last."""
        return list(self.rest.pages("/agents", "agents"))

    def read_certificate(self) -> str:
        """Return the newest certificate of this machine, as PEM, if it joined by pairing."""
        return str(self.rest.get("/certificate")["certificate"])

    def put_blob(self, content: bytes) -> str:
        """Store content and return its sha256."""
        return self.rest.put_blob(content)

    def get_blob(self, sha256: str) -> bytes:
        """Return content by its sha256."""
        return self.rest.get_blob(sha256)

    def _one(self, path: str, at_least: int | None) -> dict[str, Any]:
        """Return what is at a path, also when it was made through this client a moment ago."""
        try:
            return dict(self.rest.get(path, at_least=at_least))
        except RequestRefused as refused:
            if refused.code != "not_found" or at_least is not None or not self.changed_at:
                raise
            return dict(self.rest.get(path, at_least=self.changed_at))
