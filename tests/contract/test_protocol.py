"""docs/protocol.md: envelope, topics and watching; and that every numbered sentence has a test."""

import ast
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import msgspec
import pytest

from bus import topics
from bus.codec import MAX_MESSAGE_BYTES, decode
from bus.memory_bus import MemoryBus, MemoryHub
from bus.port import BusInput, Inbound
from hq.publishing import publish
from schemas import (
    audit,
    early_stopping,
    events,
    facts,
    messages,
    objectives,
    pipelines,
    requests,
    samplers,
    schedules,
    spaces,
    specs,
    trials,
)
from schemas.names import JOB_PATTERN, NAME_PATTERN, SWEEP_PATTERN
from schemas.states import JobStatus
from tests.contract import (  # noqa: F401 - they note what they prove
    test_protocol_asking,
    test_protocol_boots,
    test_protocol_claiming_ahead,
    test_protocol_claims,
    test_protocol_dependencies,
    test_protocol_duties,
    test_protocol_leases,
    test_protocol_models,
    test_protocol_requests,
    test_protocol_results,
    test_protocol_schedules,
    test_protocol_services,
    test_protocol_sweeps,
    test_protocol_unwilling,
    test_signatures,
)
from tests.contract.bus_worlds import eventually
from tests.contract.protocol_house import PROVEN, WireAgent, WireHq, envelope, job_spec, proves

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "protocol.md").read_text()
OLGA = "client/olga/up/request"
JOB = "j" + "a" * 12

