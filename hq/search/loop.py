"""What the search process does: asks which sweeps run, and proposes trials where some are missing.

    notice of a sweep or a trial, or 2 s passed --> ReadSweeps --> sweeps, and what is new in them
    its history is not all here yet             --> ReadSweeps again, at once
    sweep: live < parallel, proposed < trials   --> Propose(first = proposed)
    nothing can be chosen                       --> Propose(no trials, why)
    refused as stale, or no answer              --> ReadSweeps again

No I/O and no clock: inputs in, requests out. Lost requests cost two seconds; a
repeated one has the same key, so nothing is proposed twice.
"""

import logging
from collections.abc import Iterable
from typing import Any

import msgspec

from hq.search.choosing import Memory
from hq.search.samplers import CannotChoose
from schemas.messages import Reply
from schemas.names import SweepId
from schemas.requests import Propose, ReadPast, ReadSweeps
from schemas.specs import PastTrial, SweepSpec
from schemas.trials import Descent, KnownTrials, TrialEnd

READ_SECONDS = 2.0
#: Notices come in showers: one reading serves all that arrive within this time.
GATHER_SECONDS = 0.02
#: An answer that is older counts as lost.
PATIENCE_SECONDS = 2.0
MOST_PER_PROPOSAL = 200
MOST_PROPOSAL_BYTES = 96 * 1024
#: Of one reading; the others' turn comes when some have ended.
MOST_KNOWN = 1000
log = logging.getLogger(__name__)


class News(msgspec.Struct, frozen=True):
    """What happened in a sweep after what was known of it."""

    known: KnownTrials
    trials: tuple[dict[str, Any], ...] = ()
    ends: tuple[TrialEnd, ...] = ()
    #: Of a population: one for each of the trials.
    descents: tuple[Descent, ...] = ()


class SweepState(msgspec.Struct, frozen=True):
    """What HQ says of one running sweep."""

    sweep: SweepId
    spec: SweepSpec
    proposed: int
    live: int
    exhausted: bool = False
    ended: int = 0
    settled: int = 0
    why: str = ""
    news: News | None = None
    #: Trials added by hand, beside those that are chosen here.
    added: int = 0
    changes: int = 0
    paused: bool = False

    @property
    def chosen(self) -> int:
        """Return how many trials were chosen here."""
        return self.proposed - self.added


class SweepsAnswer(msgspec.Struct, frozen=True):
    """The result of `ReadSweeps`."""

    sweeps: tuple[SweepState, ...]
    more: bool = False


class PastAnswer(msgspec.Struct, frozen=True):
    """The result of `ReadPast`."""

    past: tuple[PastTrial, ...] = ()
    more: bool = False
    why: str = ""


Asked = ReadSweeps | ReadPast | Propose


