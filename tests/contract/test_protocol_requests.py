"""docs/protocol.md, requests: what clients may rely on, on the wire and with time by hand."""

import json
from typing import Any

import pytest

from hq.log.documents import decision_to_document
from schemas.events import (
    JobCancelled,
    JobClaimed,
    JobDeleted,
    JobSubmitted,
    RequestAnswered,
    SweepFinished,
    TrialProposed,
)
from tests.contract.protocol_house import WireAgent, WireHq, envelope, job_spec, proves

OLGA = "client/olga/up/request"
REPLY = "client/olga/down/reply"
QUESTIONS = ("ping", "status", "read_sweeps", "explain")


def sweep_spec(**more: Any) -> dict[str, Any]:
    return {"job": job_spec(), "space": {"x": {"type": "int", "low": 0, "high": 9}}, **more}


@proves("P22", "P23")
def test_every_request_is_answered_with_its_id() -> None:
    hq = WireHq()
    for kind, fields in {
        "ping": {},
        "submit": {"jobs": [job_spec()]},
        "cancel": {"jobs": ["j" + "a" * 12]},
    }.items():
        assert hq.ask(kind, message_id=f"id-{kind}", **fields)["request"] == f"id-{kind}"


@proves("P23")
@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("idlehands/v1/client/olga/down/mine", "client/olga/down/mine"),
        ("idlehands/v1/client/web/down/reply", REPLY),
        ("idlehands/v1/agent/attic/down/grant", REPLY),
        ("idlehands/v1/client/olga/down/#", REPLY),
        (None, REPLY),
    ],
)
def test_the_response_topic_must_be_ones_own(asked: str | None, answered: str) -> None:
    hq = WireHq()
    hq.put(OLGA, envelope(OLGA, {"kind": "ping"}), response_topic=asked, correlation=b"c-1")

    (sent,) = [sent for sent in hq.sent if "/down/" in sent.name]
    assert sent.name == f"idlehands/v1/{answered}"
    assert sent.correlation == b"c-1"


@proves("P24", "P15")
def test_a_change_is_answered_after_its_commit_with_its_position() -> None:
    hq = WireHq()
    hq.holds_commits = True
    hq.put(OLGA, envelope(OLGA, {"kind": "submit", "jobs": [job_spec()]}))
    assert hq.take(REPLY) == []
    assert [sent for sent in hq.sent if "/event" in sent.name] == []

    hq.commit()

    (reply,) = hq.take(REPLY)
    assert reply["position"] == hq.log[-1].position
    assert len(hq.take(f"job/{reply['result']['jobs'][0]}/event")) == 1


@proves("P25", "P27")
def test_a_repeat_gets_the_stored_answer_and_does_nothing_again() -> None:
    hq = WireHq()
    first = hq.ask("submit", message_id="same", jobs=[job_spec()])
    hq.submit()

    again = hq.ask("submit", message_id="same", jobs=[job_spec()])

    assert again == first
    assert len(hq.events(JobSubmitted)) == 2


@proves("P25")
def test_a_key_counts_whatever_the_envelopes_id() -> None:
    hq = WireHq()
    first = hq.ask("submit", key="k", jobs=[job_spec()])

    assert hq.ask("submit", key="k", jobs=[job_spec()])["result"] == first["result"]


@proves("P25")
@pytest.mark.parametrize(("seconds", "submitted"), [(7 * 86400, 1), (7 * 86400 + 1, 2)])
def test_answers_are_kept_for_seven_days(seconds: float, submitted: int) -> None:
    hq = WireHq()
    hq.ask("submit", key="k", jobs=[job_spec()])
    hq.wall += seconds
    # Something else is stored at that time: it is then that old answers go.
    hq.ask("cancel", key="other", jobs=[hq.events(JobSubmitted)[0].job])  # type: ignore[union-attr]

    hq.ask("submit", key="k", jobs=[job_spec()])

    assert len(hq.events(JobSubmitted)) == submitted