_IDENTITY = "tests/e2e/test_broker_identity.py"
#: Sentences that tests elsewhere cover, on the real broker or the real server.
ELSEWHERE: dict[str, dict[str, tuple[str, ...]]] = {
    "P1": {
        _IDENTITY: (
            "test_a_certificate_of_the_house_opens_the_door",
            "test_without_a_certificate_nobody_gets_in",
            "test_without_tls_nobody_gets_in",
            "test_tls_before_1_3_is_refused",
            "test_a_certificate_of_another_house_is_refused",
        ),
        "tests/unit/idlehands/cli/test_command_line.py": ("test_a_certificate_is_what_mosquitto_takes",),
    },
    "P2": {
        "tests/unit/idlehands/house/test_pki.py": (
            "test_the_brokers_certificate_names_every_way_to_reach_it",
        ),
        "tests/unit/bus/test_paho_bus.py": ("test_a_broker_of_another_house_is_not_trusted",),
    },
    "P3": {_IDENTITY: ("test_a_claimed_user_name_is_not_an_identity",)},
    "P4": {
        _IDENTITY: (
            "test_an_operator_sees_what_agents_say",
            "test_an_operator_sees_what_hq_says_to_agents_and_everybody",
            "test_a_request_reaches_hq_and_its_reply_only_who_asked",
            "test_an_agent_cannot_publish_what_is_not_its_own",
            "test_an_agent_reads_its_own_orders_and_nobody_elses",
            "test_a_viewer_watches_jobs_and_machines_but_not_what_they_say_to_hq",
            "test_a_viewer_can_ask_for_nothing",
        )
    },
    "P5": {
        "tests/unit/idlehands/house/test_broker.py": ("test_the_broker_is_closed_and_keeps_nothing",),
        "tests/contract/test_bus.py": (
            "test_two_clients_with_one_name_live_side_by_side",
            "test_everybody_comes_back_after_the_broker_was_killed",
        ),
    },
    "P6": {
        "tests/unit/bus/test_paho_bus.py": ("test_a_request_of_others_at_qos_1_arrives_with_its_properties",)
    },
    "P9": {"tests/unit/bus/test_router.py": ("test_free_form_values_that_cannot_be_stored_are_refused",)},
    "P79": {
        "tests/unit/hq/test_home_assistant.py": (
            "test_the_message_fits_the_schema",
            "test_what_is_pressed_is_a_request_on_the_topic_of_one_certificate",
            "test_a_machine_that_was_removed_is_taken_back_and_again_for_who_was_away",
            "test_a_new_broker_and_a_new_hq_are_told_everything_and_what_is_gone",
        ),
        "tests/unit/hq/test_house_device.py": (
            "test_the_announcement_fits_the_schema_and_is_no_machines",
            "test_what_is_not_known_is_unknown_there_and_not_zero",
            "test_the_house_is_announced_and_its_state_is_said_when_it_changed",
        ),
        "tests/contract/test_bus.py": (
            "test_what_is_none_of_the_houses_topics_is_retained_until_it_is_taken_back",
        ),
    },
    "P14": {"tests/contract/test_bus.py": ("test_the_will_is_published_on_stop_and_retained",)},
    "P24": {
        "tests/contract/test_event_log_under_kills.py": (
            "test_appends_survive_kills_of_mongod_in_the_middle",
        )
    },
    "P57": {
        "tests/unit/dash_app/test_blobs_over_rest.py": (
            "test_content_comes_back_as_it_was_sent",
            "test_wrong_content_is_refused_and_leaves_nothing",
            "test_a_blob_over_the_limit_is_refused_before_it_is_sent",
        )
    },
    "P76": {
        "tests/unit/dash_app/test_blobs_over_rest.py": (
            "test_a_part_is_what_was_asked_for",
            "test_a_blob_that_comes_in_pieces_is_whole_at_the_last_one",
            "test_pieces_of_wrong_content_leave_nothing",
        )
    },
    "P77": {
        "tests/unit/dash_app/test_datasets_over_rest.py": (
            "test_a_file_becomes_the_newest_version_and_comes_back",
        ),
        "tests/unit/agents/runner/test_inputs.py": (
            "test_a_parameter_becomes_a_path_and_the_result_says_which_version",
            "test_words_and_lists_name_datasets_too",
        ),
    },
    "P82": {
        "tests/unit/agents/runner/test_inputs.py": (
            "test_a_blob_becomes_a_path_called_by_its_hash",
            "test_what_is_no_blob_is_a_named_failure",
        ),
    },
    "P58": {
        "tests/unit/agents/runner/test_bundles.py": (
            "test_a_path_that_leaves_the_folder_is_refused",
            "test_links_and_devices_are_refused",
            "test_what_is_no_whole_archive_is_refused",
        )
    },
    "P89": {
        "tests/unit/agents/runner/test_arguments.py": (
            "test_a_parameter_becomes_a_flag_with_dashes",
            "test_true_is_a_bare_flag_and_false_and_none_are_left_out",
            "test_a_list_becomes_several_values",
            "test_positional_values_come_in_order_after_the_raw_words",
            "test_stdin_carries_one_json_object_and_the_command_line_only_the_raw_words",
        ),
        "tests/contract/test_conformance.py": ("test_our_agent_keeps_the_whole_protocol",),
    },
    "P90": {
        "tests/contract/test_conformance.py": ("test_the_example_in_python_does_all_that_an_agent_must",),
    },
    "P67": {
        "tests/unit/hq/core/test_isolation.py": (
            "test_a_job_gets_the_weakest_level_that_will_do_and_never_a_weaker_one",
            "test_hq_offers_a_job_only_where_its_isolation_is",
            "test_a_machine_that_says_nothing_of_isolation_is_basic",
        ),
        "tests/unit/agents/runner/test_isolation.py": (
            "test_a_job_whose_isolation_is_not_here_is_handed_back",
        ),
    },
    "P78": {
        "tests/unit/hq/core/test_explain.py": ("test_when_nobody_fits_it_names_the_need_of_each_machine",),
        "tests/unit/agents/environments/test_environments.py": (
            "test_requirements_with_includes_and_a_project_are_built_and_another_pin_is_another_environment",
            "test_the_owner_names_interpreters_and_scripts_run_in_them",
        ),
    },
    "P68": {
        "tests/unit/hq/test_sealing.py": (
            "test_a_job_that_asks_for_an_unknown_secret_is_refused",
            "test_a_job_that_asks_for_a_known_secret_is_taken_and_who_asked_is_on_record",
        )
    },
    "P69": {
        "tests/unit/hq/test_sealing.py": (
            "test_the_agent_that_was_granted_the_job_opens_its_secrets",
            "test_nobody_else_does_and_not_for_another_attempt",
        ),
        "tests/e2e/test_secrets_and_isolation.py": ("test_a_secret_is_nowhere_but_in_its_script",),
    },
    "P70": {
        "tests/unit/agents/runner/test_masking.py": (
            "test_values_are_hidden_whole_by_line_and_as_they_are_written",
            "test_nothing_that_is_reported_has_a_value",
        )
    },
}


