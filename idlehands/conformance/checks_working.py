"""Checks of the ordinary way: first words, offer, claim, grant, script, result, acknowledgement.

In the order of their running, in one life of the agent; some take up what the
one before left on the bench.
"""

from typing import Any

from bus import topics
from idlehands.conformance.bench import Bench
from idlehands.conformance.stand import AGENT
from idlehands.conformance.verdicts import Check, Failed, NotApplicable, asks
from idlehands.conformance.work import Task
from idlehands.house import probe
from schemas.messages import LogBatch, Presence, ProgressBatch
from schemas.states import Outcome, Phase

#: A claim that is not granted yet is watched this long.
_WATCH_SECONDS = 0.7
_PARAMETERS: dict[str, Any] = {
    "learning_rate": 0.25,
    "layers": [16, 8],
    "fast": True,
    "slow": False,
    "nothing": None,
    "title": "two words; $HOME `id` 'quoted' \"twice\" ä",
}
_AS_FLAGS = ["--learning-rate", "0.25", "--layers", "16", "8", "--fast", "--title", _PARAMETERS["title"]]


@asks(
    *("first-heartbeat", "P36 P39", "must"),
    "the first heartbeat of a start has boot, instance, seq, slots, facts and the spooled attempts",
)
def first_heartbeat(bench: Bench) -> None:
    bench.desk.answers = False
    _, heartbeat = bench.start()[0]
    if heartbeat.facts is None:
        raise Failed("the first heartbeat has no `facts`")
    if heartbeat.slots < 1 or heartbeat.free > heartbeat.slots:
        raise Failed(f"it has {heartbeat.slots} slots, {heartbeat.free} of them free")
    if heartbeat.attempts:
        raise Failed(f"it lists attempts at its very first start: {heartbeat.attempts}")


@asks(
    *("asks-until-answered", "P40", "must"),
    "heartbeats come about every second until HQ has answered one that carried facts",
)
def asks_until_answered(bench: Bench) -> None:
    if not bench.desk.wait(lambda: len(bench.desk.heartbeats()) > 1, 4.0):
        bench.desk.answers = True
        raise Failed("HQ did not answer the first heartbeat, and there was no second one within 4 s")
    seen = bench.desk.heartbeats()
    bench.desk.answers = True
    if any(heartbeat.facts is None for _, heartbeat in seen):
        raise Failed("the facts are gone from the heartbeats before HQ has answered one")
    if not bench.desk.wait(lambda: len(bench.desk.heartbeats()) > len(seen), 12.0):
        raise Failed("there were no more heartbeats within 12 s")
    bench.pause(0.3)


@asks(
    *("presence", "P5 P61", "must"),
    "agent/NAME/presence says `online: true` and the boot, and is retained; nothing else is retained",
)
def presence(bench: Bench) -> None:
    def retained(topic: topics.Topic) -> bytes | None:
        name = f"{topics.DEFAULT_ROOT}/{topic.of(agent=AGENT)}"
        return probe.read_retained(bench.stand.home, bench.stand.home.service("hq"), name)

    said = [one.data for one in bench.desk.heard() if isinstance(one.data, Presence)]
    if not said or not said[-1].online:
        raise Failed(f"it did not say that it is online on presence: {said or 'nothing was said'}")
    if said[-1].boot != bench.boot:
        raise Failed(f"presence has boot {said[-1].boot}, heartbeats have {bench.boot}")
    if not retained(topics.PRESENCE):
        raise Failed("presence is not retained")
    if retained(topics.HEARTBEAT):
        raise Failed("heartbeats are retained")


@asks("claims-an-offer", "P41 P42", "must", "an offer is claimed with its token and a fresh random nonce")
def claims_an_offer(bench: Bench) -> None:
    task = bench.workshop.task(2.5, params=_PARAMETERS, argv=("raw word",))
    bench.claim(task)
    boots = [boot for _, _, boot in bench.desk.claims(task)]
    if boots[0] != bench.boot:
        raise Failed(f"the claim has boot {boots[0]}, the heartbeats have {bench.boot}")
    bench.first = task


@asks("waits-for-the-grant", "P43", "must", "a script begins only with a grant")
def waits_for_the_grant(bench: Bench) -> None:
    task = _first(bench)
    bench.must_not_begin(task, "the claim was not granted", _WATCH_SECONDS)


@asks("runs-what-is-granted", "P43 P57 P58 P65", "must", "a granted script is fetched, checked and begins")
def runs_what_is_granted(bench: Bench) -> None:
    bench.desk.settles = False
    bench.grant(_first(bench))


@asks("lists-attempts", "P36 P37", "must", "heartbeats list every attempt with its phase until it is over")
def lists_attempts(bench: Bench) -> None:
    task = _first(bench)
    if not bench.desk.wait(lambda: Phase.RUNNING in bench.phases(task), 11.0):
        raise Failed(
            f"no heartbeat listed the attempt as `running`: {bench.phases(task) or 'it was not listed'}"
        )
    bench.result(task)
    if not bench.desk.wait(lambda: Phase.SPOOLED in bench.phases(task), 11.0):
        raise Failed("HQ has not acknowledged the result, and no heartbeat lists the attempt as `spooled`")


@asks("tells-changes-soon", "P40", "should", "a heartbeat comes earlier when something changed")
def tells_changes_soon(bench: Bench) -> None:
    task = _first(bench)
    listed = [
        at
        for at, heartbeat in bench.desk.heartbeats()
        if any((a.job, a.phase) == (task.job, Phase.RUNNING) for a in heartbeat.attempts)
    ]
    if not listed or listed[0] - task.claimed_at > 4.0:
        after = f"{listed[0] - task.claimed_at:.0f} s" if listed else "never"
        raise Failed(f"that a script runs was told after: {after}")