@proves("P26")
def test_a_key_with_other_content_is_refused_and_keys_of_others_are_their_own() -> None:
    hq = WireHq()
    hq.ask("submit", key="k", jobs=[job_spec()])

    assert hq.ask("submit", key="k", jobs=[job_spec(priority=1)])["error"]["code"] == "key_reused"
    assert hq.ask("cancel", key="k", jobs=["j" + "a" * 12])["error"]["code"] == "key_reused"
    assert hq.ask("submit", by="otto", key="k", jobs=[job_spec(priority=1)])["ok"]


@proves("P28")
def test_only_web_acts_for_others() -> None:
    hq = WireHq()

    assert hq.ask("submit", on_behalf_of="otto", jobs=[job_spec()])["error"]["code"] == "not_allowed"
    assert hq.ask("submit", by="web", on_behalf_of="otto", key="k", jobs=[job_spec()])["ok"]

    (event,) = hq.events(JobSubmitted)
    assert event.submitter == "otto"  # type: ignore[union-attr]
    assert hq.ask("submit", by="otto", key="k", jobs=[job_spec(priority=1)])["error"]["code"] == "key_reused"


@proves("P3")
def test_the_envelopes_source_is_not_looked_at() -> None:
    hq = WireHq()
    hq.put(OLGA, envelope(OLGA, {"kind": "submit", "jobs": [job_spec()]}, source="hq"))

    (event,) = hq.events(JobSubmitted)
    assert event.submitter == "olga"  # type: ignore[union-attr]


@proves("P29")
def test_while_the_database_is_silent_changes_are_refused_and_questions_answered() -> None:
    hq = WireHq()
    agent = WireAgent(hq)
    agent.beat()
    hq.submit()
    hq.holds_commits = True
    hq.put(OLGA, envelope(OLGA, {"kind": "submit", "jobs": [job_spec()]}))
    hq.later(5)
    hq.put(OLGA, envelope(OLGA, {"kind": "submit", "jobs": [job_spec()]}, "early"))
    assert hq.take(REPLY) == []
    hq.later(0.5)

    refused = hq.ask("submit", jobs=[job_spec()])

    assert refused["error"]["code"] == "unavailable"
    assert hq.ask("ping")["result"]["database"] == "silent"
    assert agent.beat()["seq"] == agent.seq
    hq.holds_commits = False
    hq.commit()
    hq.step()
    assert [reply["ok"] for reply in hq.take(REPLY)] == [True, True]
    assert hq.ask("submit", jobs=[job_spec()])["ok"]


@proves("P30")
@pytest.mark.parametrize("kind", ["cancel", "hold", "release", "retry", "delete"])
def test_a_change_of_many_jobs_is_for_all_or_none(kind: str) -> None:
    hq = WireHq()
    (job,) = hq.submit()
    before = len(hq.events())

    refused = hq.ask(kind, jobs=[job, "j" + "a" * 12])

    assert refused["error"]["code"] in ("unknown_job", "not_held", "not_final")
    assert len(hq.events()) == before


@proves("P30")
def test_one_bad_spec_refuses_the_whole_submit() -> None:
    hq = WireHq()
    outside = job_spec() | {"script": {"bundle": "0" * 64, "entry": "../etc/passwd"}}

    assert hq.ask("submit", jobs=[job_spec(), outside])["error"]["code"] == "bad_spec"
    assert hq.events(JobSubmitted) == []


@proves("P30")
def test_the_codes_say_why_not() -> None:
    hq = WireHq()
    (job,) = hq.submit()

    assert hq.ask("release", jobs=[job])["error"]["code"] == "not_held"
    assert hq.ask("hold", jobs=[job])["ok"]
    assert hq.ask("hold", jobs=[job])["error"]["code"] == "not_queued"
    assert hq.ask("cancel", jobs=[job])["ok"]
    assert hq.ask("cancel", jobs=[job])["error"]["code"] == "already_final"
    assert hq.ask("cancel_sweep", sweep="s" + "a" * 12)["error"]["code"] == "unknown_sweep"


