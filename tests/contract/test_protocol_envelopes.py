"""docs/protocol.md: envelopes, what is refused of them, names and defaults."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from bus import topics
from bus.codec import MAX_MESSAGE_BYTES, decode
from schemas import (
    events,
    requests,
)
from schemas.names import JOB_PATTERN, NAME_PATTERN, SWEEP_PATTERN
from tests.contract.protocol_house import WireAgent, WireHq, envelope, job_spec, proves

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "protocol.md").read_text()
OLGA = "client/olga/up/request"


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


def test_the_example_of_an_envelope_is_one() -> None:
    (example,) = re.findall(r"```json\n(.*?)\n```", PAGE, re.S)

    assert isinstance(decode(topics.REQUEST, example.encode()).data, requests.Ping)
