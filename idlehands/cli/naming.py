"""What people call a job."""

from typing import Any


def name_of(row: dict[str, Any]) -> str:
    """Return what people call a job."""
    spec = row["spec"]
    name = str(spec.get("name") or spec["script"].get("name") or spec["script"]["entry"])
    trial = spec.get("trial")
    # HQ calls a trial "SWEEP 3" already when the sweep's jobs have no name of their own.
    return name if trial is None or name.endswith(f" {trial}") else f"{name} #{trial}"