# --- the page itself ---------------------------------------------------------------------


def test_every_numbered_sentence_has_a_test_and_every_test_a_sentence() -> None:
    numbered = re.findall(r"^\*\*(P\d+)\*\*", PAGE, re.MULTILINE)

    # Each once, and none left out.
    assert sorted(numbered, key=_number) == [f"P{number + 1}" for number in range(len(numbered))]
    assert sorted({*PROVEN, *ELSEWHERE}, key=_number) == sorted(numbered, key=_number)


def _number(sentence: str) -> int:
    return int(sentence[1:])


def test_the_tests_elsewhere_are_there() -> None:
    for named in ELSEWHERE.values():
        for path, wanted in named.items():
            tree = ast.parse((ROOT / path).read_text())
            there = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
            assert set(wanted) <= there, f"{path} lost {sorted(set(wanted) - there)}"


def _documented() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, table in re.findall(r"#### `(\w+)`\n((?:\|.*\n)+)", PAGE):
        found[name] = re.findall(r"^\| `(\w+)` \|", table, re.M)
    return found


def _structs() -> dict[str, list[str]]:
    inside = {"Message", "Fact", "Spec", "Request", "WhyWaiting", "Option"}
    kinds = [
        kind
        for module in (
            audit,
            messages,
            facts,
            specs,
            requests,
            early_stopping,
            spaces,
            samplers,
            schedules,
            objectives,
            trials,
            pipelines,
        )
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and _is_of(kind, module)
    ]
    return {kind.__name__: _fields(kind) for kind in kinds if kind.__name__ not in inside}


def _is_of(kind: type, module: ModuleType) -> bool:
    return f"{kind.__module__}.".startswith(f"{module.__name__}.")


def _fields(kind: type[msgspec.Struct]) -> list[str]:
    config = kind.__struct_config__
    tag = [str(config.tag_field)] if config.tag_field else []
    # Stated once for all requests.
    shared = {"key", "on_behalf_of"} if issubclass(kind, requests.Request) else set()
    return tag + [name for name in kind.__struct_encode_fields__ if name not in shared]


def test_every_message_and_field_is_documented_in_its_order() -> None:
    assert _documented() == _structs()


def test_every_event_and_its_fields_are_documented() -> None:
    documented = {
        name: re.findall(r"`(\w+)`", fields)
        for name, fields in re.findall(
            r"^\| `(\w+)` \| ((?:`\w+`(?:, )?)+) \|$", PAGE.split("### Events")[1], re.M
        )
    }

    assert documented == {kind.__name__: list(kind.__struct_fields__) for kind in get_args(events.AnyEvent)}


def test_every_topic_is_documented_with_its_type_and_payload() -> None:
    rows = dict(re.findall(r"^\| `([^`]+)`[^|]* \| \w+ \| `(idlehands[^`]+)` \|", PAGE, re.M))

    assert rows == {topic.template: topic.type for topic in topics.ALL_TOPICS}


def test_every_kind_of_request_is_documented() -> None:
    table = PAGE.split("| kind | does |")[1].split("\n\n")[0]
    kinds = {str(kind.__struct_config__.tag) for kind in get_args(requests.AnyRequest)}

    assert set(re.findall(r"^\| (`\w+`(?:, `\w+`)*) ", table, re.M)) >= {"`submit`", "`hold`, `release`"}
    assert {
        kind for cell in re.findall(r"^\| ([^|]+) \|", table, re.M) for kind in re.findall(r"`(\w+)`", cell)
    } == kinds


# --- the envelope ------------------------------------------------------------------------------


