"""Checks that a script begins for nobody but HQ: forged, changed, misdirected and invented grants.

Each grant but for one thing is right, for a claim that the agent has just
made. In the order of their running, in one life of the agent.
"""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from bus.signing import KeyFile
from idlehands.conformance.bench import Bench
from idlehands.conformance.verdicts import Check, Failed, asks
from idlehands.conformance.work import Task, build_bundle, sign
from schemas.messages import Grant
from trust.keys import ensure_signing_key

_WATCH_SECONDS = 1.2


def _refused(bench: Bench, what: str, say: Callable[[Task], None], **spec: Any) -> None:
    """Have a task claimed, say its grant wrongly, and see that nothing begins."""
    task = bench.workshop.task(0.5, **spec)
    bench.claim(task)
    say(task)
    bench.must_not_begin(task, what, _WATCH_SECONDS)
    # Signed and right: an agent that has begun to doubt HQ sees that it is there, and the claim is over.
    bench.desk.deny(task)


def _grant(bench: Bench, task: Task, **changed: Any) -> Grant:
    return bench.desk.build_grant(task, bench.boot, **changed)


@asks("refuses-unsigned-grants", "P62 P64", "must", "a grant without a signature begins nothing")
def unsigned(bench: Bench) -> None:
    bench.start()
    bench.pause(0.5)
    _refused(bench, "nobody had signed the grant", lambda task: bench.desk.forge(_grant(bench, task), None))


@asks("refuses-strangers-grants", "P64", "must", "a grant that is not signed by HQ's key begins nothing")
def by_a_stranger(bench: Bench) -> None:
    ensure_signing_key(bench.extra_key())
    stranger = KeyFile(bench.extra_key())
    what = "the grant was signed with a key that `trust.json` does not name"
    _refused(bench, what, lambda task: bench.desk.forge(_grant(bench, task), stranger))


@asks(
    "refuses-changed-grants", "P62 P64", "must", "a grant that was changed after HQ signed it begins nothing"
)
def changed_on_its_way(bench: Bench) -> None:
    def lengthen(payload: bytes) -> bytes:
        return payload.replace(b'"lease_seconds":30.0', b'"lease_seconds":31.0')

    what = "the grant was changed after HQ had signed it"
    _refused(bench, what, lambda task: bench.desk.forge_as_hq(_grant(bench, task), lengthen))


@asks("verifies-what-travels", "P62", "must", "the signature is over the bytes of `data` as they travel")
def verifies_what_travels(bench: Bench) -> None:
    # The same JSON value in other bytes, signed as those bytes: right, however it is spelled.
    task = bench.workshop.task()
    bench.claim(task)
    bench.desk.grant_spaced(_grant(bench, task))
    if not bench.desk.wait(lambda: bench.workshop.begun(task) > 0, 10.0):
        raise Failed("a grant that HQ signed with blanks between its words did not begin")
    bench.result(task)


@asks("refuses-others-grants", "P64", "must", "a grant for another agent or another boot begins nothing")
def misdirected(bench: Bench) -> None:
    what = "the grant names another agent"
    _refused(bench, what, lambda task: bench.desk.grant(_grant(bench, task, agent="somebody")))
    what = "the grant names another boot"
    _refused(bench, what, lambda task: bench.desk.grant(_grant(bench, task, boot=bench.boot + 1)))


@asks("refuses-other-nonces", "P64 P43", "must", "a grant begins nothing without a claim with that nonce")
def invented(bench: Bench) -> None:
    what = "the grant has another nonce than the claim"
    _refused(bench, what, lambda task: bench.desk.grant(_grant(bench, task, nonce="0" * 32)))
    task = bench.workshop.task(0.5)
    task.token, task.nonce = bench.desk.next_token(), "1" * 32
    bench.desk.grant(_grant(bench, task))
    bench.must_not_begin(task, "the agent never claimed it", _WATCH_SECONDS)


@asks("refuses-unsigned-scripts", "P64 P65", "must", "a script begins only when a trusted author signed it")
def unsigned_script(bench: Bench) -> None:
    script = bench.workshop.script
    what = "no author had signed its script"
    _refused(
        bench,
        what,
        lambda task: bench.desk.grant(_grant(bench, task)),
        script=replace(script, signature=None),
    )
    ensure_signing_key(bench.extra_key())
    stranger = replace(script, signature=sign(script.bundle, bench.extra_key()))
    what = "`trust.json` does not name the author of its script"
    _refused(bench, what, lambda task: bench.desk.grant(_grant(bench, task)), script=stranger)
    moved = replace(script, signature=sign("0" * 64, bench.stand.author_key))
    what = "its author signed another script"
    _refused(bench, what, lambda task: bench.desk.grant(_grant(bench, task)), script=moved)


@asks("checks-the-bundle", "P57 P64", "must", "a bundle with another hash than the signed one is not run")
def checks_the_bundle(bench: Bench) -> None:
    sha256 = bench.stand.blobs.hold(build_bundle({"first.txt": b"as it was signed"}))
    bench.stand.blobs.held[sha256] = build_bundle({"first.txt": b"as somebody changed it"})
    script = replace(bench.workshop.script, bundle=sha256, signature=sign(sha256, bench.stand.author_key))
    _grant_and_watch(bench, "its bundle has another hash than the signed one", script=script)


@asks("unpacks-inside", "P58", "must", "no file of a bundle is written outside of the script's folder")
def unpacks_inside(bench: Bench) -> None:
    outside = bench.stand.traces / "outside.txt"
    names = [f"{'../' * depth}{str(outside).lstrip('/')}" for depth in (12, 24)]
    packed = build_bundle({str(outside): b"!", **dict.fromkeys(names, b"!")})
    sha256 = bench.stand.blobs.hold(packed)
    script = replace(bench.workshop.script, bundle=sha256, signature=sign(sha256, bench.stand.author_key))
    task = bench.workshop.task(0.2, script=script)
    bench.claim(task)
    bench.desk.grant(_grant(bench, task))
    bench.desk.wait(lambda: bool(bench.desk.results(task) or bench.desk.declines(task)), 6.0)
    if outside.exists():
        raise Failed("a file of the bundle was written outside of the script's folder")


@asks("counts-what-it-refused", "P64", "should", "heartbeats count in `refused` what came in HQ's name")
def counts_what_it_refused(bench: Bench) -> None:
    since = bench.desk.now()
    bench.desk.wait(lambda: bool(bench.desk.heartbeats(since)), 10.5)
    if not bench.heartbeat.refused:
        raise Failed("forged grants came, and the heartbeat's `refused` is empty")


@asks("works-after-forgeries", "P64", "must", "forgeries do not keep HQ's own grants from running")
def works_after_forgeries(bench: Bench) -> None:
    bench.result(bench.begin())


def _grant_and_watch(bench: Bench, what: str, **spec: Any) -> None:
    task = bench.workshop.task(0.2, **spec)
    bench.claim(task)
    bench.desk.grant(_grant(bench, task))
    bench.must_not_begin(task, what, 2.0)
    bench.desk.wait(lambda: bool(bench.desk.results(task) or bench.desk.declines(task)), 6.0)


CHECKS: tuple[Check, ...] = (
    *(unsigned, by_a_stranger, changed_on_its_way, verifies_what_travels, misdirected, invented),
    *(unsigned_script, checks_the_bundle, unpacks_inside, counts_what_it_refused, works_after_forgeries),
)
