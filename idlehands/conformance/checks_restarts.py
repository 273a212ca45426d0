"""Checks of what outlives a SIGKILL of the agent, and of a grant that comes too late.

In the order of their running, in several lives of one agent.
"""

from idlehands.conformance.bench import Bench
from idlehands.conformance.verdicts import Check, Failed, asks
from schemas.messages import Presence
from schemas.states import Phase

#: A claim is dropped after 10 s.
_LATE_SECONDS = 11.5
_WATCH_SECONDS = 1.5


@asks("has-a-last-will", "P21", "must", "when it is killed, the broker says `online: false` on presence")
def has_a_last_will(bench: Bench) -> None:
    bench.start()
    bench.pause(0.5)
    bench.desk.settles = False
    task = bench.begin()
    bench.first = task
    bench.result(task)
    since = bench.desk.now()
    bench.subject.kill()

    def is_gone() -> bool:
        return any(isinstance(one.data, Presence) and not one.data.online for one in bench.desk.heard(since))

    if not bench.desk.wait(is_gone, 5.0):
        raise Failed("it was killed, and within 5 s nothing was said on presence")


@asks("boots-with-larger-numbers", "P36 P38", "must", "each start has a larger boot and another instance")
def boots_with_larger_numbers(bench: Bench) -> None:
    before = bench.heartbeat
    bench.restarted = bench.desk.now()
    after = bench.start()[0][1]
    if after.boot <= before.boot:
        raise Failed(f"boot {before.boot} was followed by boot {after.boot}")
    if after.instance == before.instance:
        raise Failed("the new start has the instance of the one before")


@asks("keeps-results-over-a-kill", "P52 P36", "must", "what HQ has not acknowledged is listed and sent again")
def keeps_results_over_a_kill(bench: Bench) -> None:
    task = bench.first
    if task is None or bench.restarted == 0.0:
        raise Failed("not tried, because nothing was delivered before the kill")
    first = bench.desk.heartbeats(bench.restarted)[0][1]
    listed = {(attempt.job, attempt.token): attempt.phase for attempt in first.attempts}
    if listed.get((task.job, task.token)) is not Phase.SPOOLED:
        raise Failed(
            f"the first heartbeat after the kill lists {listed or 'nothing'}, not the spooled result"
        )
    if not bench.desk.wait(lambda: bool(bench.desk.results(task, bench.restarted)), 8.0):
        raise Failed("the result is not sent again after the kill")
    old, new = bench.desk.results(task)[0][1], bench.desk.results(task)[-1][1]
    # It may speak before its subscriptions are in place: an acknowledgement would be lost.
    bench.pause(0.7)
    bench.settle(task)
    bench.desk.settles = True
    if (old.result, old.outcome) != (new.result, new.outcome):
        raise Failed(f"the result is another one than before: {new.result}")


@asks(
    "forgets-what-is-acknowledged", "P52", "must", "an acknowledged result is not listed and not sent again"
)
def forgets_what_is_acknowledged(bench: Bench) -> None:
    def is_idle() -> bool:
        beats = bench.desk.heartbeats(settled)
        return bool(beats) and not beats[-1][1].attempts

    settled = bench.desk.now()
    if not bench.desk.wait(is_idle, 11.0):
        raise Failed("the result was acknowledged, and heartbeats list it all the same")
    # What is said may be said before it is done on the disk.
    bench.pause(1.0)
    bench.subject.kill()
    first = bench.start()[0][1]
    if first.attempts:
        raise Failed(f"after another start it lists {first.attempts}")


@asks("forgets-what-a-kill-ended", "P37", "must", "an attempt that a kill ended is not listed as running")
def forgets_what_a_kill_ended(bench: Bench) -> None:
    task = bench.begin(40.0)
    bench.desk.wait(lambda: Phase.RUNNING in bench.phases(task), 3.0)
    bench.subject.kill()
    since = bench.desk.now()
    bench.start()
    bench.pause(1.0)
    if phases := bench.phases(task, since):
        raise Failed(f"it lists an attempt of the boot before as {phases[0]}")
    if bench.workshop.begun(task) > 1:
        raise Failed("it began the script again by itself")


@asks("drops-old-claims", "P45", "must", "a grant that comes more than 10 s after its claim begins nothing")
def drops_old_claims(bench: Bench) -> None:
    task = bench.workshop.task()
    bench.claim(task)
    bench.pause(_LATE_SECONDS)
    bench.desk.grant(bench.desk.build_grant(task, bench.boot))
    bench.must_not_begin(task, f"its grant came {_LATE_SECONDS:.0f} s after the claim", _WATCH_SECONDS)
    bench.first = task


@asks("hands-late-grants-back", "P45 P46", "should", "a grant that came too late is declined")
def hands_late_grants_back(bench: Bench) -> None:
    if bench.first is None or not bench.desk.declines(bench.first):
        raise Failed("HQ is not told; the job waits until HQ's lease of 35 s ends")


@asks("works-after-all-that", "P44", "must", "the next job runs as if nothing had been")
def works_after_all_that(bench: Bench) -> None:
    bench.result(bench.begin())


CHECKS: tuple[Check, ...] = (
    *(has_a_last_will, boots_with_larger_numbers, keeps_results_over_a_kill, forgets_what_is_acknowledged),
    *(forgets_what_a_kill_ended, drops_old_claims, hands_late_grants_back, works_after_all_that),
)