@proves("P7")
@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (
            {
                "subject": "s",
                "time": "2026-01-01T00:00:00Z",
                "traceparent": "t",
                "datacontenttype": "d",
                "more": 1,
            },
            "",
        ),
        ({"source": "somebody else"}, ""),
        ({"id": "i" * 128}, ""),
        ({"id": ""}, "not_an_envelope"),
        ({"id": "i" * 129}, "not_an_envelope"),
        ({"id": 7}, "not_an_envelope"),
        ({"specversion": "0.3"}, "unknown_version"),
        ({"type": "idlehands.claim"}, "wrong_type"),
    ],
)
def test_what_an_envelope_is(changed: dict[str, Any], reason: str) -> None:
    hq = WireHq()
    hq.put(OLGA, envelope(OLGA, {"kind": "ping"}, **changed))

    (reply,) = hq.take("client/olga/down/reply")
    assert (reply.get("error") or {}).get("code", "") == reason


@proves("P7")
@pytest.mark.parametrize("missing", ["specversion", "id", "source", "type", "data"])
def test_what_an_envelope_needs(missing: str) -> None:
    hq = WireHq()
    whole = json.loads(envelope(OLGA, {"kind": "ping"}))
    del whole[missing]
    hq.put(OLGA, json.dumps(whole).encode())

    (reply,) = hq.take("client/olga/down/reply")
    assert reply["error"]["code"] == "not_an_envelope"
    assert hq.refused() == {"not_an_envelope": 1}


@proves("P8", "P9", "P12")
@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (envelope(OLGA, {"kind": "ping"}) + b" " * MAX_MESSAGE_BYTES, "too_big"),
        (b"\xff" + envelope(OLGA, {"kind": "ping"}), "not_utf8"),
        (b"submit!", "not_json"),
        (b"[]", "not_an_envelope"),
        (envelope(OLGA, {"kind": "ping", "more": 1}), "bad_data"),
        (envelope(OLGA, {"kind": "cancel", "jobs": ["j1"]}), "bad_data"),
        (envelope(OLGA, {"kind": "submit", "jobs": [job_spec(params={"x": 10**30})]}), "bad_number"),
        (envelope(OLGA, {"kind": "submit", "jobs": [job_spec(params={"x": float("nan")})]}), "not_json"),
        (envelope(OLGA, {"kind": "submit", "jobs": [job_spec(params={"a\0": 1})]}), "bad_key"),
    ],
)
def test_a_refused_request_is_counted_answered_and_changes_nothing(payload: bytes, reason: str) -> None:
    hq = WireHq()
    before = len(hq.log)

    hq.put(OLGA, payload)

    (reply,) = hq.take("client/olga/down/reply")
    assert reply["error"]["code"] == reason
    assert hq.refused() == {reason: 1}
    assert len(hq.log) == before


@proves("P12")
def test_other_refused_messages_are_only_counted() -> None:
    hq = WireHq()
    hq.sent.clear()
    hq.put("agent/attic/up/heartbeat", b"{}")
    hq.put("agent/attic/up/nonsense", b"{}")
    hq.put("client/UPPER/up/request", envelope(OLGA, {"kind": "ping"}))

    assert hq.sent == []
    assert hq.refused() == {"not_an_envelope": 1, "unknown_topic": 1, "bad_name": 1}


@proves("P61")
def test_what_the_broker_repeats_is_not_heard_again() -> None:
    hq = WireHq()
    hq.put(OLGA, envelope(OLGA, {"kind": "submit", "jobs": [job_spec()]}), retained=True)

    assert hq.events(events.JobSubmitted) == []
    assert hq.refused() == {"retained": 1}


@proves("P9")
def test_the_page_names_every_reason() -> None:
    text = (ROOT / "bus" / "codec.py").read_text() + (ROOT / "bus" / "router.py").read_text()
    reasons = set(re.findall(r'(?:MalformedMessage\(\s*|Refusal\((?:None|topic), {}, )"(\w+)"', text))

    assert len(reasons) == 12
    assert all(f"`{reason}`" in PAGE for reason in reasons)


@proves("P10")
def test_unknown_fields_are_ignored_in_messages_and_refused_in_requests() -> None:
    hq = WireHq()
    agent = WireAgent(hq)

    assert agent.beat(news="of the next version")["seq"] == 0
    assert hq.ask("ping", news=1)["error"]["code"] == "bad_data"
    assert hq.ask("submit", jobs=[job_spec(prio=1)])["error"]["code"] == "bad_data"


