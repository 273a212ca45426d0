"""Which reported checkpoint becomes the one that the next attempt goes on from.

Only that of the newest token counts, whether its lease is still there or not:
an attempt that was replaced must not put the job back to where it stood.
"""

from hq.core.state import State
from schemas.events import CheckpointStored
from schemas.facts import Checkpoint


def decide_checkpoint(
    state: State, agent: str, job_id: str, token: int, checkpoint: Checkpoint | None
) -> CheckpointStored | None:
    """Return the event of a checkpoint that an agent reports for an attempt; None when it changes nothing."""
    job = state.jobs.get(job_id)
    if checkpoint is None or job is None or job.checkpoint == checkpoint:
        return None
    if not job.token == token == checkpoint.token:
        return None
    attempt = job.attempt(token)
    if attempt is None or attempt.agent != agent:
        return None
    return CheckpointStored(job_id, checkpoint)