@proves("P31")
def test_a_cancel_is_final_at_once_and_the_stop_is_repeated_with_every_heartbeat() -> None:
    hq = WireHq()
    agent = WireAgent(hq)
    job, token = agent.begin()
    agent.hear("ack")

    hq.ask("cancel", jobs=[job])

    assert isinstance(hq.events()[-2], JobCancelled)
    order = {"job": job, "token": token, "command": "stop"}
    assert [ack["orders"] for ack in agent.hear("ack")] == [[order]]
    assert agent.beat((job, token, "running"))["orders"] == [order]
    assert agent.beat((job, token, "running"))["orders"] == [order]


@proves("P32")
def test_a_retry_is_a_new_job() -> None:
    hq = WireHq()
    (old,) = hq.submit(name="again", expires=hq.wall + 5)
    hq.ask("cancel", jobs=[old])

    (new,) = hq.ask("retry", jobs=[old])["result"]["jobs"]

    assert new != old
    event = hq.events(JobSubmitted)[-1]
    assert (event.spec.retry_of, event.spec.name, event.spec.expires) == (old, "again", 0)  # type: ignore[union-attr]


@proves("P60")
def test_only_what_has_ended_is_deleted() -> None:
    hq = WireHq()
    agent = WireAgent(hq)
    job, token = agent.begin()
    assert hq.ask("delete", jobs=[job])["error"]["code"] == "not_final"
    hq.ask("cancel", jobs=[job])
    hq.take(f"job/{job}/event")

    assert hq.ask("delete", jobs=[job])["ok"]

    assert len(hq.events(JobDeleted)) == 1
    assert hq.take(f"job/{job}/event") == []
    assert agent.result(job, token) == {"job": job, "token": token, "verdict": "superseded"}


@proves("P80")
def test_who_watches_is_told_of_deletions_after_the_commit_and_of_nothing_later() -> None:
    hq = WireHq()
    agent = WireAgent(hq)
    job, token = agent.begin()
    hq.ask("cancel", jobs=[job])
    hq.take(f"job/{job}/event")

    hq.holds_commits = True
    olga = "client/olga/up/request"
    hq.put(olga, envelope(olga, {"kind": "delete", "jobs": [job]}, "the-deletion"))
    assert hq.take(f"job/{job}/deleted") == []
    hq.holds_commits = False
    hq.commit()

    assert hq.take(f"job/{job}/deleted") == [{"position": hq.log[-1].position, "index": 0, "by": "olga"}]
    agent.result(job, token)
    assert hq.take(f"job/{job}/event") == hq.take(f"job/{job}/deleted") == []


@proves("P80")
def test_a_deleted_sweeps_trials_are_told_of_before_the_sweep() -> None:
    hq = WireHq()
    sweep = hq.ask("submit_sweep", sweep=sweep_spec(trials=1))["result"]["sweep"]
    (job,) = hq.ask("propose", by="search", sweep=sweep, first=0, trials=[{"x": 1}])["result"]["jobs"]
    hq.ask("cancel_sweep", sweep=sweep)

    hq.ask("delete_sweep", sweep=sweep)

    (of_job,), (of_sweep,) = hq.take(f"job/{job}/deleted"), hq.take(f"sweep/{sweep}/deleted")
    assert of_job["position"] == of_sweep["position"] == hq.log[-1].position
    assert (of_job["index"], of_sweep["index"]) == (0, 1)


@proves("P60")
def test_a_sweep_is_deleted_with_its_jobs_once_it_has_ended() -> None:
    hq = WireHq()
    sweep = hq.ask("submit_sweep", sweep=sweep_spec(trials=2))["result"]["sweep"]
    hq.ask("propose", by="search", sweep=sweep, first=0, trials=[{"x": 1}, {"x": 2}])
    assert hq.ask("delete_sweep", sweep=sweep)["error"]["code"] == "not_final"
    hq.ask("cancel_sweep", sweep=sweep)

    assert hq.ask("delete_sweep", sweep=sweep)["result"] == {"sweep": sweep, "deleted": 2}
    assert hq.ask("delete_sweep", sweep="s" + "a" * 12)["error"]["code"] == "unknown_sweep"