class SearchLoop:
    """The pure loop. All times are monotonic seconds."""

    def __init__(self) -> None:
        self._read_at = 0.0
        #: When the reading under way was asked; None when there is none.
        self._asked_at: float | None = None
        self._again = False
        self._waiting = self._found_waiting = False
        #: What is known of the sweeps that run.
        self._memories: dict[SweepId, Memory] = {}
        self._found: set[SweepId] = set()
        self._is_lacking = False

    @property
    def wants_trial_ends(self) -> bool:
        """Tell whether the end of a trial would make room for another."""
        return self._waiting

    def next_wake(self, now: float) -> float:
        """Return how many seconds nothing needs to be done unless something arrives."""
        due = self._read_at if self._asked_at is None else self._asked_at + PATIENCE_SECONDS
        return max(due - now, 0.0)

    def notice(self, now: float) -> None:
        """Note that a sweep or one of its trials changed."""
        self._again = True
        if self._asked_at is None:
            self._read_at = min(self._read_at, now + GATHER_SECONDS)

    def connected(self, now: float) -> None:
        """Note that the broker is reached (again): what was asked before is lost."""
        self._asked_at = None
        self._read_at = now

    def tick(self, now: float) -> list[Asked]:
        """Return what to ask because of the time."""
        if self.next_wake(now) > 0:
            return []
        self._asked_at, self._again = now, False
        self._found_waiting = self._is_lacking = False
        self._found = set()
        return [self._read(None)]

    def answered(self, asked: Asked, reply: Reply, now: float) -> list[Asked]:
        """Return what to ask next, given HQ's answer to what was asked."""
        if isinstance(asked, Propose):
            if not reply.ok and reply.error is not None:
                log.info("proposal for %s refused: %s", asked.sweep, reply.error.message[:300])
            if reply.ok or (reply.error is not None and reply.error.code == "stale"):
                self.notice(now)
            return []
        if isinstance(asked, ReadPast):
            return self._take_past(asked, reply, now)
        if not reply.ok:
            log.warning("HQ does not tell its sweeps: %s", reply.error and reply.error.message[:300])
            self._end_reading(now)
            return []
        try:
            found = msgspec.convert(reply.result, SweepsAnswer)
        except msgspec.ValidationError as error:
            log.error("HQ's answer about sweeps cannot be understood: %s", error)
            self._end_reading(now)
            return []
        asks: list[Asked] = list(self._build_proposals(found.sweeps))
        self._found_waiting |= any(has_more(sweep) for sweep in found.sweeps)
        if found.more and found.sweeps:
            self._asked_at = now
            asks.append(self._read(found.sweeps[-1].sweep))
        else:
            self._waiting, self._found_waiting = self._found_waiting, False
            for gone in self._memories.keys() - self._found:
                del self._memories[gone]
            self._end_reading(now)
        return asks

    def _take_past(self, asked: ReadPast, reply: Reply, now: float) -> list[Asked]:
        memory = self._memories.get(asked.sweep)
        if memory is None or not reply.ok:
            return []
        try:
            found = msgspec.convert(reply.result, PastAnswer)
        except msgspec.ValidationError as error:
            found = PastAnswer(why=f"HQ's answer about its past cannot be understood: {error}")
        memory.learn_past(asked.after, found.past, found.more, found.why)
        if found.more and not found.why:
            return [ReadPast(sweep=asked.sweep, after=len(memory.past))]
        self.notice(now)
        return []

    def _end_reading(self, now: float) -> None:
        self._asked_at = None
        self._read_at = now + (0 if self._is_lacking else GATHER_SECONDS if self._again else READ_SECONDS)

    def _read(self, after: SweepId | None) -> ReadSweeps:
        known = {
            sweep: KnownTrials(len(memory.trials), len(memory.ends))
            for sweep, memory in self._memories.items()
            if memory.is_learning and sweep > (after or "")
        }
        return ReadSweeps(after=after, known=dict(sorted(known.items())[:MOST_KNOWN]))

    def _build_proposals(self, sweeps: Iterable[SweepState]) -> Iterable[Asked]:
        """Yield one proposal for each sweep that wants more trials."""
        for sweep in sweeps:
            self._found.add(sweep.sweep)
            memory = self._memories.get(sweep.sweep)
            grown = memory is None
            if memory is None or not memory.is_of(sweep.spec, sweep.settled):
                memory = Memory(sweep.sweep, sweep.spec, sweep.settled, memory)
                self._memories[sweep.sweep] = memory
            if sweep.news is not None:
                grown |= memory.learn(
                    sweep.news.known, sweep.news.trials, sweep.news.ends, sweep.news.descents
                )
            if not has_more(sweep):
                continue
            if memory.is_learning and not memory.knows(sweep.proposed, sweep.ended):
                # At once, as long as that brings something.
                self._is_lacking |= grown
                continue
            if memory.is_learning and not memory.is_past_whole:
                # Each time that the sweeps are read, until all of it is here: answers get lost.
                yield ReadPast(sweep=sweep.sweep, after=len(memory.past))
                if not memory.why_no_past:
                    continue
            proposal = propose(sweep, memory)
            if proposal is not None:
                yield proposal


def has_more(sweep: SweepState) -> bool:
    """Tell whether a sweep may have trials that were not proposed yet."""
    return not sweep.exhausted and not sweep.paused and sweep.chosen < sweep.spec.trials


def propose(sweep: SweepState, memory: Memory) -> Propose | None:
    """Return the next trials of one sweep, up to `parallel` live and `trials` in all; None if none."""
    spec = sweep.spec
    count = min(spec.parallel - sweep.live, spec.trials - sweep.chosen, MOST_PER_PROPOSAL)
    if not has_more(sweep) or count <= 0:
        return None
    try:
        chosen = memory.choose(sweep.proposed, count, sweep.added)
    except CannotChoose as error:
        return _explain(sweep, str(error))
    trials = _fitting(chosen.trials)
    if not trials and not chosen.exhausted:
        return None  # all members of a population are out
    exhausted = chosen.exhausted and len(trials) == len(chosen.trials)
    return Propose(
        # What is proposed follows from these, so a repeat has the same content.
        key=f"{sweep.sweep}-{sweep.proposed}-{len(trials)}" + (f"-{sweep.changes}" if sweep.changes else ""),
        sweep=sweep.sweep,
        first=sweep.proposed,
        trials=trials,
        exhausted=exhausted,
        changes=sweep.changes,
        descents=chosen.descents[: len(trials)],
    )


def _explain(sweep: SweepState, why: str) -> Propose | None:
    """Return the word that nothing can be chosen, as long as HQ does not say it.

    Without a key: HQ notes it once, and anew where a pause has taken its place.
    """
    if why == sweep.why:
        return None
    return Propose(sweep=sweep.sweep, first=sweep.proposed, trials=(), why=why, changes=sweep.changes)


def _fitting(trials: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
    """Return as many of the first trials as one message carries, one at least."""
    size = 0
    for number, params in enumerate(trials):
        size += len(msgspec.json.encode(params)) + 1
        if size > MOST_PROPOSAL_BYTES and number > 0:
            return trials[:number]
    return trials
