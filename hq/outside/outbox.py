"""What waits to be sent, for each notification: gathered, limited in rate, tried again. Pure.

    waiting -> (gathered, not too often) -> sending -> sent
                                               |-> failed: again after a pause that doubles

What is being sent stays what it is until it was taken, so that a receiver can tell a repeat by its
delivery id. All times are Unix seconds: what waits outlives a restart.
"""

import hashlib
from collections.abc import Iterable

from msgspec import Struct, field

from hq.outside.happenings import Happening

#: What waits for one notification. What is beyond is counted.
MOST_WAITING = 1000
FIRST_PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 3600.0
HOUR = 3600.0


class Lane(Struct):
    """What waits for one notification."""

    waiting: list[Happening] = field(default_factory=list)
    #: Happened, and are not among `waiting` as there were too many.
    left_out: int = 0
    #: When the first of what waits came.
    since: float = 0
    #: How many of the first of `waiting` are under way; 0: none.
    sending: int = 0
    #: Of `left_out`, those that the message under way tells of.
    sending_left_out: int = 0
    delivery: str = ""
    tries: int = 0
    not_before: float = 0
    #: Times of the messages of the last hour.
    sent: list[float] = field(default_factory=list)
    #: Of the last try, "" when it was taken.
    trouble: str = ""
    last_sent: float = 0

    def add(self, happening: Happening, now: float) -> None:
        """Let one more wait. One that waits already is not there twice."""
        if any(one.id == happening.id and one.what == happening.what for one in self.waiting[-50:]):
            return
        if len(self.waiting) >= MOST_WAITING:
            self.left_out += 1
            return
        if len(self.waiting) == self.sending:
            self.since = now
        self.waiting.append(happening)

    def due_at(self, gather_seconds: float, per_hour: int, now: float) -> float | None:
        """Return when the next message is to be sent; None while nothing waits."""
        if not self.waiting:
            return None
        if self.sending:
            return self.not_before
        # A clock that was set back must not hold back what waits.
        since = min(self.since, now)
        recent = sorted(at for at in self.sent if now - HOUR < at <= now)
        allowed = 0.0 if len(recent) < per_hour else recent[-per_hour] + HOUR
        return max(since + gather_seconds, allowed)

    def begin(self, name: str) -> list[Happening]:
        """Return what the next message is about; the same again after a failed try."""
        if not self.sending:
            self.sending, self.sending_left_out = len(self.waiting), self.left_out
            told = "/".join([name, *(f"{one.what}:{one.id}" for one in self.waiting)])
            self.delivery = hashlib.sha256(told.encode()).hexdigest()[:32]
        return self.waiting[: self.sending]

    def note_sent(self, now: float) -> None:
        """Forget what was under way: it was taken."""
        self.waiting = self.waiting[self.sending :]
        self.left_out -= self.sending_left_out
        self.sending = self.sending_left_out = self.tries = 0
        self.delivery = self.trouble = ""
        self.not_before, self.since, self.last_sent = 0.0, now, now
        self.sent = [*(at for at in self.sent if now - HOUR < at <= now), now]

    def note_failed(self, why: str, now: float) -> None:
        """Note that it was not taken: again after a pause."""
        self.trouble = why[:500]
        self.not_before = now + min(FIRST_PAUSE_SECONDS * 2**self.tries, LONGEST_PAUSE_SECONDS)
        self.tries = min(self.tries + 1, 30)


class Outbox(Struct):
    """Everything that is remembered over a restart."""

    #: Everything up to here in the log is in the lanes, or concerned nobody. None: nothing was read yet.
    position: int | None = None
    lanes: dict[str, Lane] = field(default_factory=dict)
    #: What was found wrong with the house and told, by what is wrong: since when.
    ill: dict[str, float] = field(default_factory=dict)

    def lane(self, name: str) -> Lane:
        """Return the lane of a notification."""
        return self.lanes.setdefault(name, Lane())

    def keep_only(self, names: Iterable[str]) -> None:
        """Forget the lanes of notifications that are no more."""
        wanted = set(names)
        self.lanes = {name: lane for name, lane in self.lanes.items() if name in wanted}