@asks(
    "repeats-the-result", "P52", "must", "a result is sent again after 1, 2, 4 ... 30 s until HQ acknowledges"
)
def repeats_the_result(bench: Bench) -> None:
    task = _first(bench)
    bench.result(task)
    if not bench.desk.wait(lambda: len(bench.desk.results(task)) > 1, 5.0):
        raise Failed("the result was not acknowledged, and was not sent again within 5 s")
    times = [at for at, _ in bench.desk.results(task)]
    if len(times) > 8:
        raise Failed(f"it was sent {len(times)} times within {times[-1] - times[0]:.1f} s")


@asks("heeds-its-own-acks-only", "P52 P38", "must", "an ack for another boot is ignored")
def heeds_its_own_acks_only(bench: Bench) -> None:
    task = _first(bench)
    sent = len(bench.desk.results(task))
    bench.desk.settle(task, bench.boot - 1 or bench.boot + 1)
    again = bench.desk.wait(lambda: len(bench.desk.results(task)) > sent, 9.0)
    bench.settle(task)
    bench.desk.settles = True
    if not again:
        raise Failed("an acknowledgement for another boot ended the delivery of this one's result")


@asks("reports-the-result", "P52", "must", "a result has the script's outcome, exit code and JSON object")
def reports_the_result(bench: Bench) -> None:
    task = _first(bench)
    result = bench.result(task)
    if result.outcome is not Outcome.SUCCEEDED or result.exit_code != 0:
        raise Failed(
            f"a script that ended well is reported as {result.outcome}, exit code {result.exit_code}"
        )
    if (result.result or {}).get("tag") != task.tag:
        raise Failed(f"the result is not the last JSON object that the script printed: {result.result}")


@asks(
    "passes-flags", "P89", "must", "words of `argv`, then parameters as flags, reach the script as they are"
)
def passes_flags(bench: Bench) -> None:
    words = (bench.result(_first(bench)).result or {}).get("words")
    if words != ["raw word", *_AS_FLAGS]:
        raise Failed(f"the script was given {words} and not {['raw word', *_AS_FLAGS]}")


@asks("passes-positional", "P89", "must", "parameters as positional words, in their order")
def passes_positional(bench: Bench) -> None:
    result = _run(bench, arguments="positional", params={"b": "-x", "a": 2, "c": ["u", "v"]})
    if (words := (result or {}).get("words")) != ["-x", "2", "u", "v"]:
        raise Failed(f"the script was given {words} and not ['-x', '2', 'u', 'v']")


@asks("passes-stdin", "P89", "must", "parameters as one JSON object on standard input")
def passes_stdin(bench: Bench) -> None:
    import json

    given = {"deep": {"list": [1, 2.5, None, True]}, "text": "ä\n"}
    result = _run(bench, ending="stdin", arguments="stdin", params=given)
    try:
        read = json.loads((result or {}).get("stdin", ""))
    except ValueError:
        read = (result or {}).get("stdin")
    if read != given:
        raise Failed(f"the script read {read!r} and not {given!r}")


@asks("reports-a-failure", "P53", "must", "a script that fails is reported as `failed`, with its exit code")
def reports_a_failure(bench: Bench) -> None:
    task = bench.begin(ending="fail")
    result = bench.result(task)
    bench.settled.append((task, bench.desk.now()))
    if result.outcome is not Outcome.FAILED or result.exit_code != 3:
        raise Failed(f"a script that ended with 3 is reported as {result.outcome}, {result.exit_code}")


@asks("says-why-it-failed", "P53", "should", "a failure has its kind (`exit`) and a message")
def says_why_it_failed(bench: Bench) -> None:
    failures = [r.failure for t, _ in bench.settled for _, r in bench.desk.results(t) if r.exit_code == 3]
    if not failures or failures[0] is None or failures[0].kind != "exit":
        raise Failed(f"the failure is told as {failures[0] if failures else 'nothing'}")


@asks("tells-progress", "P20", "should", "what it says on progress and log can be read")
def tells_progress(bench: Bench) -> None:
    said = [one for one in bench.desk.heard() if one.topic in (topics.PROGRESS, topics.LOG)]
    if broken := [one.trouble for one in said if one.trouble]:
        raise Failed(broken[0])
    if not said:
        raise NotApplicable("it tells neither progress nor log")
    jobs = {
        item.job for one in said for item in one.data.items if isinstance(one.data, ProgressBatch | LogBatch)
    }
    if jobs - bench.granted:
        raise Failed("it tells of jobs that it was never granted")


def _first(bench: Bench) -> Task:
    if bench.first is None:
        raise Failed("not tried, because it claimed nothing")
    return bench.first


def _run(bench: Bench, ending: str = "well", **spec: Any) -> dict[str, Any] | None:
    task = bench.begin(ending=ending, **spec)
    result = bench.result(task)
    bench.settled.append((task, bench.desk.now()))
    return result.result


CHECKS: tuple[Check, ...] = (
    *(first_heartbeat, asks_until_answered, presence, claims_an_offer, waits_for_the_grant),
    *(runs_what_is_granted, lists_attempts, tells_changes_soon, repeats_the_result),
    *(heeds_its_own_acks_only, reports_the_result, passes_flags, passes_positional, passes_stdin),
    *(reports_a_failure, says_why_it_failed, tells_progress),
)