@proves("P33")
def test_trials_are_jobs_of_their_sweep_which_is_finished_when_they_are() -> None:
    hq = WireHq()
    sweep = hq.ask("submit_sweep", sweep=sweep_spec(trials=2))["result"]["sweep"]
    proposed = hq.ask("propose", by="search", sweep=sweep, first=0, trials=[{"x": 1}, {"x": 2}])
    jobs = proposed["result"]["jobs"]

    specs = [event.spec for event in hq.events(JobSubmitted)]  # type: ignore[union-attr]
    assert [(spec.sweep, spec.trial, spec.params) for spec in specs] == [
        (sweep, 0, {"x": 1}),
        (sweep, 1, {"x": 2}),
    ]
    hq.ask("cancel", jobs=jobs[:1])
    assert hq.events(SweepFinished) == []
    hq.ask("cancel", jobs=jobs[1:])
    assert len(hq.events(SweepFinished)) == 1


@proves("P33")
def test_a_submitted_job_may_not_say_that_it_is_a_trial() -> None:
    hq = WireHq()

    assert hq.ask("submit", jobs=[job_spec(sweep="s" + "a" * 12, trial=0)])["error"]["code"] == "bad_spec"


@proves("P34")
def test_a_proposal_for_another_place_is_stale_and_others_may_not_propose() -> None:
    hq = WireHq()
    sweep = hq.ask("submit_sweep", sweep=sweep_spec(trials=3))["result"]["sweep"]
    hq.ask("propose", by="search", sweep=sweep, first=0, trials=[{"x": 1}])

    def code(by: str, first: int, count: int) -> str:
        trials = [{"x": 1}] * count
        reply = hq.ask("propose", by=by, sweep=sweep, first=first, trials=trials)
        found: str = reply["error"]["code"]
        return found

    assert code("search", 0, 1) == "stale"
    assert code("search", 2, 1) == "stale"
    assert code("search", 1, 3) == "too_many"
    assert code("olga", 1, 1) == "not_allowed"
    assert len(hq.events(TrialProposed)) == 1


@proves("P94")
def test_what_happened_in_a_sweep_is_told_after_what_is_known() -> None:
    hq = WireHq()
    sweep = hq.ask("submit_sweep", sweep=sweep_spec(trials=3))["result"]["sweep"]
    proposed = hq.ask("propose", by="search", sweep=sweep, first=0, trials=[{"x": 1}, {"x": 2}])
    hq.ask("cancel", jobs=proposed["result"]["jobs"][1:])

    (view,) = hq.ask("read_sweeps", known={sweep: {}})["result"]["sweeps"]
    assert (view["proposed"], view["ended"]) == (2, 1)
    assert view["news"]["trials"] == [{"x": 1}, {"x": 2}]
    assert [(end["trial"], end["status"]) for end in view["news"]["ends"]] == [(1, "cancelled")]

    (view,) = hq.ask("read_sweeps", known={sweep: {"trials": 2, "ends": 1}})["result"]["sweeps"]
    assert (view["news"]["trials"], view["news"]["ends"]) == ([], [])
    (view,) = hq.ask("read_sweeps")["result"]["sweeps"]
    assert view.get("news") is None


@proves("P95")
def test_a_sweep_in_which_nothing_can_be_chosen_says_why() -> None:
    hq = WireHq()
    sweep = hq.ask("submit_sweep", sweep=sweep_spec(trials=3))["result"]["sweep"]

    def why() -> str:
        (view,) = hq.ask("read_sweeps")["result"]["sweeps"]
        return str(view["why"])

    hq.ask("propose", by="search", sweep=sweep, first=0, trials=[], why="cmaes is missing")
    assert why() == "cmaes is missing"
    hq.ask("propose", by="search", sweep=sweep, first=0, trials=[{"x": 1}])
    assert why() == ""


