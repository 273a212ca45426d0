"""The agent's side of the protocol's durations, in seconds. HQ's is in `hq.core.timing`."""

HEARTBEAT_SECONDS = 10.0
#: The agent counts a lease from when it sent the claim or heartbeat.
LEASE_SECONDS = 30.0
#: A claim that is unanswered this long is dropped.
CLAIM_SECONDS = 10.0
#: A grant on a standing claim is taken this long after the sending. HQ stops sooner to use one.
STANDING_SECONDS = 20.0
#: A change is told at once, but many changes in a row share a heartbeat.
CHANGE_SECONDS = 0.5
#: An attempt that waits behind others for longer is handed back.
HELD_SECONDS = 5.0
RESEND_FIRST_SECONDS = 1.0
RESEND_LONGEST_SECONDS = 30.0
#: A spool that could not be written is tried again this often.
RESPOOL_SECONDS = 5.0
#: While other work waits here, a result waits this long for more, to share a write, a message and a commit.
GATHER_SECONDS = 0.15
#: Reconnecting agents spread over this time when they are a thousand.
SPREAD_SECONDS = 3.0
SPREAD_AGENTS = 1000
#: Nothing is claimed for so long after a grant that nobody we trust has signed.
DOUBT_SECONDS = 30.0
#: How many attempts may wait per slot.
PREFETCH_LIMIT = 64
