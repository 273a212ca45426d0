"""A check that schemathesis does beside its own: 503 is "not yet", and nothing else."""

from typing import Any

import schemathesis


@schemathesis.check
def unavailable_only_while_behind(ctx: Any, response: Any, case: Any) -> None:
    """Fail for a 503 that is not about a position that the read models have not reached."""
    if response.status_code == 503:
        # Nor is a service healthy before its first worker is ready.
        assert response.json()["code"] in ("not_caught_up", "not_ready"), response.text
