"""The protocol's durations, in seconds. The agent's side is in `agents.core.timing`.

HQ's lease is longer than the agent's by the guard: the agent counts from when
it sent, HQ from when it handled.
"""

HEARTBEAT_SECONDS = 10.0
LEASE_SECONDS = 30.0
GUARD_SECONDS = 5.0
#: Exclusive leases are renewed only this long after the last proof of leadership.
LEADERSHIP_SECONDS = 15.0
OFFER_SECONDS = 5.0
#: A gap in HQ's loop longer than this renews every lease: agents may have called in vain.
LOOP_GAP_SECONDS = 5.0
#: An agent that knows nothing of a grant this long after the claim has dropped it.
CLAIM_SECONDS = 10.0
#: A standing claim is used this long: until the next heartbeat, and so much less than agents take it
#: that a grant has seconds to arrive.
STANDING_SECONDS = 12.0
#: An agent is offered work only if it was heard from within this time.
FRESH_SECONDS = 3 * HEARTBEAT_SECONDS

MAX_INTERRUPTIONS = 50
MAX_LOST_AGENTS = 2


def backoff_seconds(count: int, first: float = 1.0, longest: float = 60.0) -> float:
    """Return first, 2 x first, 4 x first, ... up to `longest` for count 1, 2, 3, ..."""
    if count < 1:
        return 0.0
    return float(min(longest, first * 2 ** min(count - 1, 30)))