@proves("P11")
def test_what_is_left_out_has_its_default() -> None:
    hq = WireHq()
    agent = WireAgent(hq)
    job, token = agent.begin()

    spec = next(e.spec for e in hq.events(events.JobSubmitted))  # type: ignore[union-attr]
    assert (spec.arguments, spec.max_starts, spec.priority) == ("flags", 3, 0)
    assert set(agent.beat((job, token, "running"))) == {"epoch", "boot", "seq", "orders"}
    assert set(hq.ask("ping")) == {"request", "ok", "position", "result"}


@proves("P13")
def test_names_and_ids_are_as_the_page_says() -> None:
    assert {p.replace(r"(?!\n)", "") for p in (NAME_PATTERN, JOB_PATTERN, SWEEP_PATTERN)} == set(
        re.findall(r"`(\^[^`]+)`", PAGE.split("**P13**")[1].split("\n\n")[0])
    )
    hq = WireHq()
    (job,) = hq.submit()
    assert re.fullmatch(r"j[a-z2-7]{12}", job)


# --- watching ------------------------------------------------------------------------------------


@proves("P14")
def test_hq_says_its_state_when_it_begins_and_every_three_seconds() -> None:
    hq = WireHq()
    said = {"online": True, "epoch": 7, "version": "1", "rest": "http://127.0.0.1:1"}
    assert hq.take("hq/state") == [said]

    hq.later(9)

    assert len(hq.take("hq/state")) == 3
    hq.authority.greet(hq.now)
    hq.step()
    assert len(hq.take("hq/state")) == 1


@proves("P15", "P16", "P17")
def test_notices_number_a_jobs_events_without_gaps_until_its_end() -> None:
    hq = WireHq()
    agent = WireAgent(hq)
    job, token = agent.begin()
    agent.beat((job, token, "running"))
    agent.result(job, token)
    agent.result(job, token + 5)

    notices = hq.take(f"job/{job}/event")
    assert [notice["event"]["type"] for notice in notices] == ["JobSubmitted", "JobClaimed", "JobSucceeded"]
    assert [notice["revision"] for notice in notices] == [1, 2, 3]
    assert [notice["status"] for notice in notices] == ["queued", "running", "succeeded"]
    where = [(notice["position"], notice["index"]) for notice in notices]
    assert where == sorted(set(where))
    for notice in notices:
        stored = hq.log[notice["position"] - 1].events[notice["index"]]
        assert msgspec.to_builtins(stored) == notice["event"]


@proves("P17")
def test_a_late_result_is_stored_and_changes_nothing() -> None:
    hq = WireHq()
    agent = WireAgent(hq)
    job, token = agent.begin()
    hq.ask("cancel", jobs=[job])

    assert agent.result(job, token) == {"job": job, "token": token, "verdict": "superseded"}

    assert [notice["status"] for notice in hq.take(f"job/{job}/event")][-1] == "cancelled"
    assert len(hq.events(events.ResultSuperseded)) == 1


class Listener:
    """Keeps what arrives on a bus."""

    def __init__(self, hub: MemoryHub, topic: topics.Topic) -> None:
        self.got: list[Inbound] = []
        self.bus = MemoryBus(hub, "olga")
        self.bus.subscribe(topic)
        self.bus.start(self._note)

    def _note(self, what: BusInput) -> None:
        if isinstance(what, Inbound):
            self.got.append(what)


@proves("P18")
def test_a_notice_that_would_not_fit_comes_without_its_bulk() -> None:
    hub = MemoryHub()
    listener, hq = Listener(hub, topics.JOB_EVENT), MemoryBus(hub, "hq")
    hq.start(lambda _: None)
    points = tuple(facts.MetricPoint(n, 0.0, {"loss": 0.1}) for n in range(9000))
    result = facts.AttemptResult(JOB, 1, facts.Outcome.SUCCEEDED, result={"x": 1}, series=points)
    event = events.JobSucceeded(JOB, 1, result)
    notice = messages.JobNotice(3, 0, 2, JobStatus.SUCCEEDED, event)

    publish(hq, topics.JOB_EVENT, {"job": JOB}, notice)

    (arrived,) = eventually(lambda: listener.got)
    assert arrived.data.revision == notice.revision
    assert (arrived.data.event.result.series, arrived.data.event.result.result) == ((), None)
    assert "REST" in arrived.data.event.result.notes[0]
    hq.stop()
    listener.bus.stop()


