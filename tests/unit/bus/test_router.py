"""Whatever bytes arrive on whatever topic: a message or a refusal, never an exception."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bus.codec import MalformedMessage, check_free_form, decode, encode
from bus.port import Inbound, Refusal
from bus.router import route
from bus.topics import ALL_TOPICS, CLAIM, HEARTBEAT, REQUEST, RESULT, Topic
from schemas import messages, requests
from schemas.facts import AttemptResult, MachineFacts, MetricPoint
from schemas.specs import Choice, FloatRange, JobSpec, ScriptRef, SweepSpec
from schemas.states import Outcome, Phase

JOB = "jaaaaaaaaaaaa"
NAMES = {"agent": "attic", "client": "cli", "job": JOB, "sweep": "saaaaaaaaaaaa"}
SPEC = JobSpec(ScriptRef("a" * 64, "train.py"), params={"lr": 0.1, "layers": [64, 32], "name": "ü\U0001f600"})
SAMPLES: list[tuple[Topic, Any]] = [
    (
        HEARTBEAT,
        messages.Heartbeat(
            boot=1,
            instance="f" * 32,
            seq=3,
            slots=2,
            free=1,
            attempts=(messages.AttemptReport(JOB, 2**40, Phase.RUNNING),),
            facts=MachineFacts(cores=4, labels=("gpu",)),
        ),
    ),
    (CLAIM, messages.Claims(1, (messages.Claim(JOB, 2**40, "0123456789abcdef" * 2),))),
    (
        RESULT,
        messages.Results(
            1,
            (
                AttemptResult(
                    JOB,
                    2**40,
                    Outcome.SUCCEEDED,
                    result={"accuracy": 0.97, "nested": {"a": [1, None, True]}},
                    series=(MetricPoint(0, 1.0, {"loss": None}),),
                ),
            ),
        ),
    ),
    (REQUEST, requests.Submit(key="k", jobs=(SPEC, SPEC))),
    (
        REQUEST,
        requests.SubmitSweep(
            sweep=SweepSpec(SPEC, {"lr": FloatRange(1e-4, 0.1, log=True), "opt": Choice(("adam", 1))})
        ),
    ),
]


@pytest.mark.parametrize(("topic", "data"), SAMPLES, ids=lambda value: getattr(value, "type", ""))
def test_what_is_encoded_is_decoded_to_the_same(topic: Topic, data: Any) -> None:
    found = route(topic.of(**NAMES), encode(topic, data, message_id="m", source="attic"))

    assert isinstance(found, Inbound)
    assert found.data == data
    assert (found.topic, found.id) == (topic, "m")


def test_every_topic_is_found_by_its_name() -> None:
    for topic in ALL_TOPICS:
        found = route(topic.of(**NAMES), b"")
        assert isinstance(found, Refusal)
        assert (found.topic, found.reason) == (topic, "not_json")


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60), st.binary(max_size=200))
def test_any_name_and_any_bytes_are_refused_without_an_exception(name: str, payload: bytes) -> None:
    assert isinstance(route(name, payload), Refusal)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(ALL_TOPICS),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
        max_leaves=20,
    ),
)
def test_any_json_as_data_is_a_message_or_a_refusal(topic: Topic, data: Any) -> None:
    import json

    whole = {"specversion": "1.0", "id": "i", "source": "s", "type": topic.type, "data": data}
    found = route(topic.of(**NAMES), json.dumps(whole).encode())

    assert isinstance(found, Inbound | Refusal)


def test_20_000_mutated_messages_never_raise() -> None:
    chance = random.Random(20)
    wholes = [(t.of(**NAMES), encode(t, data, message_id="m", source="attic")) for t, data in SAMPLES]
    spices = [
        b"\xff",
        b"NaN",
        b"1e999",
        b"9" * 30,
        b"\\u0000",
        b"\\ud800",
        b"[" * 40,
        b'{"',
        b"\0",
        b"null",
        b"-",
    ]
    accepted = 0
    for _ in range(20_000):
        name, whole = chance.choice(wholes)
        payload = bytearray(whole)
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(payload) + 1)
            match chance.randrange(4):
                case 0:
                    payload[at : at + 1] = bytes([chance.randrange(256)])
                case 1:
                    del payload[at : at + chance.randrange(20)]
                case 2:
                    payload[at:at] = chance.choice(spices)
                case _:
                    piece = payload[at : at + chance.randrange(30)]
                    payload[at:at] = piece
        found = route(name, bytes(payload))
        assert isinstance(found, Inbound | Refusal)
        accepted += isinstance(found, Inbound)
    assert 0 < accepted < 15_000


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 123456789012345678901234567890}', "bad_number"),
        ('{"a": 9223372036854775808}', "bad_number"),
        ('{"a": -9223372036854775809}', "bad_number"),
        ('{"a\\u0000b": 1}', "bad_key"),
        ('{"a":' + "[" * 33 + "]" * 33 + "}", "too_deep"),
        ('{"a":' + "[" * 5000 + "]" * 5000 + "}", "too_deep"),
        ('{"a": NaN}', "not_json"),
        ('{"a": "\\ud800"}', "not_json"),
        ('{"a": 1e999}', "bad_data"),
    ],
)
def test_free_form_values_that_cannot_be_stored_are_refused(text: str, reason: str) -> None:
    start = '{"specversion":"1.0","id":"i","source":"s","type":"idlehands.result","data":{"boot":1,"results":'
    whole = start + f'[{{"job":"{JOB}","token":1,"outcome":"succeeded","result":{text}}}]}}}}'

    found = route(RESULT.of(agent="attic"), whole.encode())

    assert isinstance(found, Refusal)
    assert found.reason == reason


def test_the_largest_integers_and_the_deepest_nesting_are_accepted() -> None:
    check_free_form([2**63 - 1, -(2**63)])
    deep: Any = 1
    for _ in range(32):
        deep = [deep]
    check_free_form(deep)
    with pytest.raises(MalformedMessage, match="too_deep"):
        check_free_form([deep])


def test_unknown_fields_are_ignored_in_messages_and_refused_in_requests() -> None:
    def whole(topic: Topic, data: str) -> bytes:
        return f'{{"specversion":"1.0","id":"i","source":"s","type":"{topic.type}","data":{data}}}'.encode()

    assert decode(CLAIM, whole(CLAIM, '{"boot":1,"claims":[],"new":1}')).data == messages.Claims(1, ())
    with pytest.raises(MalformedMessage, match="bad_data"):
        decode(REQUEST, whole(REQUEST, '{"kind":"ping","new":1}'))
