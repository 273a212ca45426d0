"""Checks of all that an agent has said in one part of the suite, made at the part's end."""

from idlehands.conformance.bench import Bench
from idlehands.conformance.verdicts import Check, Failed, asks
from schemas.names import Boot
from schemas.states import Phase

#: What was on its way when the acknowledgement was sent may still arrive; the next would come after 3 s.
_GRACE_SECONDS, _WATCH_SECONDS = 2.0, 4.0


@asks(
    "speaks-readably", "P7 P8 P9 P63", "must", "every message is an envelope of its topic, results are signed"
)
def speaks_readably(bench: Bench) -> None:
    troubles = [one for one in bench.desk.heard() if one.trouble]
    if troubles:
        topic = troubles[0].topic
        raise Failed(f"on {topic.template if topic else 'an unknown topic'}: {troubles[0].trouble}")


@asks("keeps-its-boot", "P36", "must", "all messages of a start carry its boot")
def keeps_its_boot(bench: Bench) -> None:
    known: set[Boot] = {heartbeat.boot for _, heartbeat in bench.desk.heartbeats()}
    said = {one.data.boot for one in bench.desk.heard() if one.data is not None}
    if said - known:
        raise Failed(f"messages carry the boots {sorted(said - known)}, heartbeats {sorted(known)}")


@asks("is-quiet-after-the-ack", "P52", "must", "an acknowledged result is not sent and not listed any more")
def is_quiet_after_the_ack(bench: Bench) -> None:
    if bench.settled:
        bench.pause(max(0.0, bench.settled[-1][1] + _WATCH_SECONDS - bench.desk.now()))
    for task, at in bench.settled:
        if again := bench.desk.results(task, at + _GRACE_SECONDS):
            times = ", ".join(f"{when - at:+.1f} s" for when, _ in bench.desk.results(task))
            raise Failed(f"of its acknowledgement on, a result was sent after {times}: {again[0][1]}")
        if Phase.SPOOLED in bench.phases(task, at + _GRACE_SECONDS):
            raise Failed("a result is listed as `spooled` after its acknowledgement")


CHECKS: tuple[Check, ...] = (speaks_readably, keeps_its_boot, is_quiet_after_the_ack)
