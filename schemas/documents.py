"""JSON Schemas (2020-12) of everything that people send, receive or find stored.

Each document stands alone: what it refers to is in its `$defs`. `python -m
bus.documents` writes them to `docs/schemas/`; a test fails when they are stale.
"""

from typing import Any

import msgspec

from schemas import events, facts, messages, requests, specs

DIALECT = "https://json-schema.org/draft/2020-12/schema"

#: File name in docs/schemas (without .json) and what it describes.
DOCUMENTS: dict[str, Any] = {
    "job-spec": specs.JobSpec,
    "sweep-spec": specs.SweepSpec,
    "request": requests.AnyRequest,
    "reply": messages.Reply,
    "attempt-result": facts.AttemptResult,
    "presence": messages.Presence,
    "heartbeat": messages.Heartbeat,
    "claims": messages.Claims,
    "declines": messages.Declines,
    "progress-batch": messages.ProgressBatch,
    "log-batch": messages.LogBatch,
    "results": messages.Results,
    "offers": messages.Offers,
    "grants": messages.Grants,
    "ack": messages.Ack,
    "hq-state": messages.HqState,
    "job-notice": messages.JobNotice,
    "job-progress": messages.JobProgress,
    "job-log": messages.JobLog,
    "sweep-notice": messages.SweepNotice,
    "deletion-notice": messages.DeletionNotice,
    "decision": events.Decision,
}


def build_schemas() -> dict[str, dict[str, Any]]:
    """Return each JSON Schema by its file name without `.json`."""
    return {name: _build(name, kind) for name, kind in DOCUMENTS.items()}


def _build(name: str, kind: Any) -> dict[str, Any]:
    (top,), definitions = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    return {"$schema": DIALECT, "$id": f"{name}.json", **top, "$defs": dict(sorted(definitions.items()))}