@proves("P8")
def test_a_list_that_would_not_fit_is_sent_in_parts() -> None:
    hub = MemoryHub()
    listener, hq = Listener(hub, topics.OFFER), MemoryBus(hub, "hq")
    hq.start(lambda _: None)
    offered = tuple(messages.Offer(JOB, 2**40 + number) for number in range(20_000))

    publish(hq, topics.OFFER, {"agent": "attic"}, messages.Offers(7, offered))

    eventually(lambda: sum(len(message.data.offers) for message in listener.got) == len(offered))
    assert len(listener.got) > 1
    assert tuple(one for message in listener.got for one in message.data.offers) == offered
    hq.stop()
    listener.bus.stop()


@proves("P19")
def test_a_sweeps_notices_are_numbered_and_a_trials_end_is_its_jobs() -> None:
    hq = WireHq()
    spec = {"job": job_spec(), "space": {"x": {"type": "int", "low": 0, "high": 9}}, "trials": 1}
    sweep = hq.ask("submit_sweep", sweep=spec)["result"]["sweep"]
    (job,) = hq.ask("propose", by="search", sweep=sweep, first=0, trials=[{"x": 1}])["result"]["jobs"]
    hq.ask("cancel", jobs=[job])

    notices = hq.take(f"sweep/{sweep}/event")
    kinds = ["SweepSubmitted", "TrialProposed", "SweepExhausted", "SweepFinished"]
    assert [notice["event"]["type"] for notice in notices] == kinds
    assert [notice["revision"] for notice in notices] == [1, 2, 3, 4]
    assert notices[-1]["status"] == "finished"
    assert [notice["status"] for notice in hq.take(f"job/{job}/event")] == ["queued", "cancelled"]


@proves("P20")
def test_progress_and_logs_are_forwarded_from_the_lease_holder_only_and_not_too_often() -> None:
    hq = WireHq()
    agent, other = WireAgent(hq), WireAgent(hq, "cellar", letter="d")
    job, token = agent.begin()
    item = {"job": job, "token": token}

    other.say("progress", items=[item | {"percent": 1.0}])
    agent.say("progress", items=[item | {"percent": 2.0}, item | {"token": token + 1, "percent": 3.0}])
    agent.say("log", items=[item | {"seq": 0, "lines": ["hello"]}])

    assert hq.take(f"job/{job}/progress") == [{"agent": "attic", "progress": item | {"percent": 2.0}}]
    assert hq.take(f"job/{job}/log") == [{"agent": "attic", "log": item | {"seq": 0, "lines": ["hello"]}}]
    assert hq.refused() == {"not_the_lease_holder": 2}
    for _ in range(60):
        agent.say("progress", items=[item | {"percent": 4.0}])
    assert len(hq.take(f"job/{job}/progress")) == 48
    assert hq.refused() == {"not_the_lease_holder": 2, "over_rate": 12}
    assert len(hq.recorded) == 50


@proves("P21")
def test_presence_is_a_hint_and_silence_ends_the_offers() -> None:
    hq = WireHq()
    agent = WireAgent(hq)
    agent.beat()
    gone = envelope("agent/attic/presence", {"online": False, "boot": 1})
    hq.put("agent/attic/presence", gone)
    hq.submit()
    assert agent.hear("offer") == []
    agent.beat()
    hq.later(1.5)
    assert len(agent.hear("offer")) == 1

    hq.later(31)
    agent.hear("offer")
    hq.later(30)

    assert agent.hear("offer") == []


def test_the_example_of_an_envelope_is_one() -> None:
    (example,) = re.findall(r"```json\n(.*?)\n```", PAGE, re.S)

    assert isinstance(decode(topics.REQUEST, example.encode()).data, requests.Ping)
