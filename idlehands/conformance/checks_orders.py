"""Checks of what an agent does when HQ says something else than "run this": orders, repeats, another HQ.

In the order of their running, in one life of the agent.
"""

import itertools
from typing import Any

from bus import topics
from idlehands.conformance.bench import LONGEST_GAP_SECONDS, Bench
from idlehands.conformance.verdicts import Check, Failed, NotApplicable, asks
from schemas.messages import Presence
from schemas.states import Command

_WATCH_SECONDS = 1.5
_STOP_SECONDS = 8.0
_RUBBISH: tuple[tuple[str, bytes], ...] = (
    *(("offer", b""), ("grant", b"\xff\xfe\x00"), ("ack", b"[]"), ("ack", b"null"), ("offer", b'{"data":')),
    ("offer", b'{"specversion":"2.0","id":"1","source":"hq","type":"idlehands.offer","data":{}}'),
    ("offer", b'{"specversion":"1.0","id":"1","source":"hq","type":"idlehands.ack","data":{}}'),
    ("offer", b'{"specversion":"1.0","id":"1","source":"hq","type":"idlehands.offer","data":{"epoch":"x"}}'),
    ("ack", b'{"specversion":"1.0","id":"1","source":"hq","type":"idlehands.ack","data":{"orders":[3]}}'),
    ("ack", b'{"specversion":"1.0","id":"1","source":"hq","type":"idlehands.ack","data":NaN}'),
    ("grant", b'{"specversion":"1.0","id":"1","source":"hq","type":"idlehands.grant","data":{}}'),
    ("grant", b'{"specversion":"1.0","id":"1","source":"hq","type":"idlehands.grant","data":[[[[[[[[[['),
    ("guest", b"later"),
    ("stacks", b"{}"),
    ("no-such-topic", b"{}"),
    ("ack", b"{" + b" " * 30_000),
)


@asks("runs-a-grant-once", "P44", "must", "a grant that comes again begins nothing again")
def runs_a_grant_once(bench: Bench) -> None:
    bench.start()
    bench.pause(0.5)
    task = bench.begin(1.0)
    grant = bench.desk.build_grant(task, bench.boot)
    bench.desk.grant(grant)
    bench.desk.grant(grant)
    bench.result(task)
    bench.pause(0.5)
    # Over and acknowledged by now.
    bench.desk.grant(grant)
    bench.pause(_WATCH_SECONDS)
    if (times := bench.workshop.begun(task)) > 1:
        raise Failed(f"HQ said the same grant four times, and the script ran {times} times")


@asks("forgets-a-denied-claim", "P42", "must", "a denied claim is over: the next offer is claimed")
def forgets_a_denied_claim(bench: Bench) -> None:
    for _ in range(3):
        task = bench.workshop.task()
        bench.claim(task)
        bench.desk.deny(task)
    bench.result(bench.begin())


@asks("makes-fresh-nonces", "P42", "must", "no nonce is used twice")
def makes_fresh_nonces(bench: Bench) -> None:
    nonces = bench.nonces()
    if len(nonces) < 3 or len(set(nonces)) < len(nonces):
        raise Failed(f"{len(nonces)} claims have {len(set(nonces))} different nonces")


@asks("stops-when-told", "P50 P31", "must", "`stop` kills the script, and nothing of it is delivered")
def stops_when_told(bench: Bench) -> None:
    task = bench.begin(40.0)
    bench.desk.order(task, Command.STOP, bench.boot)
    if not bench.desk.wait(lambda: not bench.workshop.is_alive(task), _STOP_SECONDS):
        raise Failed(f"{_STOP_SECONDS:.0f} s after the order to stop, the script still runs")
    ordered = bench.desk.now()
    bench.pause(_WATCH_SECONDS)
    if bench.desk.results(task):
        raise Failed("the script was stopped, and a result was delivered all the same")

    def is_listed() -> bool:
        beats = bench.desk.heartbeats(ordered)
        return not beats or any(attempt.job == task.job for attempt in beats[-1][1].attempts)

    if not bench.desk.wait(lambda: not is_listed(), 12.0):
        raise Failed("heartbeats still list the attempt")


@asks("winds-down-when-told", "P50", "should", "`wind_down` asks the script to stop by itself; it delivers")
def winds_down_when_told(bench: Bench) -> None:
    task = bench.begin(9.0, "patient")
    bench.desk.order(task, Command.WIND_DOWN, bench.boot)
    asked = bench.desk.now()
    result = bench.result(task, 15.0)
    if bench.desk.now() - asked > 6.0:
        raise NotApplicable("it lets scripts go on, which a small agent may")
    if result.result is None:
        raise Failed("the script that was asked to wind down printed its result, and it was not delivered")


@asks("survives-rubbish", "P9", "must", "what cannot be read changes nothing, and does not stop the agent")
def survives_rubbish(bench: Bench) -> None:
    for what, payload in _RUBBISH:
        bench.desk.put(what, payload)
    bench.pause(1.0)
    bench.desk.reassure()
    if ended := bench.subject.ended:
        raise Failed(f"after messages that cannot be read {ended}")
    bench.result(bench.begin())


