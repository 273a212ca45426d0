"""Sweeps whose trials are run by somebody's own loop: asked for, and told of."""

from schemas.specs import ScriptRef

#: What such a sweep's job names as its script: nothing is ever run.
OWN_LOOP = ScriptRef("0" * 64, "loop", "own loop")
#: How long a loop may say nothing of a trial, where its sweep's `limits.wall_seconds` does not say.
TELL_SECONDS = 24 * 3600.0