@proves("P35")
@pytest.mark.parametrize("kind", QUESTIONS)
def test_questions_change_nothing(kind: str) -> None:
    hq = WireHq()
    (job,) = hq.submit()
    before = len(hq.log)

    reply = hq.ask(kind, **({"job": job} if kind == "explain" else {}))

    assert reply["ok"]
    assert reply["position"] == hq.log[-1].position
    assert len(hq.log) == before


@proves("P59")
def test_the_largest_of_each_kind_fits_the_log() -> None:
    hq = WireHq()
    numbers = [1] * 98_000
    assert hq.ask("submit", jobs=[job_spec(params={"x": numbers})])["ok"]
    job = hq.events(JobSubmitted)[-1].job  # type: ignore[union-attr]
    wide = {"job": job_spec(params={"x": [1] * 1900}), "space": {"y": {"type": "choice", "values": [1]}}}
    sweep = hq.ask("submit_sweep", sweep=wide | {"trials": 200, "parallel": 200})["result"]["sweep"]
    trials = [{"y": [1] * 300} for _ in range(200)]
    assert hq.ask("propose", by="search", sweep=sweep, first=0, trials=trials)["ok"]
    assert hq.ask("retry", jobs=[job])["ok"]
    assert hq.ask("retry", jobs=[e.job for e in hq.events(JobSubmitted)][1:201])["ok"]  # type: ignore[union-attr]
    assert hq.ask("submit", jobs=[job_spec()] * 2200)["ok"]

    for decision in hq.log:
        decision_to_document(decision)


@proves("P59")
def test_what_is_over_a_limit_is_refused_by_name() -> None:
    hq = WireHq()
    jobs = [job for _ in range(9) for job in hq.submit(params={"x": "a" * 150_000})]

    assert hq.ask("retry", jobs=jobs)["error"]["code"] == "too_big"
    assert hq.ask("retry", jobs=jobs[:6])["ok"]
    assert hq.ask("submit", jobs=[job_spec(params={"x": "a" * 205_000})])["error"]["code"] == "too_big"
    bulky = sweep_spec(job=job_spec(params={"x": "a" * 5000}))
    assert hq.ask("submit_sweep", sweep=bulky)["error"]["code"] == "too_big"
    assert hq.ask("submit_sweep", sweep=sweep_spec(space={}))["error"]["code"] == "bad_space"


def test_every_change_is_stored_with_its_answer() -> None:
    hq = WireHq()
    (job,) = hq.submit()
    agent = WireAgent(hq)
    agent.beat()
    agent.claim(job, agent.offer()["token"])

    assert [type(event).__name__ for event in hq.events()][1:3] == ["JobSubmitted", "RequestAnswered"]
    assert len(hq.events(RequestAnswered)) == len(hq.events(JobClaimed)) == 1
    assert json.loads(json.dumps(hq.events(RequestAnswered)[0].answer)) == {"jobs": [job]}  # type: ignore[union-attr]


@proves("P83")
def test_a_pickled_call_without_its_authors_signature_is_refused(hq: WireHq) -> None:
    script = {"bundle": "a" * 64, "entry": "idlehands_call.py"}
    refused = hq.ask("submit", jobs=[job_spec(script=script)])
    assert refused["error"]["code"] == "unsigned_call"

    signature = {"key": "b" * 64, "statement": "{}", "signature": "x"}
    assert hq.ask("submit", jobs=[job_spec(script={**script, "signature": signature})])["ok"]


@proves("P84")
def test_a_job_goes_only_where_the_interpreter_is_what_it_needs(hq: WireHq) -> None:
    old, new = WireAgent(hq), WireAgent(hq, "cellar")
    old.beat(facts={"python": "3.11.7"})
    new.beat(facts={"python": "3.12.1"})

    (job,) = hq.submit(needs={"python": "3.12"})
    (nowhere,) = hq.submit(needs={"python": "3.1"})

    assert new.offer()["job"] == job
    assert old.hear("offer") == []
    why = hq.ask("explain", job=nowhere)["result"]["why"]
    assert "its Python is 3.11.7, the job needs 3.1" in why