@asks("ignores-unknown-fields", "P10", "must", "unknown fields of messages are ignored")
def ignores_unknown_fields(bench: Bench) -> None:
    task = bench.workshop.task()
    token = bench.desk.next_token()
    data: dict[str, Any] = {
        "epoch": bench.desk.epoch,
        "news": {"of": ["a", "later", "version"]},
        "offers": [{"job": task.job, "token": token, "colour": "blue"}],
    }
    bench.desk.put_data(topics.OFFER, data)
    task.token = token
    if not bench.desk.wait(lambda: bool(bench.desk.claims(task)), 5.0):
        raise Failed("an offer with fields of a later version was not claimed")
    bench.desk.deny(bench.with_nonce(task))


@asks("claims-ahead-rightly", "P72 P73", "must", "a grant on a standing claim runs, and each nonce once")
def claims_ahead_rightly(bench: Bench) -> None:
    since = bench.desk.now()
    bench.desk.wait(lambda: bool(bench.desk.heartbeats(since)), 11.0)
    standing = bench.heartbeat.standing
    if standing is None:
        raise NotApplicable("it claims nothing ahead, so HQ offers it every job")
    first, second = bench.workshop.task(), bench.workshop.task()
    for task in (first, second):
        task.token = bench.desk.next_token()
        task.nonce = f"{standing.nonce}{0:08x}"
    bench.grant(first)
    bench.result(first)
    bench.desk.grant(bench.desk.build_grant(second, bench.boot))
    bench.must_not_begin(second, "another grant had its nonce before", _WATCH_SECONDS)


@asks("follows-a-new-hq", "P40", "must", "with a new epoch of HQ a heartbeat is due at once, with facts")
def follows_a_new_hq(bench: Bench) -> None:
    since = bench.desk.now()
    bench.desk.begin_epoch(1000)
    if not bench.desk.wait(lambda: any(h.facts for _, h in bench.desk.heartbeats(since)), 4.0):
        seen = len(bench.desk.heartbeats(since))
        raise Failed(f"within 4 s of a new epoch there were {seen} heartbeats and none with facts")


@asks(
    "ignores-an-older-hq",
    "P56 P81",
    "must",
    "offers and grants of an epoch older than the newest are ignored",
)
def ignores_an_older_hq(bench: Bench) -> None:
    task = bench.workshop.task()
    bench.desk.offer(task, epoch=bench.desk.epoch - 500)
    if bench.desk.wait(lambda: bool(bench.desk.claims(task)), 1.0):
        raise Failed("it claimed the offer of an HQ that was replaced")
    bench.claim(task)
    bench.desk.grant(bench.desk.build_grant(task, bench.boot), epoch=bench.desk.epoch - 500)
    bench.must_not_begin(task, "the grant is of an HQ that was replaced", _WATCH_SECONDS)
    bench.desk.deny(task)


@asks("keeps-its-rhythm", "P39 P40", "must", "heartbeats come every 9 to 10 s, `seq` grows by one")
def keeps_its_rhythm(bench: Bench) -> None:
    since = bench.desk.now()
    bench.desk.wait(lambda: len(bench.desk.heartbeats(since)) > 1, 21.0)
    beats = bench.desk.heartbeats()
    for (_, before), (_, after) in itertools.pairwise(beats):
        if after.boot == before.boot and after.seq != before.seq + 1:
            raise Failed(f"heartbeat {after.seq} follows heartbeat {before.seq}")
    gaps = [after - before for (before, _), (after, _) in itertools.pairwise(beats)]
    if not gaps or max(gaps) > LONGEST_GAP_SECONDS:
        raise Failed(f"there were {max(gaps, default=0):.1f} s between two heartbeats")
    if any(beats[i + 10][0] - beats[i][0] < 3.0 for i in range(len(beats) - 10)):
        raise Failed("there were more than two heartbeats a second")


@asks("takes-its-leave", "P21", "should", "at SIGTERM it ends soon, and its last will is published")
def takes_its_leave(bench: Bench) -> None:
    since = bench.desk.now()
    ended = bench.subject.terminate(15.0)

    def is_gone() -> bool:
        return any(isinstance(one.data, Presence) and not one.data.online for one in bench.desk.heard(since))

    said = bench.desk.wait(is_gone, 3.0)
    if not ended:
        raise Failed("it did not end within 15 s of SIGTERM")
    if not said:
        raise Failed("it ended, and presence still says that it is there")


CHECKS: tuple[Check, ...] = (
    *(runs_a_grant_once, forgets_a_denied_claim, makes_fresh_nonces, stops_when_told, winds_down_when_told),
    *(survives_rubbish, ignores_unknown_fields, claims_ahead_rightly, follows_a_new_hq, ignores_an_older_hq),
    *(keeps_its_rhythm, takes_its_leave),
)
