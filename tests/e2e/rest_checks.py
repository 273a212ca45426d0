"""A check that schemathesis does beside its own: 503 is "not yet", and nothing else."""

from typing import Any

import schemathesis


@schemathesis.check
def unavailable_only_while_behind(ctx: Any, response: Any, case: Any) -> None:
    """Fail for a 503 that is not about a position that the read models have not reached."""
    if response.status_code == 503:
        assert response.json()["code"] == "not_caught_up", response.text
