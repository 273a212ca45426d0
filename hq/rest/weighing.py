"""What trials are worth by their sweep's objectives, for lists: their values, or why they have none."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from hq.core.history import build_end
from schemas.objectives import objectives_of
from schemas.specs import SweepSpec
from schemas.states import JobStatus


def weigh_trials(
    spec: Mapping[str, Any], jobs: Iterable[Mapping[str, Any]], results: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return `{values, violations, why}` of each job that succeeded; nothing where nothing is searched for.

    Args:
        spec: Of the sweep, as it is stored.
        jobs: Its trials' jobs, as they are stored.
        results: Stored accepted results, by job.
    """
    try:
        searched = msgspec.convert(spec, SweepSpec)
    except msgspec.ValidationError:
        # Written by a newer HQ: its trials are shown without.
        return {}
    if not objectives_of(searched):
        return {}
    found: dict[str, dict[str, Any]] = {}
    for job in jobs:
        if job["status"] != JobStatus.SUCCEEDED:
            continue
        worth = build_end(searched, 0, JobStatus.SUCCEEDED, results.get(job["_id"], {}).get("result")).worth
        found[job["_id"]] = {
            "values": worth.values,
            "violations": worth.violations,
            "why": f"without a value: {worth.why}" if worth.why else "",
        }
    return found
