"""Checks of leases and slots, each part in a life of its own, because a lease takes its 30 seconds.

`EXCLUSIVE` and `ORDINARY` are two parts that run side by side.
"""

import itertools

from idlehands.conformance.bench import LONGEST_GAP_SECONDS, Bench
from idlehands.conformance.desk import LEASE_SECONDS
from idlehands.conformance.verdicts import Check, Failed, NotApplicable, asks
from idlehands.conformance.work import Task
from schemas.states import Phase

#: More slots than that are not filled.
_SLOTS = 8
#: A held attempt without a slot is handed back after 5 s.
_HELD_SECONDS = 7.5
#: HQ waits for 5 s more than the agent. A busy machine may be late with a signal.
_TOLERANCE_SECONDS = 2.0


@asks("begins-an-exclusive-job", "P43", "must", "an exclusive job is claimed and begins like any other")
def begins_exclusive(bench: Bench) -> None:
    bench.start()
    bench.pause(0.5)
    task = bench.workshop.task(60.0, exclusive=True)
    bench.desk.left_out.add(task.job)
    bench.claim(task)
    bench.first = task
    bench.grant(task)


@asks("keeps-to-its-slots", "P40 P41", "must", "no more scripts run at a time than it has slots")
def keeps_to_its_slots(bench: Bench) -> None:
    slots = bench.heartbeat.slots
    if slots > _SLOTS:
        raise NotApplicable(f"it has {slots} slots; start it with {_SLOTS} or fewer to try this")
    fillers = [bench.begin(14.0) for _ in range(slots - 1)]
    more = [_offer(bench) for _ in range(2)]
    for task in more:
        if task is not None:
            bench.desk.grant(bench.desk.build_grant(task, bench.boot))
    deadline = bench.desk.now() + _HELD_SECONDS
    while bench.desk.now() < deadline:
        bench.pause(0.1)
        if begun := sum(bench.workshop.begun(task) for task in more if task is not None):
            raise Failed(f"{slots} scripts ran in {slots} slots, and {begun} more began")
    for task in more:
        if task is not None and not bench.desk.declines(task):
            raise Failed("it claimed a job without a free slot, and did not hand it back within 5 s")
    for task in fillers:
        bench.result(task, 20.0)


@asks(
    "kills-exclusive-in-time", "P48 P47", "must", "an exclusive script is dead 30 s after the claim's sending"
)
def kills_exclusive_in_time(bench: Bench) -> None:
    if bench.first is None or not bench.workshop.begun(bench.first):
        raise Failed("not tried, because no exclusive job began")
    task, size = bench.first, 0
    limit = task.claimed_at + LEASE_SECONDS + _TOLERANCE_SECONDS
    last = bench.desk.now()
    while bench.desk.now() < limit + 1.0:
        if (now := bench.workshop.size(task)) != size:
            size, last = now, bench.desk.now()
        bench.pause(0.05)
        if bench.desk.now() - last > 3.0:
            break
    if last > limit:
        raise Failed(f"it still runs {bench.desk.now() - task.claimed_at:.1f} s after its claim")
    bench.desk.wait(lambda: bool(bench.desk.declines(task)), 3.0)
    if last < task.claimed_at + LEASE_SECONDS - 15.0:
        raise Failed(f"it was ended already {last - task.claimed_at:.0f} s after its claim")
    if bench.desk.results(task):
        raise Failed("it was killed, and a result was delivered all the same")


@asks("says-it-was-interrupted", "P46", "should", "what was killed for its lease is declined as interrupted")
def says_it_was_interrupted(bench: Bench) -> None:
    if bench.first is None or not bench.desk.declines(bench.first):
        raise Failed("HQ is not told; it finds out when its own lease of 35 s ends")


@asks(
    "works-while-hq-is-silent", "P48 P50", "must", "an ordinary script outlives its lease, and delivers late"
)
def works_while_silent(bench: Bench) -> None:
    bench.start()
    bench.pause(0.5)
    task = bench.begin(LEASE_SECONDS + 2.0)
    bench.first = task
    bench.desk.answers = False
    began = bench.desk.now()
    result = bench.result(task, LEASE_SECONDS + 12.0)
    if bench.desk.now() - began < LEASE_SECONDS:
        raise Failed(f"HQ was silent for less than 30 s, and the script was ended: {result.failure}")
    if bench.workshop.begun(task) != 1:
        raise Failed(f"it ran {bench.workshop.begun(task)} times")


@asks("beats-while-hq-is-silent", "P40", "must", "heartbeats go on when nobody answers")
def beats_while_silent(bench: Bench) -> None:
    if bench.first is None:
        raise Failed("not tried, because it ran nothing")
    beats = [at for at, _ in bench.desk.heartbeats(bench.first.claimed_at)]
    gaps = [after - before for before, after in itertools.pairwise(beats)]
    if len(beats) < 3 or max(gaps) > LONGEST_GAP_SECONDS:
        raise Failed(f"{len(beats)} heartbeats in 30 s, at most {max(gaps, default=0):.1f} s apart")
    if Phase.RUNNING not in bench.phases(bench.first):
        raise Failed("they do not list the attempt that runs")


def _offer(bench: Bench) -> Task | None:
    """Offer a task once; return it when it was claimed."""
    task = bench.workshop.task(0.5)
    bench.desk.offer(task)
    bench.desk.wait(lambda: bool(bench.desk.claims(task) or bench.desk.declines(task)), 1.5)
    return bench.with_nonce(task) if bench.desk.claims(task) else None


EXCLUSIVE: tuple[Check, ...] = (
    *(begins_exclusive, keeps_to_its_slots, kills_exclusive_in_time, says_it_was_interrupted),
)
ORDINARY: tuple[Check, ...] = (works_while_silent, beats_while_silent)
