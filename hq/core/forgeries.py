"""Results without the right signature: somebody plays an agent.

However many come, the audit log gets few notes of them.
"""

import hashlib

from bus import topics
from bus.port import Refusal
from bus.signing import FORGERIES
from hq.core.refusals import Kind, Refusals, Report
from schemas.audit import AuditNote


class Forgeries:
    """Counts what was forged, and words the notes.

    Args:
        instance: Of this HQ: the notes' ids are made from it.
    """

    def __init__(self, instance: str) -> None:
        self._instance = instance
        self._refusals = Refusals()

    def count(self, refusal: Refusal, now: float, wall: float) -> None:
        """Count a refused message, if it is a result that was forged."""
        if refusal.topic is topics.RESULT and refusal.reason in FORGERIES:
            agent = refusal.names.get("agent", "")
            self._refusals.count(Kind("result.refused", "bus", agent), refusal.reason, now, wall)

    def take_notes(self, now: float, position: int) -> list[AuditNote]:
        """Return what the decision at `position` is to note, and forget it."""
        return [self._note(report, position) for report in self._refusals.take_due(now)]

    def _note(self, report: Report, position: int) -> AuditNote:
        kind = report.kind
        # No randomness in here: the id follows from where it stands in the log.
        seed = f"{self._instance}/{position}/{kind}"
        return AuditNote(
            hashlib.sha256(seed.encode()).hexdigest()[:32],
            report.at,
            kind.what,
            subject=kind.who,
            source=kind.source,
            outcome="refused",
            count=report.times,
            detail=report.detail,
        )
